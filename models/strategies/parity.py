"""Strategy ``parity``: buy both outcomes when together they cost less than the one dollar that one of them will pay.

Contract: needs both tokens' valid fresh books of one moment (``Book.pair_ok``). On a mirrored exchange a true parity
gap cannot stand; one in the data nearly always means that the two books were read at different times. Score: dollars a
pair after both taker fees; it passes above ``min_edge + margin``.
"""

from __future__ import annotations

from models.contracts import Number
from models.fees import RATE_UNIT, fee_per_share
from models.money import PIP
from models.reasons import Reason, Verdict
from models.settings import Parity
from models.strategies.view import View
from models.trace import Evaluation, Intent, Step

NAME = "parity"
UNIT = "dollars_per_pair"
FAMILY = "arbitrage_after_costs"


def evaluate(view: View, settings: Parity) -> Evaluation:
    """Judge one market at one moment."""
    threshold = settings.min_edge + settings.margin
    market, book = view.market, view.book
    refusal: Reason | None = None
    verdict = Verdict.BLOCK
    if view.t < market.start:
        refusal, verdict = Reason.NOT_STARTED, Verdict.HOLD
    elif book is None or book.up is None or book.down is None:
        refusal = Reason.BOOK_MISSING
    elif view.book_stale:
        refusal = Reason.STALE_BOOK
    elif not (book.up.ok and book.down.ok):
        refusal = Reason.BOOK_INVALID
    elif not book.pair_ok:
        refusal = Reason.PAIR_INCONSISTENT
    if refusal is not None:
        step = Step("strategy." + NAME, verdict, refusal)
        return Evaluation(NAME, market.key, verdict, refusal, 0.0, threshold, (step,))
    assert book is not None and book.up is not None and book.down is not None
    up_ask, down_ask = book.up.asks[0][0], book.down.asks[0][0]
    rate = market.fee_rate / RATE_UNIT
    fees = fee_per_share(up_ask / PIP, rate, market.fee_exponent) + fee_per_share(
        down_ask / PIP, rate, market.fee_exponent
    )
    score = round((PIP - up_ask - down_ask) / PIP - fees, 6)
    passed = score > threshold
    verdict, reason = (Verdict.PASS, Reason.EDGE) if passed else (Verdict.HOLD, Reason.BELOW_THRESHOLD)
    numbers: dict[str, Number] = {
        "asks": (up_ask + down_ask) / PIP,
        "fees": round(fees, 6),
        "edge": score,
        "threshold": threshold,
    }
    step = Step("strategy." + NAME, verdict, reason, numbers)
    intents: tuple[Intent, ...] = ()
    if passed:
        intents = (Intent("Up", up_ask, 1.0 - down_ask / PIP), Intent("Down", down_ask, 1.0 - up_ask / PIP))
    return Evaluation(NAME, market.key, verdict, reason, score, threshold, (step,), intents)
