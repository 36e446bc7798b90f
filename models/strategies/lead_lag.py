"""Strategy ``lead_lag``: buy the side that a move of Coinbase favours while Polymarket's quotes have not made it yet.

Economics: makers need time to see a move of spot and to move their quotes; whoever is quicker buys at the old price.
Unlike ``updown_fair_value`` it trusts no level alone: spot must have moved fair value within the last seconds, and only
as much of that counts as the quotes have neither made in the same time nor stand short of. It should lose
where quotes move as soon as spot does: then only noise is left, which costs the spread and the fee; and where makers
know other exchanges, whose moves come before those of Coinbase.

Entry: the late part is the lesser of what fair value moved within ``lag_s`` beyond the quotes, and of how far the
quotes stand from fair value, where both point the same way. Worth is the middle of the quotes plus that; the score is
the better edge after costs. Spot must have moved by ``min_move``.

Exit: see ``models.strategies.horizon``; by default it holds to settlement, since the second fee costs more than what
there is to win by leaving.

>>> from models.strategies.examples import example_view
>>> view = example_view(fair=0.60, spot_move=0.0006, fair_move=0.10, mid_move=0.01)
>>> signal = evaluate(view, LeadLagParameters())
>>> signal.verdict, signal.intents[0].outcome, signal.score
(<Verdict.PASS: 'pass'>, 'Up', 0.0675)
"""

from __future__ import annotations

import msgspec
from pydantic import Field

from models.middle import sound_middle
from models.money import PIP
from models.reasons import Reason, Verdict
from models.strategies import updown_fair_value
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.examples import example_view
from models.strategies.horizon import HorizonParameters, leave
from models.strategies.offer import best_offer
from models.strategies.signal import Intent, Signal
from models.strategies.strategy import Strategy
from models.strategies.variance_parameters import VarianceParameters
from models.strategies.view import View


class LeadLagParameters(HorizonParameters, VarianceParameters):
    """Strategy ``lead_lag``."""

    lag_s: float = Field(3, ge=1, le=60, description="how long a move may take to reach the quotes")
    min_move: float = Field(0.0001, ge=0, le=1, description="of spot within lag_s, as a share of its price")


class LeadLagDetail(Detail, frozen=True):
    """What it shows where it passes."""

    outcome: Annotated[str, Meta(description="what it would buy")]
    ask: Annotated[float, Meta(description="dollars a share")]
    spot_move: Annotated[float, Meta(description="log return of spot within lag_s")]
    fair_move: Annotated[float, Meta(description="what that is worth a share of Up, dollars")]
    mid_move: Annotated[float, Meta(description="what Up's quotes made of it so far, dollars a share")]
    edge: Annotated[float, Meta(description="dollars a share after costs")]


NEEDS = msgspec.structs.replace(
    updown_fair_value.NEEDS,
    wakes=frozenset({"spot"}),
    every_ms=200,
    features=("fair", "spot_move", "fair_move", "mid_move"),
    strike_max_gap_s=5.0,
)
_UNKNOWN = Signal(Verdict.HOLD, Reason.UNKNOWN_MOVE, 0.0)


def evaluate(view: View, parameters: LeadLagParameters, outcomes: tuple[str, ...] = ("Up", "Down")) -> Signal:
    """Judge one market at one moment."""
    values = view.values
    spot_move, fair_move, mid_move = values["spot_move"], values["fair_move"], values["mid_move"]
    fair, middle = values["fair"], sound_middle(view.book)
    if spot_move is None or fair_move is None or mid_move is None or fair is None or middle is None:
        return _UNKNOWN
    short = fair - middle
    late = fair_move - mid_move if mid_move * fair_move > 0.0 else fair_move
    if late * fair_move <= 0.0 or late * short <= 0.0 or abs(spot_move) < parameters.min_move:
        late = 0.0  # the quotes went as far as spot, or stand there already, or spot did not move
    elif abs(short) < abs(late):
        late = short
    best = best_offer(view, middle + late, outcomes, parameters.hold_s > 0)
    if not best.edge > parameters.min_edge:
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, best.edge, (), fair)
    detail = LeadLagDetail(best.outcome, best.ask / PIP, spot_move, fair_move, mid_move, best.edge)
    intent = Intent(best.outcome, best.ask, best.worth)
    return Signal(Verdict.PASS, Reason.EDGE, best.edge, (intent,), fair, detail)


STRATEGY = Strategy(
    name="lead_lag",
    section="lead_lag",
    unit="dollars_per_share",
    family="edge_after_costs",
    needs=NEEDS,
    parameters=LeadLagParameters,
    evaluate=evaluate,
    threshold=lambda parameters: parameters.min_edge,
    leave=leave,
    detail=LeadLagDetail,
    examples=lambda: (example_view(), example_view(fair=0.60, spot_move=0.0006, fair_move=0.10, mid_move=0.01)),
)
