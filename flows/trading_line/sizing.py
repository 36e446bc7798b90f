"""How much: capped fractional Kelly within every cap and what the book shows, as orders that can be sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from flows.trading_line.blotter import Blotter
from flows.trading_line.known import KnownMarket
from flows.trading_line.members import Room
from flows.trading_line.positions import Account
from models.contracts import Number
from models.fees import RATE_UNIT, fee_per_share, taker_fee
from models.journal import Market
from models.money import DOLLAR, PIP, SHARE, SIZE_STEP, cost
from models.orders import TimeInForce, WorkingOrder
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.sizing import kelly_fraction, shares_for
from models.strategies.instance import Instance
from models.strategies.signal import Intent
from models.trace import Evaluation, Step

MODULE = "sizing"
#: Micro-dollars that fees of ten levels may add by rounding, each up to 5.
_ROUNDING = 100
#: Marketable buys are whole cents (the exchange's maker amount has two decimals).
_CENT = 10_000
_SCARCE = frozenset(
    {
        Reason.CAP_MARKET,
        Reason.CAP_STRATEGY,
        Reason.CAP_TOTAL,
        Reason.CAP_FAMILY,
        Reason.CAP_UNDERLYING,
        Reason.CAP_EXPIRY,
        Reason.CAP_GATE,
        Reason.NO_CASH,
        Reason.NO_DEPTH,
    }
)


class Request(msgspec.Struct, frozen=True):
    """An entry to be sized: at journal event ``seq`` and ``t`` (Unix ns), of which instance, with what the account is
    worth (micro-dollars), the members' ``multiplier``, and the ``rooms`` that they leave, asked for only where the rest
    lets it be sized."""

    seq: int
    t: int
    instance: Instance
    known: KnownMarket
    evaluation: Evaluation
    account: Account
    equity: int
    multiplier: float
    rooms: Callable[[], Iterable[Room]] = tuple


def committed_to(account: Account, blotter: Blotter, instances: frozenset[str], market: str) -> tuple[int, int]:
    """(by the instances, in the market): micro-dollars at cost in positions and in working orders of the account.
    ``instances``: those of one strategy on this account."""
    by_strategy, in_market = 0, 0
    for position in account.positions.values():
        by_strategy += position.basis if position.instance in instances else 0
        in_market += position.basis if position.market_key == market else 0
    for order in blotter:
        if order.reserved and order.account == account.name:
            by_strategy += order.reserved if order.instance in instances else 0
            in_market += order.reserved if order.market_key == market else 0
    return by_strategy, in_market


def size(
    request: Request, settings: Settings, blotter: Blotter, instances: frozenset[str]
) -> tuple[list[WorkingOrder], Step]:
    """The orders of a decision, none when it does not size, with the span that says why. ``instances``: the ids that
    share the strategy's cap. The orders' ``due`` is still to be set by the venue."""
    portfolio, known, account = settings.portfolio, request.known, request.account
    market, intents = known.market, request.evaluation.intents
    by_strategy, in_market = committed_to(account, blotter, instances, market.key)
    rate, costs = market.fee_rate / RATE_UNIT, settings.costs.model
    price = 0.0
    for intent in intents:
        ask = intent.price / PIP
        price += ask if intent.split else ask + costs.entering(market, ask, request.t, intent.post_only)
    worth = intents[0].worth if len(intents) == 1 else 1.0
    # a split dollar stays a dollar: there is nothing that its growth would have to be bought with
    fraction = 1.0 if intents[0].split else kelly_fraction(worth, price)
    cap_order = round(portfolio.cap_order * DOLLAR) * request.multiplier
    rooms: tuple[tuple[Reason, int], ...] = (
        (Reason.KELLY_ZERO, int(fraction * portfolio.kelly_fraction * request.multiplier * request.equity)),
        (Reason.CAP_MARKET, round(portfolio.cap_market * DOLLAR) - in_market),
        (Reason.CAP_STRATEGY, round(portfolio.cap_strategy * DOLLAR) - by_strategy),
        (Reason.CAP_TOTAL, round(portfolio.cap_total * DOLLAR) - account.committed),
        (Reason.NO_CASH, account.cash),
        (Reason.OK if request.multiplier == 1.0 else Reason.PERFORMANCE, int(cap_order)),
    )
    binding, room = min(rooms, key=lambda each: each[1])
    # sized for the dearest fill the limits allow: what is within the caps then, is within them after any fill
    dearest = 0.0
    for intent in intents:
        limit = limit_of(settings, known, intent)
        free = intent.post_only or intent.split
        fee = 0.0 if free else fee_per_share(min(limit, PIP // 2) / PIP, rate, market.fee_exponent)
        dearest += limit / PIP + fee
    margin = len(intents) * 2 * _ROUNDING
    if shares_for(room - margin, dearest) >= market.min_size:
        binding, room = min(((binding, room), *request.rooms()), key=lambda each: each[1])
    shares = shares_for(room - margin, dearest)
    for intent in intents:
        if intent.post_only:
            continue
        token = known.token(intent.outcome)
        side = () if token is None else token.bids if intent.split else token.asks  # where it is to be sold, or bought
        displayed = side[0][1] if side else 0
        if displayed < shares:
            binding, shares = Reason.NO_DEPTH, displayed
    for intent in intents:
        if intent.most:
            shares = min(shares, intent.most)
    step = _step(settings, known, intents)
    shares = shares // step * step
    numbers: dict[str, Number] = {
        "kelly": round(fraction, 6),
        "room": room / DOLLAR,
        "shares": shares / SHARE,
        "bound_by": str(binding),
    }
    if request.multiplier != 1.0:
        numbers["multiplier"] = round(request.multiplier, 6)
    small = binding if binding in _SCARCE else Reason.BELOW_MIN_SIZE
    if fraction <= 0.0:
        small = Reason.KELLY_ZERO
    if shares < market.min_size:
        return [], Step(MODULE, Verdict.BLOCK, small, numbers | _bounds(small, settings, market, dearest))
    orders = [_order(request, settings, number, shares) for number in range(len(intents))]
    if any(cost(order.limit, order.size) < DOLLAR for order in orders if order.time_in_force != "SPLIT"):
        return [], Step(MODULE, Verdict.BLOCK, small, numbers | _bounds(small, settings, market, dearest))
    reserved = 0
    for order in orders:
        reserved += order.reserved
    if reserved > account.cash:
        return [], Step(MODULE, Verdict.BLOCK, Reason.NO_CASH, numbers)
    return orders, Step(MODULE, Verdict.PASS, Reason.OK, numbers)


def _bounds(reason: Reason, settings: Settings, market: Market, dearest: float) -> dict[str, Number]:
    """What was missed: the cap that binds, in dollars, or the least size in shares; and what the least order costs."""
    portfolio = settings.portfolio
    caps = {
        Reason.CAP_MARKET: portfolio.cap_market,
        Reason.CAP_STRATEGY: portfolio.cap_strategy,
        Reason.CAP_TOTAL: portfolio.cap_total,
    }
    least = max(market.min_size / SHARE * dearest, 1.0)
    return {"bound": caps.get(reason, market.min_size / SHARE), "least": round(least, 4)}


def _order(request: Request, settings: Settings, number: int, shares: int) -> WorkingOrder:
    instance, known = request.instance, request.known
    market, intent = known.market, request.evaluation.intents[number]
    token = known.token(intent.outcome)
    assert token is not None
    limit = limit_of(settings, known, intent)
    free = intent.post_only or intent.split
    fee = 0 if free else taker_fee(min(limit, PIP // 2), shares, market.fee_rate, market.fee_exponent)
    kind: TimeInForce = settings.execution.order_type
    if intent.post_only:
        kind = "GTC"
    elif intent.split:
        kind = "SPLIT"
    elif len(request.evaluation.intents) > 1:
        kind = "FOK"
    place = f"quote-{intent.outcome}" if intent.post_only else f"{number}"
    return WorkingOrder(
        id=f"{settings.portfolio_name}-{request.seq}-{instance.id}-{market.key}-{place}",
        decision=decision_id(request.seq, instance, market, intent),
        instance=instance.id,
        market_key=market.key,
        token=token.token,
        outcome=intent.outcome,
        side="buy",
        time_in_force=kind,
        limit=limit,
        size=shares,
        sent=request.t,
        due=request.t,
        reserved=cost(limit, shares) + fee + _ROUNDING,
        reason=Reason.ENTER,
        book_age=instance.limits.book_age,
        account=request.account.name,
        post_only=intent.post_only,
        mid=mid_of(token.bids, token.asks),
        predicted=_predicted(request, settings, intent),
    )


def _predicted(request: Request, settings: Settings, intent: Intent) -> float:
    """Pips a share that the strategy expects to gain after costs at the price it saw; of a pair a half for each leg."""
    price, costs = intent.price / PIP, settings.costs.model
    cost = 0.0 if intent.split else costs.entering(request.known.market, price, request.t, intent.post_only)
    return round((intent.worth - price - cost) * PIP, 2)


def decision_id(seq: int, instance: Instance, market: Market, intent: Intent) -> str:
    """The id of the decision to enter at journal event ``seq``; quotes are decided on one by one."""
    suffix = f"-{intent.outcome}" if intent.post_only else ""
    return f"d{seq}-{instance.id}-{market.key}{suffix}"


def mid_of(bids: tuple[tuple[int, int], ...], asks: tuple[tuple[int, int], ...]) -> int:
    """The middle of the best prices in pips, rounded down; -1 where a side is empty."""
    return (bids[0][0] + asks[0][0]) // 2 if bids and asks else -1


def _step(settings: Settings, known: KnownMarket, intents: tuple[Intent, ...]) -> int:
    """Micro-shares that a size must be a multiple of, so that each marketable leg costs whole cents at its limit."""
    step = SIZE_STEP
    for intent in intents:
        if not intent.post_only and not intent.split:
            limit = limit_of(settings, known, intent)
            step = math.lcm(step, _CENT * PIP // math.gcd(limit, _CENT * PIP))
    return step


def limit_of(settings: Settings, known: KnownMarket, intent: Intent) -> int:
    """The ask plus slippage, on the tick, and never a price at which the edge would be gone; of a quote its own
    price, of a half of a split what it is booked at."""
    if intent.post_only or intent.split:
        return intent.price
    token, market, costs = known.token(intent.outcome), known.market, settings.costs.model
    assert token is not None
    tick = token.tick
    limit = min(intent.price + round(settings.execution.slippage * PIP), PIP - tick) // tick * tick
    while limit > intent.price:
        price = limit / PIP
        if intent.worth - price - costs.taking(market, price) > 0.0:
            break
        limit -= tick
    return max(limit, intent.price)
