"""Settings under which an instance is judged: nothing makes it smaller or stops it for what it lost.

What an instance shows must not depend on what was decided about it before; guards are for money, not for evidence.
"""

from __future__ import annotations

from typing import Final

from models.portfolio.sections import AllocationSettings
from models.settings import Settings

#: Bounds of an instance's own breakers that nothing reaches.
_UNBOUNDED: Final[dict[str, float]] = {
    "own_loss_reduce": 1e9,
    "own_loss_stop": 1e9,
    "own_drawdown_reduce": 1e9,
    "own_drawdown_stop": 1e9,
    "streak_reduce": 10**9,
    "streak_stop": 10**9,
    "expectancy_reduce": 1e-300,
    "expectancy_stop": 1e-300,
    "slippage_reduce": 1.0,
    "slippage_stop": 1.0,
}


def unguarded(settings: Settings) -> Settings:
    """``settings`` without allocator and without breakers of an instance's own; caps and the portfolio's stay."""
    return settings.model_copy(
        update={
            "allocation": AllocationSettings(enabled=False),
            "breakers": settings.breakers.model_copy(update=_UNBOUNDED),
        }
    )
