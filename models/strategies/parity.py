"""Strategy ``parity``: buy both outcomes when together they cost less than the one dollar that one of them will pay.

On a mirrored exchange a true parity gap cannot stand; one in the data nearly always means that the two books were read
at different times, so it needs both books of one moment. Score: dollars a pair after both taker fees; it passes above
``min_edge + margin``.
"""

from __future__ import annotations

from models.contracts import Number
from models.fees import RATE_UNIT, fee_per_share
from models.money import PIP
from models.reasons import Reason, Verdict
from models.settings import Parity
from models.strategies.needs import Needs
from models.strategies.view import View
from models.topics import FEED_MARKETS, FEED_POLYMARKET
from models.trace import Evaluation, Intent, Step

NAME = "parity"
UNIT = "dollars_per_pair"
FAMILY = "arbitrage_after_costs"
NEEDS = Needs(
    strategy=NAME,
    feeds=frozenset({FEED_POLYMARKET, FEED_MARKETS}),
    books="both",
    book_age_s="portfolio.stale_s",
    max_spread="portfolio.max_spread",
    min_depth=5.0,  # the exchange's least order, whole at the price the score is made of
    depth_within=0.0,
)
_BELOW = Step("strategy." + NAME, Verdict.HOLD, Reason.BELOW_THRESHOLD)


def threshold(settings: Parity) -> float:
    """Dollars a pair after costs above which it passes."""
    return settings.min_edge + settings.margin


def evaluate(
    view: View, settings: Parity, outcomes: tuple[str, ...] = ("Up", "Down"), before: tuple[Step, ...] = ()
) -> Evaluation:
    """Judge one market at one moment. The view must have passed the data gate with ``NEEDS``, for both ``outcomes``.
    ``before``: the trace so far."""
    market, book = view.market, view.book
    assert len(outcomes) == 2 and book is not None and book.up is not None and book.down is not None
    bar = threshold(settings)
    up_ask, down_ask = book.up.asks[0][0], book.down.asks[0][0]
    rate = market.fee_rate / RATE_UNIT
    up_fee = fee_per_share(up_ask / PIP, rate, market.fee_exponent)
    down_fee = fee_per_share(down_ask / PIP, rate, market.fee_exponent)
    fees = up_fee + down_fee
    score = round((PIP - up_ask - down_ask) / PIP - fees, 6)
    passed = score > bar
    if not passed:  # by far the most: their numbers would be shown nowhere
        return Evaluation(NAME, market.key, Verdict.HOLD, Reason.BELOW_THRESHOLD, score, bar, (*before, _BELOW))
    numbers: dict[str, Number] = {
        "asks": (up_ask + down_ask) / PIP,
        "fees": round(fees, 6),
        "edge": score,
        "threshold": bar,
    }
    step = Step("strategy." + NAME, Verdict.PASS, Reason.EDGE, numbers)
    # each leg may cost half of the edge more, and no more: filled at both limits the pair still pays
    share = score / 2
    intents = (
        Intent("Up", up_ask, up_ask / PIP + up_fee + share),
        Intent("Down", down_ask, down_ask / PIP + down_fee + share),
    )
    return Evaluation(NAME, market.key, Verdict.PASS, Reason.EDGE, score, bar, (*before, step), intents)
