"""Strategy ``updown_fair_value``: buy the outcome whose ask, fee included, is below its fair probability.

Economics: the probability that an up/down market pays follows from spot, strike, variance and time left; where quotes
lag behind spot, the ask of one outcome is too low for a moment. It should lose where the quotes know more than its
spot feed and its variance do: then what looks cheap is dear, and the spread and the taker fee come on top.

Entry: score is the better of the two edges in dollars a share after taker fee, the spread being paid by buying at the
ask. It passes above ``min_edge + margin``. It needs spot, a strike, a warm variance, and the fit book of the token it
would buy: ``NEEDS`` says so, and the data gate sees to it. In the time over which settlement averages, it holds where
the average so far is not known.

Exit: take-profit and edge decay sell only what it would not buy at that price: the same fair value judges both ways,
after both costs. Stop-loss and time exit are rules of risk and ask for no value.

>>> STRATEGY.threshold(FairValueParameters(min_edge=0.02, margin=0.01))
0.03
"""

from __future__ import annotations

import math

from pydantic import Field

from models.contracts import Number
from models.money import PIP
from models.reasons import Reason, Verdict
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.holding import Holding, Leave, whole_steps
from models.strategies.needs import SPOT_FAULTS, Needs
from models.strategies.signal import Intent, Signal
from models.strategies.strategy import Strategy
from models.strategies.variance_parameters import VarianceParameters
from models.strategies.view import View
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET


class FairValueParameters(VarianceParameters):
    """Strategy ``updown_fair_value``."""

    min_edge: float = Field(0.01, ge=0, le=1, description="threshold: dollars a share after all costs")
    margin: float = Field(0.01, ge=0, le=1, description="safety margin for the model's own error, dollars a share")
    take_profit: float = Field(
        0.15, gt=0, le=1, description="gain, dollars a share; sells only what it would not buy at the bid"
    )
    stop_loss: float = Field(0.20, gt=0, le=1, description="loss, dollars a share")
    strike_max_gap_s: float = Field(
        5, ge=0, le=90, description="no strike of our own that is further off, or rests on more unseen seconds"
    )
    time_exit_s: float = Field(0, ge=0, description="sell this long before the end; 0 = hold to settlement")
    edge_decay: float = Field(0.02, ge=0, le=1, description="sell when bid after fee beats fair value by this")


class FairValueDetail(Detail, frozen=True):
    """What it shows where it passes."""

    outcome: Annotated[str, Meta(description="what it would buy")]
    ask: Annotated[float, Meta(description="dollars a share")]
    edge: Annotated[float, Meta(description="dollars a share after the taker fee")]
    threshold: Annotated[float, Meta(description="what the edge exceeds, dollars a share")]


NEEDS = Needs(
    feeds=frozenset({FEED_POLYMARKET, FEED_COINBASE, FEED_MARKETS}),
    wakes=frozenset({"book", "spot", "clock"}),
    features=("spot_price", "strike", "variance", "settlement_average", "time_left", "fair"),
    books="either",
    book_age_s="portfolio.stale_s",
    max_spread="portfolio.max_spread",
    min_depth=5.0,  # the exchange's least order
    depth_within="execution.slippage",
    pair_checks=frozenset({Reason.PARITY_BROKEN}),  # one of the two books is wrong then, and which is not known
    spot_age_s="portfolio.stale_s",
    spot_checks=SPOT_FAULTS,
    warm_up_s="parameters.warm_up_s",
    min_returns=10,
    strike=True,
    strike_max_gap_s="parameters.strike_max_gap_s",
    rule=True,
)
_AVERAGE_UNKNOWN = Signal(Verdict.HOLD, Reason.AVERAGE_UNKNOWN, 0.0)


def threshold(parameters: FairValueParameters) -> float:
    """Dollars a share after costs above which it passes."""
    return parameters.min_edge + parameters.margin


def evaluate(view: View, parameters: FairValueParameters, outcomes: tuple[str, ...] = ("Up", "Down")) -> Signal:
    """Judge one market at one moment. The view must have passed the data gate with ``NEEDS``; only ``outcomes`` may be
    bought."""
    market, book, costs = view.market, view.book, view.costs
    fair: float | None = view.values["fair"]
    if fair is None:  # spot, strike and rule are there: the gate saw to it
        return _AVERAGE_UNKNOWN
    assert book is not None
    score, best = -math.inf, ""
    for outcome in outcomes:
        token, worth = (book.up, fair) if outcome == "Up" else (book.down, 1.0 - fair)
        assert token is not None
        ask = token.asks[0][0] / PIP
        edge = worth - ask - costs.entering(market, ask, view.t)
        if edge > score:
            score, best = edge, outcome
    score = round(score, 6)
    bar = parameters.min_edge + parameters.margin
    if not score > bar:  # by far the most: their numbers would be shown nowhere
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, score, (), fair)
    token, worth = (book.up, fair) if best == "Up" else (book.down, 1.0 - fair)
    assert token is not None
    intent = Intent(best, token.asks[0][0], worth)
    detail = FairValueDetail(outcome=best, ask=intent.price / PIP, edge=score, threshold=bar)
    return Signal(Verdict.PASS, Reason.EDGE, score, (intent,), fair, detail)


def leave(holding: Holding, parameters: FairValueParameters) -> Leave | None:
    """The exit rule that applies, the dearest to ignore first; None to hold on."""
    market, token, fair = holding.market, holding.token, holding.fair
    bid = token.bids[0][0] / PIP
    paid = holding.basis / holding.size  # micro-dollars a micro-share = dollars a share
    fee = holding.costs.taking(market, bid)
    left = (market.end - holding.t) / SECOND
    if paid - bid >= parameters.stop_loss:
        reason = Reason.STOP_LOSS
    elif parameters.time_exit_s and left <= parameters.time_exit_s:
        reason = Reason.TIME_EXIT
    elif fair < 0.0 or round(fair - bid - fee, 6) > threshold(parameters):
        return None  # worth nothing that is known, or worth buying at this very price
    elif bid - paid >= parameters.take_profit:
        reason = Reason.TAKE_PROFIT
    elif bid - fee - fair >= parameters.edge_decay:
        reason = Reason.EDGE_DECAY
    else:
        return None
    numbers: dict[str, Number] = {
        "bid": bid,
        "paid": round(paid, 6),
        "fee": round(fee, 6),
        "fair": round(fair, 6),
        "time_left_s": left,
    }
    return Leave(reason, whole_steps(holding.size), numbers)


STRATEGY = Strategy(
    name="updown_fair_value",
    section="fair_value",
    unit="dollars_per_share",
    family="edge_after_costs",
    needs=NEEDS,
    parameters=FairValueParameters,
    evaluate=evaluate,
    threshold=threshold,
    leave=leave,
    detail=FairValueDetail,
)
