"""Leaving a position before its market ends: why not yet, and the order that sells it.

Whether to leave is the strategy's own rule (``leave`` in its file), asked with its own fair value and nobody else's.
The operator's word goes before it.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from flows.trading_line.data_gate import is_stale
from flows.trading_line.known import KnownMarket, opposite
from flows.trading_line.positions import Position, suffix_of
from flows.trading_line.sizing import mid_of
from models.accounts import LIVE, MAIN
from models.contracts import Number
from models.costs import CostModel
from models.journal import TokenBook
from models.money import PIP, SIZE_STEP
from models.orders import WorkingOrder
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.holding import Holding, Leave
from models.strategies.instance import Instance
from models.timestamps import SECOND
from models.trace import Step

MODULE = "exits"
HOLDING = Step(MODULE, Verdict.HOLD, Reason.HOLDING)


class Standing(msgspec.Struct, gc=False):
    """How a position of an ``account`` stands at ``t`` (Unix ns). ``other_size``: micro-shares of the other outcome
    that the same instance holds; ``killed``: no order of any kind goes out; ``pending``: an order of the instance works
    in the market; ``hot``: too soon after its last sale; ``stopped``: its stop-loss went off here; ``demanded``: the
    operator wants it sold; ``armed``: real orders may go out."""

    t: int
    instance: Instance
    position: Position
    known: KnownMarket
    stale_tokens: Collection[str]
    other_size: int
    killed: bool
    pending: bool
    hot: bool
    stopped: bool
    demanded: Reason | None
    costs: CostModel
    account: str = MAIN
    armed: bool = False


def judge(standing: Standing) -> tuple[Step, Leave | None]:
    """The span of a position, and what is to be sold of it where something is."""
    wait = _obstacle(standing)
    if wait is not None:
        return wait, None
    position, known, t = standing.position, standing.known, standing.t
    token = known.token(position.outcome)
    assert token is not None
    instance = standing.instance
    fair = known.fair(position.instance, position.outcome, t, instance.limits.book_age)
    if standing.demanded is not None:
        leave: Leave | None = Leave(standing.demanded, position.size, {})
    else:
        leave = instance.strategy.leave(
            Holding(
                t=t,
                market=known.market,
                token=token,
                size=position.size,
                basis=position.basis,
                opened=position.opened,
                other_size=standing.other_size,
                fair=fair,
                stopped=standing.stopped,
                costs=standing.costs,
                other=_fit(known.token(opposite(position.outcome)), standing),
            ),
            instance.parameters,
        )
    if leave is None:
        return HOLDING, None  # by far the most: their numbers would be shown nowhere
    size = min(leave.size, position.size) // SIZE_STEP * SIZE_STEP
    if size < known.market.min_size:
        return Step(MODULE, Verdict.HOLD, Reason.DUST, {"shares": size / 1_000_000}), None
    numbers: dict[str, Number] = dict(leave.numbers)
    return Step(MODULE, Verdict.PASS, leave.reason, numbers), Leave(leave.reason, size, leave.numbers)


def _fit(token: TokenBook | None, standing: Standing) -> TokenBook | None:
    """The other outcome's book, where it may be sold on too."""
    if token is None or not (token.ok and token.bids):
        return None
    return None if is_stale(token, standing.t, standing.stale_tokens, standing.instance.limits) else token


def _obstacle(standing: Standing) -> Step | None:
    """Why the position cannot be judged now: it holds where that is in order, and blocks where the data is to blame."""
    position, market = standing.position, standing.known.market
    if standing.t >= market.end:
        return Step(MODULE, Verdict.HOLD, Reason.EXPIRED)
    strategy = standing.instance.strategy
    whole_pair = strategy.needs.both and standing.other_size == position.size
    if whole_pair and standing.demanded is None and not strategy.sells_pairs(standing.instance.parameters):
        return HOLDING  # one leg pays: there is nothing to leave
    if standing.killed:
        return Step(MODULE, Verdict.BLOCK, Reason.KILL_SWITCH)
    if standing.account == LIVE and not standing.armed:
        return Step(MODULE, Verdict.BLOCK, Reason.NOT_ARMED)
    if position.size < market.min_size:
        return Step(MODULE, Verdict.HOLD, Reason.DUST)
    if standing.pending:
        return Step(MODULE, Verdict.HOLD, Reason.ORDER_PENDING)
    if standing.hot:
        return Step(MODULE, Verdict.HOLD, Reason.COOLDOWN)
    token = standing.known.token(position.outcome)
    if token is None:
        return Step(MODULE, Verdict.BLOCK, Reason.BOOK_MISSING)
    if not (token.ok and token.bids):
        return Step(MODULE, Verdict.BLOCK, Reason.BOOK_INVALID, {"checks": ",".join(token.checks)})
    if is_stale(token, standing.t, standing.stale_tokens, standing.instance.limits):
        age: Number = (standing.t - token.t) / SECOND
        return Step(MODULE, Verdict.BLOCK, Reason.STALE_BOOK, {"age_s": age})
    return None


def order_of(seq: int, standing: Standing, leave: Leave, token: TokenBook, settings: Settings) -> WorkingOrder:
    """The order that sells; its limit is the bid less slippage, on the tick. ``due`` is still to be set by the
    venue."""
    position, market = standing.position, standing.known.market
    slip = round(settings.execution.slippage * PIP)
    limit = max(-(-(token.bids[0][0] - slip) // token.tick) * token.tick, token.tick)
    return WorkingOrder(
        id=f"{settings.portfolio_name}-{seq}-{position.instance}-{market.key}-exit-{position.outcome}"
        + suffix_of(standing.account),
        decision=decision_id(seq, position, standing.account),
        instance=position.instance,
        market_key=market.key,
        token=position.token,
        outcome=position.outcome,
        side="sell",
        time_in_force="FAK",
        limit=limit,
        size=leave.size,
        sent=standing.t,
        due=standing.t,
        reserved=0,
        reason=leave.reason,
        book_age=standing.instance.limits.book_age,
        mid=mid_of(token.bids, token.asks),
        account=standing.account,
    )


def decision_id(seq: int, position: Position, account: str = MAIN) -> str:
    """The id of the decision on a position of an account at journal event ``seq``."""
    return f"d{seq}-{position.instance}-{position.market_key}-{position.outcome}{suffix_of(account)}"
