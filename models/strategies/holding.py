"""A position as its strategy sees it when it is asked whether to leave, and what it answers.

>>> Leave(Reason.STOP_LOSS, size=5_000_000, numbers={"bid": 0.31, "paid": 0.52}).reason
<Reason.STOP_LOSS: 'stop_loss'>
"""

from __future__ import annotations

import msgspec

from models.contracts import Number
from models.costs import NO_EXTRAS, CostModel
from models.journal import Market, TokenBook
from models.money import SIZE_STEP
from models.reasons import Reason


class Holding(msgspec.Struct, frozen=True, gc=False):
    """Shares of one outcome that one instance holds.

    ``t``: Unix ns, now. ``token``: the outcome's book, which is fit to be sold on: ``ok``, fresh and with a bid.
    ``size``: micro-shares; ``basis``: micro-dollars paid for them without fees; ``opened``: Unix ns of the first fill.
    ``other_size``: micro-shares of the market's other outcome that the same instance holds; ``other``: that outcome's
    book where it is fit to be sold on too, else None. ``fair``: dollars, what
    a share of this outcome is worth by this instance's own last fair value, negative where that is unknown or old.
    ``stopped``: the instance's stop-loss went off in this market before."""

    t: int
    market: Market
    token: TokenBook
    size: int
    basis: int
    opened: int
    other_size: int = 0
    fair: float = -1.0
    stopped: bool = False
    costs: CostModel = NO_EXTRAS
    other: TokenBook | None = None


class Leave(msgspec.Struct, frozen=True, gc=False):
    """Sell ``size`` micro-shares at the bid, and why. ``numbers``: for the span of the exit."""

    reason: Reason
    size: int
    numbers: dict[str, Number] = {}


def whole_steps(size: int) -> int:
    """``size`` in micro-shares without what is too small to be ordered.

    >>> whole_steps(5_123_456)
    5120000
    """
    return size // SIZE_STEP * SIZE_STEP
