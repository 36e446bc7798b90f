"""What happened to the portfolio's orders and positions, as its members hear of it.

>>> from models.orders import example_order
>>> Submitted(order=example_order(), t=1).order.instance
'updown_fair_value'
"""

from __future__ import annotations

import msgspec

from models.orders import Execution, WorkingOrder
from models.reasons import Reason


class Submitted(msgspec.Struct, frozen=True, gc=False):
    """An order was sent at ``t`` (Unix ns)."""

    order: WorkingOrder
    t: int


class Filled(msgspec.Struct, frozen=True, gc=False):
    """A part of an order was filled at ``t`` (Unix ns); ``fill`` is the fill's id."""

    order: WorkingOrder
    execution: Execution
    fill: str
    t: int


class Cancelled(msgspec.Struct, frozen=True, gc=False):
    """What was open of an order will not be filled any more: cancelled, expired or rejected, and why."""

    order: WorkingOrder
    reason: Reason
    t: int


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A position of an ``account`` was paid: ``size`` micro-shares that had cost ``basis`` and brought ``payout``
    (micro-dollars)."""

    instance: str
    market_key: str
    outcome: str
    size: int
    basis: int
    payout: int
    t: int
    account: str = "main"


class Corrected(msgspec.Struct, frozen=True, gc=False):
    """A market's resolution was changed after it had been paid: ``payout`` micro-dollars instead of ``paid``."""

    instance: str
    market_key: str
    outcome: str
    size: int
    paid: int
    payout: int
    t: int
    account: str = "main"


class RoundClosed(msgspec.Struct, frozen=True, gc=False):
    """An instance holds nothing more of a market on one account: ``result`` micro-dollars after costs, of ``stake``
    spent on ``shares`` (micro-shares). ``predicted``: pips a share times micro-shares that its entries expected."""

    instance: str
    market_key: str
    result: int
    stake: int
    shares: int
    predicted: float
    t: int
    account: str = "main"

    @property
    def back(self) -> float:
        """Net result over stake."""
        return round(self.result / self.stake, 6) if self.stake else 0.0

    @property
    def per_share(self) -> float:
        """Net dollars a share."""
        return round(self.result / self.shares, 6) if self.shares else 0.0


class Irregular(msgspec.Struct, frozen=True, gc=False):
    """The venue said, or failed to say, what it should not: an illegal report, a fill through its limit, no answer in
    time."""

    instance: str
    order: str
    what: str
    t: int


Happening = Submitted | Filled | Cancelled | Settled | Corrected | RoundClosed | Irregular
