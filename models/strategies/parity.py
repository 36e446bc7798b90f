"""Strategy ``parity``: buy both outcomes when together they cost less than the one dollar that one of them will pay;
with ``split`` also make both of a dollar, and sell them, when together they bring more.

Economics: the two outcomes of a market pay one dollar together whatever happens, so a pair bought for less, fees
included, is a gain without risk, if both legs are filled. It should lose when only one is (a torn pair), and it should
find nothing on an honest mirrored exchange: there a true parity gap cannot stand; one in the data nearly always means
that the two books were read at different times, so it needs both books of one moment.

Where each book mirrors the other, both bids exceed a dollar exactly when both asks are below one, by the same amount
and with the same fees. Buying finds that gap without the split, which is a transaction on the chain and takes seconds
(``execution.split_s``): so ``split`` is off unless it is asked for, and it should lose nothing and gain little. Split
dollars are never lost: a pair that cannot be sold any more pays its dollar at the settlement. What can be lost is one
leg sold alone. Splits are made on paper only; at the live gates they are refused (``no_live_split``).

Entry: score is dollars a pair after both taker fees; it passes above ``min_edge + margin``. The greater one of buying
and of splitting counts. A split's halves are booked at the middle of Up's quotes and the rest of the dollar.

Exit: a complete pair is held to settlement; with ``split`` it is sold at both bids while they bring more than its
dollar by ``min_edge`` after both fees, as many shares of one as of the other. Of a torn pair, the shares of the larger
leg that have no partner are sold at once: alone they are a bet on a direction, about which this strategy knows nothing.

>>> STRATEGY.threshold(ParityParameters(min_edge=0.004, margin=0.001))
0.005
"""

from __future__ import annotations

from pydantic import Field

from models.contracts import Number
from models.costs import CostModel
from models.journal import Market, TokenBook
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
    """Strategy ``parity``: buy both tokens when they cost less than they pay, or split a dollar and sell both."""

    enabled: bool = True
    min_edge: float = Field(0.002, ge=0, le=1, description="dollars a pair after fees")
    margin: float = Field(0.003, ge=0, le=1, description="safety margin on top of it, dollars a pair")
    split: bool = Field(False, description="split dollars and sell both where the bids exceed one; on paper only")


class ParityDetail(Detail, frozen=True):
    """What it shows where it passes."""

    asks: Annotated[float, Meta(description="both asks together, or where it splits both bids, dollars a pair")]
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
    if parameters.split:
        sold, fees = _sold(view.market, book.up, book.down, view.costs)
        if sold > score:
            return _split(book.up, sold, fees, bar)
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


def _sold(market: Market, up: TokenBook, down: TokenBook, costs: CostModel) -> tuple[float, float]:
    """What both bids bring beyond a dollar after fees, and the fees; dollars a pair."""
    up_bid, down_bid = up.bids[0][0], down.bids[0][0]
    fees = costs.taking(market, up_bid / PIP) + costs.taking(market, down_bid / PIP)
    return round((up_bid + down_bid - PIP) / PIP - fees, 6), fees


def _split(up: TokenBook, score: float, fees: float, bar: float) -> Signal:
    if not score > bar:
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, score)
    price = (up.bids[0][0] + up.asks[0][0]) // 2
    detail = ParityDetail(asks=round(1.0 + score + fees, 6), fees=round(fees, 6), edge=score, threshold=bar)
    intents = tuple(
        Intent(outcome, pips, pips / PIP + score / 2, split=True)
        for outcome, pips in (("Up", price), ("Down", PIP - price))
    )
    return Signal(Verdict.PASS, Reason.EDGE, score, intents, detail=detail)


def leave(holding: Holding, parameters: ParityParameters) -> Leave | None:
    """Sell the shares that have no partner, or of a complete pair both; hold the rest."""
    excess = whole_steps(holding.size - holding.other_size)
    if excess <= 0:
        return _leave_pair(holding, parameters)
    numbers: dict[str, Number] = {
        "shares": holding.size / SHARE,
        "other_shares": holding.other_size / SHARE,
        "bid": holding.token.bids[0][0] / PIP,
    }
    return Leave(Reason.LEG_BROKEN, excess, numbers)


def _leave_pair(holding: Holding, parameters: ParityParameters) -> Leave | None:
    """Both legs come to the same size, each by itself: that of the pair, as far as both best bids take it."""
    if not parameters.split or holding.other is None or holding.size != holding.other_size:
        return None
    gain, fees = _sold(holding.market, holding.token, holding.other, holding.costs)
    if not gain > parameters.min_edge:
        return None
    size = whole_steps(min(holding.size, holding.token.bids[0][1], holding.other.bids[0][1]))
    return Leave(Reason.PAIR_SOLD, size, {"gain": gain, "fees": round(fees, 6), "bound": parameters.min_edge})


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
    sells_pairs=lambda parameters: bool(parameters.split),
    detail=ParityDetail,
)
