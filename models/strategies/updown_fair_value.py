"""Strategy ``updown_fair_value``: buy the outcome whose ask, fee included, is below its fair probability.

Contract: needs a valid fresh spot price, a strike, a warm variance, and the valid fresh book of the token it would
buy; without any of them it blocks and names it. Score: the better of the two edges in dollars a share after taker fee,
the spread being paid by buying at the ask. It passes when the score exceeds ``min_edge + margin``.
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
from models.strategies.view import View
from models.timestamps import SECOND
from models.trace import Evaluation, Intent, Step

NAME = "updown_fair_value"
UNIT = "dollars_per_share"
FAMILY = "edge_after_costs"
_FEW_RETURNS = 10


def evaluate(view: View, settings: FairValue) -> Evaluation:
    """Judge one market at one moment."""
    threshold = settings.min_edge + settings.margin
    refusal = _refusal(view, settings)
    if refusal is not None:
        reason, verdict = refusal
        step = Step("strategy." + NAME, verdict, reason)
        return Evaluation(NAME, view.market.key, verdict, reason, 0.0, threshold, (step,))
    market, spot, book = view.market, view.spot, view.book
    assert spot is not None and book is not None and view.strike is not None and market.rule is not None
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
    up_edge = _edge(fair, book.up, rate, market.fee_exponent)
    down_edge = _edge(1.0 - fair, book.down, rate, market.fee_exponent)
    features = Step(
        "features",
        Verdict.PASS,
        Reason.OK,
        {
            "spot": spot.price / DOLLAR,
            "strike": view.strike,
            "strike_source": view.strike_source,
            "volatility": round(math.sqrt(view.variance * 31_536_000.0), 6),
            "time_left_s": tau,
            "fair": round(fair, 6),
        },
    )
    if up_edge is None and down_edge is None:
        step = Step("strategy." + NAME, Verdict.BLOCK, Reason.BOOK_INVALID, _why(book.up, book.down))
        return Evaluation(
            NAME, market.key, Verdict.BLOCK, Reason.BOOK_INVALID, 0.0, threshold, (features, step), (), fair
        )
    if down_edge is None or (up_edge is not None and up_edge >= down_edge):
        assert up_edge is not None and book.up is not None
        score, outcome, worth, ask = up_edge, "Up", fair, book.up.asks[0][0]
    else:
        assert book.down is not None
        score, outcome, worth, ask = down_edge, "Down", 1.0 - fair, book.down.asks[0][0]
    score = round(score, 6)
    passed = score > threshold
    verdict, reason = (Verdict.PASS, Reason.EDGE) if passed else (Verdict.HOLD, Reason.BELOW_THRESHOLD)
    numbers: dict[str, Number] = {"outcome": outcome, "ask": ask / PIP, "edge": score, "threshold": threshold}
    step = Step("strategy." + NAME, verdict, reason, numbers)
    intents = (Intent(outcome, ask, worth),) if passed else ()
    return Evaluation(NAME, market.key, verdict, reason, score, threshold, (features, step), intents, fair)


def _refusal(view: View, settings: FairValue) -> tuple[Reason, Verdict] | None:
    market = view.market
    if view.t < market.start:
        return Reason.NOT_STARTED, Verdict.HOLD
    if market.rule is None:
        return Reason.RULE_UNKNOWN, Verdict.BLOCK
    if view.spot is None:
        return Reason.SPOT_MISSING, Verdict.BLOCK
    if not view.spot.ok:
        return Reason.SPOT_INVALID, Verdict.BLOCK
    if view.spot_stale:
        return Reason.STALE_SPOT, Verdict.BLOCK
    if view.book is None:
        return Reason.BOOK_MISSING, Verdict.BLOCK
    if view.book_stale:
        return Reason.STALE_BOOK, Verdict.BLOCK
    if view.strike is None:
        return Reason.STRIKE_MISSING, Verdict.BLOCK
    if view.returns < _FEW_RETURNS or view.history_s < settings.warm_up_s:
        return Reason.WARMING_UP, Verdict.BLOCK
    return None


def _edge(worth: float, book: TokenBook | None, rate: float, exponent: int) -> float | None:
    if book is None or not book.ok or not book.asks:
        return None
    ask = book.asks[0][0] / PIP
    return worth - ask - fee_per_share(ask, rate, exponent)


def _why(up: TokenBook | None, down: TokenBook | None) -> dict[str, int | float | str | bool | None]:
    return {
        "up": ",".join(up.checks) if up is not None else "no book",
        "down": ",".join(down.checks) if down is not None else "no book",
    }
