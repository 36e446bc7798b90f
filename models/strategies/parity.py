"""Strategy ``parity``: buy both outcomes when together they cost less than the one dollar that one of them will pay.

Economics: the two outcomes of a market pay one dollar together whatever happens, so a pair bought for less, fees
included, is a gain without risk, if both legs are filled. It should lose when only one is (a torn pair), and it should
find nothing on an honest mirrored exchange: there a true parity gap cannot stand; one in the data nearly always means
that the two books were read at different times, so it needs both books of one moment.

Splitting a dollar into a pair and selling both legs is no second strategy: where each book mirrors the other, both bids
exceed a dollar exactly when both asks are below one, by the same amount and with the same fees. Buying finds the same
gap without the split, which is a transaction on the chain and no order: a venue knows orders and their reports alone,
and positions are reconciled from fills.

Entry: score is dollars a pair after both taker fees; it passes above ``min_edge + margin``.

Exit: a complete pair is held to settlement. Of a torn pair, the shares of the larger leg that have no partner are sold
at once: alone they are a bet on a direction, about which this strategy knows nothing.

>>> STRATEGY.threshold(ParityParameters(min_edge=0.004, margin=0.001))
0.005
"""

from __future__ import annotations

from pydantic import Field

from models.contracts import Number
from models.money import PIP, SHARE
from models.reasons import Reason, Verdict
from models.section import Section
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.holding import Holding, Leave, whole_steps
from models.strategies.needs import Needs
from models.strategies.signal import Intent, Signal
from models.strategies.strategy import Strategy
from models.strategies.view import View
from models.topics import FEED_MARKETS, FEED_POLYMARKET


class ParityParameters(Section):
    """Strategy ``parity``: buy both tokens when they cost less than they pay."""

    enabled: bool = True
    min_edge: float = Field(0.002, ge=0, le=1, description="dollars a pair after fees")
    margin: float = Field(0.003, ge=0, le=1, description="safety margin on top of it, dollars a pair")


class ParityDetail(Detail, frozen=True):
    """What it shows where it passes."""

    asks: Annotated[float, Meta(description="both asks together, dollars a pair")]
    fees: Annotated[float, Meta(description="both taker fees, dollars a pair")]
    edge: Annotated[float, Meta(description="dollars a pair after fees")]
    threshold: Annotated[float, Meta(description="what the edge exceeds, dollars a pair")]


NEEDS = Needs(
    feeds=frozenset({FEED_POLYMARKET, FEED_MARKETS}),
    wakes=frozenset({"book", "clock"}),
    books="both",
    book_age_s="portfolio.stale_s",
    max_spread="portfolio.max_spread",
    min_depth=5.0,  # the exchange's least order, whole at the price the score is made of
    depth_within=0.0,
)


def threshold(parameters: ParityParameters) -> float:
    """Dollars a pair after costs above which it passes."""
    return parameters.min_edge + parameters.margin


def evaluate(view: View, parameters: ParityParameters, outcomes: tuple[str, ...] = ("Up", "Down")) -> Signal:
    """Judge one market at one moment. The view must have passed the data gate with ``NEEDS``, for both ``outcomes``."""
    market, book = view.market, view.book
    assert len(outcomes) == 2 and book is not None and book.up is not None and book.down is not None
    up_ask, down_ask = book.up.asks[0][0], book.down.asks[0][0]
    up_fee = view.costs.entering(market, up_ask / PIP, view.t)
    down_fee = view.costs.entering(market, down_ask / PIP, view.t)
    score = round((PIP - up_ask - down_ask) / PIP - up_fee - down_fee, 6)
    bar = threshold(parameters)
    if not score > bar:  # by far the most: their numbers would be shown nowhere
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, score)
    # each leg may cost half of the edge more, and no more: filled at both limits the pair still pays
    share = score / 2
    detail = ParityDetail(asks=(up_ask + down_ask) / PIP, fees=round(up_fee + down_fee, 6), edge=score, threshold=bar)
    intents = (
        Intent("Up", up_ask, up_ask / PIP + up_fee + share),
        Intent("Down", down_ask, down_ask / PIP + down_fee + share),
    )
    return Signal(Verdict.PASS, Reason.EDGE, score, intents, detail=detail)


def leave(holding: Holding, parameters: ParityParameters) -> Leave | None:
    """Sell the shares that have no partner; hold the rest."""
    excess = whole_steps(holding.size - holding.other_size)
    if excess <= 0:
        return None
    numbers: dict[str, Number] = {
        "shares": holding.size / SHARE,
        "other_shares": holding.other_size / SHARE,
        "bid": holding.token.bids[0][0] / PIP,
    }
    return Leave(Reason.LEG_BROKEN, excess, numbers)


STRATEGY = Strategy(
    name="parity",
    section="parity",
    unit="dollars_per_pair",
    family="arbitrage_after_costs",
    needs=NEEDS,
    parameters=ParityParameters,
    evaluate=evaluate,
    threshold=threshold,
    leave=leave,
    detail=ParityDetail,
)
