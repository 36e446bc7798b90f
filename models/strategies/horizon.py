"""Positions with a horizon: what they cost both ways, and when they are left.

Families that expect one move within seconds share this: they leave by profit, by stop, and when their time is over.
With ``hold_s = 0`` they hold to settlement and pay no second fee; then only the stop is left.

>>> from models.strategies.examples import example_view
>>> round(cost_of(example_view(), ask=0.50, bid=0.49, worth=0.56, leaves=False), 4)
0.0175
>>> round(cost_of(example_view(), ask=0.50, bid=0.49, worth=0.56, leaves=True), 4)
0.0397
"""

from __future__ import annotations

from pydantic import Field

from models.contracts import Number
from models.money import PIP
from models.reasons import Reason
from models.section import Section
from models.strategies.holding import Holding, Leave, whole_steps
from models.strategies.strategy import State
from models.strategies.view import View
from models.timestamps import SECOND


class HorizonParameters(Section):
    """What all of them may be set to."""

    enabled: bool = True
    state: State = Field("shadow", description="active, shadow (evaluated, never entered), paused or twin (paper only)")
    min_edge: float = Field(0.01, ge=0, le=1, description="threshold: dollars a share after the costs of both ways")
    hold_s: float = Field(0, ge=0, description="leave after this long; 0 = hold to settlement, without a second fee")
    take_profit: float = Field(0.20, gt=0, le=1, description="gain, dollars a share, while hold_s is not 0")
    stop_loss: float = Field(0.50, gt=0, le=1, description="loss, dollars a share")


def cost_of(view: View, ask: float, bid: float, worth: float, leaves: bool) -> float:
    """Dollars a share for buying at ``ask``; where it ``leaves`` again also half of the spread and the costs of taking
    at what it is worth then."""
    cost = view.costs.entering(view.market, ask, view.t)
    if leaves:
        cost += (ask - bid) / 2 + view.costs.taking(view.market, min(max(worth, 0.0), 1.0))
    return cost


def leave(holding: Holding, parameters: HorizonParameters) -> Leave | None:
    """Stop, profit, time; None to hold on."""
    bid, paid = holding.token.bids[0][0] / PIP, holding.basis / holding.size
    held = (holding.t - holding.opened) / SECOND
    if paid - bid >= parameters.stop_loss:
        reason = Reason.STOP_LOSS
    elif parameters.hold_s and bid - paid >= parameters.take_profit:
        reason = Reason.TAKE_PROFIT
    elif parameters.hold_s and held >= parameters.hold_s:
        reason = Reason.HORIZON
    else:
        return None
    numbers: dict[str, Number] = {
        "bid": bid,
        "paid": round(paid, 6),
        "fee": round(holding.costs.taking(holding.market, bid), 6),
        "held_s": held,
    }
    return Leave(reason, whole_steps(holding.size), numbers)
