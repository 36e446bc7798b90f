"""Strategy ``overreaction``: buy against a jump of the quotes that no move of spot explains.

Economics: a large taker or a maker in trouble moves the quotes away from what the outcome is worth; when the pressure
is over, they come back. It should lose where whoever moved them knew more than our spot feed does (another exchange,
news): then the quotes are right and spot follows; and where the quotes are merely late, which the two conditions below
keep out only as far as ``lag_s`` is longer than their delay.

Entry: the middle of the quotes moved within ``lag_s`` beyond what spot moved fair value, and stands beyond fair value
in the same direction. The lesser of the two displacements is taken, and ``revert`` of it is expected to come back.

Exit: see ``models.strategies.horizon``; by default it holds to settlement.

>>> from models.strategies.examples import example_books, example_view
>>> view = example_view(mid_move=0.12, fair_move=0.0, fair=0.50, book=example_books(6100, 6200))
>>> signal = evaluate(view, OverreactionParameters())
>>> signal.verdict, signal.intents[0].outcome
(<Verdict.PASS: 'pass'>, 'Down')
"""

from __future__ import annotations

from pydantic import Field

from models.middle import sound_middle
from models.money import PIP
from models.reasons import Reason, Verdict
from models.strategies import lead_lag
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.examples import example_books, example_view
from models.strategies.horizon import HorizonParameters, leave
from models.strategies.offer import best_offer
from models.strategies.signal import Intent, Signal
from models.strategies.strategy import Strategy
from models.strategies.variance_parameters import VarianceParameters
from models.strategies.view import View


class OverreactionParameters(HorizonParameters, VarianceParameters):
    """Strategy ``overreaction``."""

    lag_s: float = Field(10, ge=1, le=60, description="the move is looked for within this long")
    min_move: float = Field(0.04, ge=0, le=1, description="of the quotes beyond what spot explains, dollars a share")
    revert: float = Field(0.8, gt=0, le=1, description="share of the displacement that is expected to come back")


class OverreactionDetail(Detail, frozen=True):
    """What it shows where it passes."""

    outcome: Annotated[str, Meta(description="what it would buy")]
    ask: Annotated[float, Meta(description="dollars a share")]
    mid_move: Annotated[float, Meta(description="of Up's quotes within lag_s, dollars a share")]
    fair_move: Annotated[float, Meta(description="what spot explains of it, dollars a share of Up")]
    displaced: Annotated[float, Meta(description="how far Up's quotes stand beyond what is expected, dollars a share")]
    edge: Annotated[float, Meta(description="dollars a share after costs")]


_UNKNOWN = Signal(Verdict.HOLD, Reason.UNKNOWN_MOVE, 0.0)


def evaluate(view: View, parameters: OverreactionParameters, outcomes: tuple[str, ...] = ("Up", "Down")) -> Signal:
    """Judge one market at one moment."""
    values = view.values
    fair_move, mid_move, fair, middle = values["fair_move"], values["mid_move"], values["fair"], sound_middle(view.book)
    if fair_move is None or mid_move is None or fair is None or middle is None:
        return _UNKNOWN
    moved, beyond = mid_move - fair_move, middle - fair
    displaced = 0.0
    if moved * beyond > 0.0 and mid_move * moved > 0.0 and abs(moved) >= parameters.min_move:
        displaced = moved if abs(moved) < abs(beyond) else beyond
    best = best_offer(view, middle - parameters.revert * displaced, outcomes, parameters.hold_s > 0)
    if not best.edge > parameters.min_edge:
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, best.edge, (), fair)
    detail = OverreactionDetail(best.outcome, best.ask / PIP, mid_move, fair_move, round(displaced, 6), best.edge)
    intent = Intent(best.outcome, best.ask, best.worth)
    return Signal(Verdict.PASS, Reason.EDGE, best.edge, (intent,), fair, detail)


STRATEGY = Strategy(
    name="overreaction",
    section="overreaction",
    unit="dollars_per_share",
    family="edge_after_costs",
    needs=lead_lag.NEEDS,
    parameters=OverreactionParameters,
    evaluate=evaluate,
    threshold=lambda parameters: parameters.min_edge,
    leave=leave,
    detail=OverreactionDetail,
    examples=lambda: (
        example_view(),
        example_view(mid_move=0.12, fair_move=0.0, fair=0.50, book=example_books(6100, 6200)),
    ),
)
