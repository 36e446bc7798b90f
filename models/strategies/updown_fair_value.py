"""Strategy ``updown_fair_value``: buy the outcome whose ask, fee included, is below its fair probability.

It needs spot, a strike, a warm variance, and the fit book of the token it would buy: ``NEEDS`` says so, and the data
gate sees to it. Score: the better of the two edges in dollars a share after taker fee, the spread being paid by buying
at the ask. It passes when the score exceeds ``min_edge + margin``.
"""

from __future__ import annotations

import math

from models.contracts import Number
from models.fair_value import probability_up
from models.fees import RATE_UNIT, fee_per_share
from models.journal import TokenBook
from models.money import DOLLAR, PIP
from models.reasons import Reason, Verdict
from models.settings import FairValue
from models.strategies.needs import SPOT_FAULTS, Needs
from models.strategies.view import View
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET
from models.trace import Evaluation, Intent, Step

NAME = "updown_fair_value"
UNIT = "dollars_per_share"
FAMILY = "edge_after_costs"
NEEDS = Needs(
    strategy=NAME,
    feeds=frozenset({FEED_POLYMARKET, FEED_COINBASE, FEED_MARKETS}),
    books="either",
    book_age_s="portfolio.stale_s",
    max_spread="portfolio.max_spread",
    min_depth=5.0,  # the exchange's least order
    depth_within="execution.slippage",
    pair_checks=frozenset({Reason.PARITY_BROKEN}),  # one of the two books is wrong then, and which is not known
    spot_age_s="portfolio.stale_s",
    spot_checks=SPOT_FAULTS,
    warm_up_s="fair_value.warm_up_s",
    min_returns=10,
    strike=True,
    strike_max_gap_s="fair_value.strike_max_gap_s",
    rule=True,
)
_FEATURES = Step("features", Verdict.PASS, Reason.OK)
_BELOW = Step("strategy." + NAME, Verdict.HOLD, Reason.BELOW_THRESHOLD)


def threshold(settings: FairValue) -> float:
    """Dollars a share after costs above which it passes."""
    return settings.min_edge + settings.margin


def evaluate(
    view: View, settings: FairValue, outcomes: tuple[str, ...] = ("Up", "Down"), before: tuple[Step, ...] = ()
) -> Evaluation:
    """Judge one market at one moment. The view must have passed the data gate with ``NEEDS``; only ``outcomes`` may be
    bought. ``before``: the trace so far."""
    market, spot, book = view.market, view.spot, view.book
    assert spot is not None and book is not None and view.strike is not None and market.rule is not None
    bar = threshold(settings)
    tau = max(market.end - view.as_of, 0) / SECOND
    fair = probability_up(
        spot.price / DOLLAR,
        view.strike,
        view.variance,
        tau,
        float(market.rule.lookback_s),
        view.average,
        view.variance * view.strike_gap_s,
    )
    rate = market.fee_rate / RATE_UNIT
    score, best = -math.inf, None
    for outcome in outcomes:
        token, worth = (book.up, fair) if outcome == "Up" else (book.down, 1.0 - fair)
        assert token is not None
        edge = _edge(worth, token, rate, market.fee_exponent)
        if edge > score:
            score, best = edge, Intent(outcome, token.asks[0][0], worth)
    assert best is not None
    score = round(score, 6)
    passed = score > bar
    if not passed:  # by far the most: their numbers would be shown nowhere
        steps = (*before, _FEATURES, _BELOW)
        return Evaluation(NAME, market.key, Verdict.HOLD, Reason.BELOW_THRESHOLD, score, bar, steps, (), fair)
    features: dict[str, Number] = {
        "spot": spot.price / DOLLAR,
        "strike": view.strike,
        "strike_source": view.strike_source,
        "volatility": round(math.sqrt(view.variance * 31_536_000.0), 6),
        "time_left_s": tau,
        "fair": round(fair, 6),
    }
    numbers: dict[str, Number] = {"outcome": best.outcome, "ask": best.ask / PIP, "edge": score, "threshold": bar}
    steps = (
        *before,
        Step("features", Verdict.PASS, Reason.OK, features),
        Step("strategy." + NAME, Verdict.PASS, Reason.EDGE, numbers),
    )
    return Evaluation(NAME, market.key, Verdict.PASS, Reason.EDGE, score, bar, steps, (best,), fair)


def _edge(worth: float, book: TokenBook, rate: float, exponent: int) -> float:
    ask = book.asks[0][0] / PIP
    return worth - ask - fee_per_share(ask, rate, exponent)
