"""Strategy ``window_consistency``: two windows with the same end must agree on where spot stands; buy the one that is
too cheap by the other.

Economics: a window of fifteen minutes and the last one of five inside it end at the same price and differ by their
strikes alone. The price of one says how many standard deviations spot is from its strike, and so what the other must
cost: ``Phi(z + ln(K' / K) / sd)``, with ``sd`` from our own variance and the time left. Where makers quote them apart
they err apart. It should lose where both are right and our variance is wrong, for then the difference is our own; and
the edge must pay the taker fee, since one leg alone is bought (orders of two markets are no pair here).

Entry: ``trust`` of the difference between what the other window implies and this one's middle is taken to be this
one's error. Both windows must have begun, with strikes that are known well and fit books.

Exit: none; it holds to settlement, where what it knows is paid.

>>> signal = evaluate(*example_pair())
>>> signal.verdict, signal.intents[0].outcome, signal.detail.implied
(<Verdict.PASS: 'pass'>, 'Up', 0.65)
"""

from __future__ import annotations

import math
from statistics import NormalDist

import msgspec
from pydantic import Field

from models.fair_value import settlement_variance
from models.features.variance import Variance
from models.journal import Market
from models.middle import sound_middle
from models.money import PIP
from models.reasons import Reason, Verdict
from models.strategies import updown_fair_value
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.examples import NOW, START, example_books, example_view, example_window
from models.strategies.holding import Holding, Leave
from models.strategies.offer import best_offer
from models.strategies.signal import Intent, Signal
from models.strategies.strategy import State, Strategy
from models.strategies.variance_parameters import VarianceParameters
from models.strategies.view import Sibling, View
from models.timestamps import SECOND

_NORMAL = NormalDist()


class ConsistencyParameters(VarianceParameters):
    """Strategy ``window_consistency``."""

    state: State = Field("shadow", description="active, shadow (evaluated, never entered), paused or twin (paper only)")
    trust: float = Field(0.5, gt=0, le=1, description="share of the difference that is taken to be this window's error")
    min_edge: float = Field(0.01, ge=0, le=1, description="threshold: dollars a share after costs")
    least_left_s: float = Field(30, ge=0, description="not closer to the end than this")


class ConsistencyDetail(Detail, frozen=True):
    """What it shows where it passes."""

    outcome: Annotated[str, Meta(description="what it would buy")]
    ask: Annotated[float, Meta(description="dollars a share")]
    other: Annotated[str, Meta(description="key of the other window")]
    middle: Annotated[float, Meta(description="of this window's Up, dollars")]
    implied: Annotated[float, Meta(description="what the other window says it is, dollars")]
    edge: Annotated[float, Meta(description="dollars a share after costs")]


NEEDS = msgspec.structs.replace(
    updown_fair_value.NEEDS,
    wakes=frozenset({"clock"}),
    every_ms=500,
    features=("strike", "strikes", "variance"),
    siblings=True,
    strike_max_gap_s=2.0,
)
_NO_PARTNER = Signal(Verdict.HOLD, Reason.NO_PARTNER, 0.0)
_NOT_YET = Signal(Verdict.HOLD, Reason.NOT_YET, 0.0)


def implied(middle: float, strike: float, other: float, spread: float) -> float:
    """What a share of Up over ``strike`` costs where one over the ``other`` strike costs ``middle``."""
    return round(_NORMAL.cdf(_NORMAL.inv_cdf(middle) + math.log(other / strike) / spread), 6)


def evaluate(view: View, parameters: ConsistencyParameters, outcomes: tuple[str, ...] = ("Up", "Down")) -> Signal:
    """Judge one market at one moment."""
    market, middle, values = view.market, sound_middle(view.book), view.values
    left = (market.end - view.as_of) / SECOND
    if left < parameters.least_left_s:
        return _NOT_YET
    variance: Variance = values["variance"]
    assert market.rule is not None
    spread = math.sqrt(settlement_variance(variance.value, left, float(market.rule.lookback_s)))
    for each in view.siblings:
        strike, theirs = values["strikes"].get(each.market.key), _middle_of(each, view.t)
        if each.market.end != market.end or each.market.start > view.t or strike is None or theirs is None:
            continue
        if middle is None or spread <= 0.0:
            break
        said = implied(theirs, values["strike"].value, strike, spread)
        best = best_offer(view, middle + parameters.trust * (said - middle), outcomes, False)
        if not best.edge > parameters.min_edge:
            return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, best.edge)
        detail = ConsistencyDetail(best.outcome, best.ask / PIP, each.market.key, middle, said, best.edge)
        intent = Intent(best.outcome, best.ask, best.worth)
        return Signal(Verdict.PASS, Reason.EDGE, best.edge, (intent,), detail=detail)
    return _NO_PARTNER


def _middle_of(sibling: Sibling, t: int) -> float | None:
    """Of Up's quotes, dollars; None where they are not fit, at an end, or older than five seconds."""
    up = sibling.book.up if sibling.book is not None else None
    if up is None or not (up.ok and up.bids and up.asks) or t - up.t > 5 * SECOND:
        return None
    middle = (up.bids[0][0] + up.asks[0][0]) / 2 / PIP
    return middle if 0.02 <= middle <= 0.98 else None


def leave(holding: Holding, parameters: ConsistencyParameters) -> Leave | None:
    """It holds to settlement."""
    return None


def example_pair() -> tuple[View, ConsistencyParameters]:
    """A window that costs 0.495, and one with the same end and strike that costs 0.65."""
    market: Market = example_window(key="fifteen", horizon="15m", start=START - 600 * SECOND)
    other = Sibling(example_window(key="five"), example_books(6450, 6550))
    view = example_view(market=market, siblings=(other,), strikes={"five": 60_000.0}, t=NOW)
    return view, ConsistencyParameters()


STRATEGY = Strategy(
    name="window_consistency",
    section="window_consistency",
    unit="dollars_per_share",
    family="edge_after_costs",
    needs=NEEDS,
    parameters=ConsistencyParameters,
    evaluate=evaluate,
    threshold=lambda parameters: parameters.min_edge,
    leave=leave,
    detail=ConsistencyDetail,
    examples=lambda: (example_view(), example_pair()[0]),
)
