"""Strategy ``expiry_carry``: near the end of a window, buy the favourite that is nearly certain and still too cheap.

Economics: whoever holds a nearly settled favourite may sell it below its worth to be rid of the last risk and to have
the money sooner; whoever buys carries that risk for seconds and earns the difference. At prices near a dollar the
taker fee is small. It should lose where its variance is too low (a jump in the last seconds turns more favourites than
it believes), and where the price is low because the quotes know spot better: it wins little and often, and loses much
and seldom, so that a short record says nothing.

Entry: at most ``last_s`` before the end, the favourite's fair probability is at least ``min_chance``; its worth is that
probability less ``haircut``, and the score is what is left after ask and fee.

Exit: it holds to settlement; only when the favourite has turned (its own fair value below ``give_up``) it sells.

>>> from models.strategies.examples import END, example_books, example_view
>>> late = END - 30 * SECOND
>>> signal = evaluate(example_view(t=late, as_of=late, fair=0.99, book=example_books(9300, 9400)), CarryParameters())
>>> signal.verdict, signal.intents[0].outcome, signal.score
(<Verdict.PASS: 'pass'>, 'Up', 0.041052)
"""

from __future__ import annotations

import msgspec
from pydantic import Field

from models.contracts import Number
from models.money import PIP
from models.reasons import Reason, Verdict
from models.strategies import updown_fair_value
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.holding import Holding, Leave, whole_steps
from models.strategies.offer import best_offer
from models.strategies.signal import Intent, Signal
from models.strategies.strategy import State, Strategy
from models.strategies.variance_parameters import VarianceParameters
from models.strategies.view import View
from models.timestamps import SECOND


class CarryParameters(VarianceParameters):
    """Strategy ``expiry_carry``."""

    state: State = Field("shadow", description="active, shadow (evaluated, never entered), paused or twin (paper only)")
    last_s: float = Field(90, gt=0, description="only this close to the end")
    min_chance: float = Field(0.93, gt=0.5, lt=1, description="least fair probability of the favourite")
    haircut: float = Field(0.005, ge=0, lt=1, description="off that probability, for jumps and for the model's error")
    min_edge: float = Field(0.01, ge=0, le=1, description="threshold: dollars a share after costs")
    give_up: float = Field(0.5, ge=0, lt=1, description="sell when its own fair value falls below this")
    strike_max_gap_s: float = Field(5, ge=0, le=90, description="no strike that is further off, or rests on more gaps")


class CarryDetail(Detail, frozen=True):
    """What it shows where it passes."""

    outcome: Annotated[str, Meta(description="the favourite")]
    ask: Annotated[float, Meta(description="dollars a share")]
    chance: Annotated[float, Meta(description="its fair probability")]
    time_left_s: Annotated[float, Meta(description="seconds to the end")]
    edge: Annotated[float, Meta(description="dollars a share after costs")]


NEEDS = msgspec.structs.replace(
    updown_fair_value.NEEDS, wakes=frozenset({"book", "spot"}), every_ms=500, features=("fair", "time_left")
)
_AVERAGE_UNKNOWN = Signal(Verdict.HOLD, Reason.AVERAGE_UNKNOWN, 0.0)
_NOT_YET = Signal(Verdict.HOLD, Reason.NOT_YET, 0.0)


def evaluate(view: View, parameters: CarryParameters, outcomes: tuple[str, ...] = ("Up", "Down")) -> Signal:
    """Judge one market at one moment."""
    left = (view.market.end - view.t) / SECOND
    if left > parameters.last_s:
        return _NOT_YET
    fair: float | None = view.values["fair"]
    if fair is None:
        return _AVERAGE_UNKNOWN
    favourite, chance = ("Up", fair) if fair >= 0.5 else ("Down", 1.0 - fair)
    if chance < parameters.min_chance or favourite not in outcomes:
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, 0.0, (), fair)
    worth = chance - parameters.haircut
    best = best_offer(view, worth if favourite == "Up" else 1.0 - worth, (favourite,), False)
    if not best.edge > parameters.min_edge:
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, best.edge, (), fair)
    detail = CarryDetail(favourite, best.ask / PIP, round(chance, 6), left, best.edge)
    intent = Intent(favourite, best.ask, best.worth)
    return Signal(Verdict.PASS, Reason.EDGE, best.edge, (intent,), fair, detail)


def leave(holding: Holding, parameters: CarryParameters) -> Leave | None:
    """Sell a favourite that is none any more."""
    if not 0.0 <= holding.fair < parameters.give_up:
        return None
    numbers: dict[str, Number] = {
        "bid": holding.token.bids[0][0] / PIP,
        "fair": round(holding.fair, 6),
        "bound": parameters.give_up,
    }
    return Leave(Reason.STOP_LOSS, whole_steps(holding.size), numbers)


STRATEGY = Strategy(
    name="expiry_carry",
    section="expiry_carry",
    unit="dollars_per_share",
    family="edge_after_costs",
    needs=NEEDS,
    parameters=CarryParameters,
    evaluate=evaluate,
    threshold=lambda parameters: parameters.min_edge,
    leave=leave,
    detail=CarryDetail,
)
