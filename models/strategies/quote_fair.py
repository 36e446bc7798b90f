"""Strategy ``quote_fair``: stand on both sides of fair value with post-only quotes, and be paid the spread.

Economics: takers who want to trade now pay the spread to whoever stands there; a maker pays no taker fee. A bid for Up
and a bid for Down below their fair values, both filled, are a pair for less than a dollar. It should lose to whoever
knows more: a quote that stands while spot moves is taken at the old price (adverse selection), and one that is never
taken by anybody else earns nothing. So it pulls its quotes while spot or takers have just moved (the brake), and quotes
less of what it already holds (the skew). With fair value behind that of others it loses on every fill.

Entry: a bid for each outcome ``half_spread`` below its fair value and below the mid, whichever is lower: the fair value
may be wrong by more than the spread, and the mid may be late, seldom both. On the tick, never at the ask or above. The
score is the better of the two edges that its quotes have, dollars a share.

Exit: none; a pair is worth a dollar, and what is left over is held to settlement. ``max_shares`` bounds it.

>>> from models.strategies.examples import example_books, example_view
>>> signal = evaluate(example_view(fair=0.50, book=example_books(4600, 5400)), QuoteParameters())
>>> [(each.outcome, each.price, each.post_only) for each in signal.intents]
[('Up', 4800, True), ('Down', 4800, True)]
>>> held = skew(signal.intents, Inventory(up=30_000_000, down=0, tick=100), QuoteParameters())
>>> [(each.outcome, each.price) for each in held]  # it wants less of Up now, and pays no more for Down than before
[('Up', 4600), ('Down', 4800)]
"""

from __future__ import annotations

import msgspec
from pydantic import Field

from models.money import PIP, SHARE
from models.reasons import Reason, Verdict
from models.strategies import updown_fair_value
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.examples import example_books, example_view
from models.strategies.holding import Holding, Leave
from models.strategies.signal import Intent, Signal
from models.strategies.strategy import Inventory, State, Strategy
from models.strategies.variance_parameters import VarianceParameters
from models.strategies.view import View
from models.timestamps import SECOND


class QuoteParameters(VarianceParameters):
    """Strategy ``quote_fair``."""

    state: State = Field("shadow", description="active, shadow (evaluated, never entered), paused or twin (paper only)")
    half_spread: float = Field(0.02, gt=0, lt=0.5, description="how far below fair value it bids, dollars a share")
    min_edge: float = Field(0.005, ge=0, le=1, description="threshold: least edge of a quote, dollars a share")
    max_shares: float = Field(60, gt=0, description="most of one outcome beyond the other")
    skew: float = Field(0.04, ge=0, lt=1, description="how much lower it bids at max_shares, dollars a share")
    lag_s: float = Field(2, ge=1, le=60, description="how long a move of spot keeps it away")
    brake_move: float = Field(0.02, gt=0, le=1, description="move of fair value within lag_s, dollars: no quotes then")
    flow_s: float = Field(5, gt=0, description="half-life of the takers' net flow")
    brake_flow: float = Field(150, gt=0, description="net flow of takers, shares: no quotes then")
    last_s: float = Field(30, ge=0, description="no quotes this close to the end")
    strike_max_gap_s: float = Field(5, ge=0, le=90, description="no strike that is further off, or rests on more gaps")


class QuoteDetail(Detail, frozen=True):
    """What it shows where it quotes."""

    up: Annotated[float, Meta(description="bid for Up, dollars a share; 0 = none")]
    down: Annotated[float, Meta(description="bid for Down, dollars a share; 0 = none")]
    fair: Annotated[float, Meta(description="probability of Up")]
    flow: Annotated[float, Meta(description="net shares of Up that takers bought lately")]
    edge: Annotated[float, Meta(description="the better quote's, dollars a share")]


NEEDS = msgspec.structs.replace(
    updown_fair_value.NEEDS,
    wakes=frozenset({"book", "spot", "clock"}),
    every_ms=250,
    features=("fair", "fair_move", "flow"),
    books="both",
    max_spread=0.2,  # where it is wide there is room for quotes
    min_depth=0.0,
)
_AVERAGE_UNKNOWN = Signal(Verdict.HOLD, Reason.AVERAGE_UNKNOWN, 0.0)
_NOT_YET = Signal(Verdict.HOLD, Reason.NOT_YET, 0.0)


def evaluate(view: View, parameters: QuoteParameters, outcomes: tuple[str, ...] = ("Up", "Down")) -> Signal:
    """The quotes that should stand now."""
    market, book, values = view.market, view.book, view.values
    if market.end - view.t < parameters.last_s * SECOND:
        return _NOT_YET
    fair, move, flow = values["fair"], values["fair_move"], values["flow"]
    if fair is None or move is None:
        return _AVERAGE_UNKNOWN
    if abs(move) >= parameters.brake_move or abs(flow) >= parameters.brake_flow:
        return Signal(Verdict.HOLD, Reason.TOXIC_FLOW, 0.0, (), fair)
    assert book is not None
    intents: list[Intent] = []
    score = 0.0
    prices = {"Up": 0, "Down": 0}
    for outcome in outcomes:
        token, worth = (book.up, fair) if outcome == "Up" else (book.down, 1.0 - fair)
        assert token is not None
        tick = token.tick
        mid = (token.bids[0][0] + token.asks[0][0]) / 2 / PIP
        wanted = int((min(worth, mid) - parameters.half_spread) * PIP) // tick * tick
        price = min(wanted, token.asks[0][0] - tick)
        edge = worth - price / PIP - view.costs.entering(market, price / PIP, view.t, post_only=True)
        if not tick <= price <= PIP - tick or not edge > parameters.min_edge:
            continue
        prices[outcome] = price
        score = max(score, round(edge, 6))
        intents.append(Intent(outcome, price, round(worth, 6), post_only=True))
    if not intents:
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, score, (), fair)
    detail = QuoteDetail(prices["Up"] / PIP, prices["Down"] / PIP, fair, flow, score)
    return Signal(Verdict.PASS, Reason.QUOTE, score, tuple(intents), fair, detail)


def skew(intents: tuple[Intent, ...], inventory: Inventory, parameters: QuoteParameters) -> tuple[Intent, ...]:
    """Bid less for what is held beyond the other outcome, and nothing for it from ``max_shares`` on."""
    kept: list[Intent] = []
    for each in intents:
        beyond = inventory.up - inventory.down if each.outcome == "Up" else inventory.down - inventory.up
        share = beyond / SHARE / parameters.max_shares
        if share >= 1.0:
            continue
        price = each.price
        if share > 0.0:
            lower = int(parameters.skew * share * PIP)
            price = (each.price - lower) // inventory.tick * inventory.tick
            if price < inventory.tick:
                continue
        most = int(parameters.max_shares * SHARE) - beyond
        kept.append(msgspec.structs.replace(each, price=price, most=most))
    return tuple(kept)


def leave(holding: Holding, parameters: QuoteParameters) -> Leave | None:
    """It holds to settlement."""
    return None


STRATEGY = Strategy(
    name="quote_fair",
    section="quote_fair",
    unit="dollars_per_share",
    family="maker_edge",
    needs=NEEDS,
    parameters=QuoteParameters,
    evaluate=evaluate,
    threshold=lambda parameters: parameters.min_edge,
    leave=leave,
    quotes=True,
    skew=skew,
    detail=QuoteDetail,
    examples=lambda: (example_view(), example_view(fair=0.50, book=example_books(4600, 5400))),
)
