"""What an import assumes where the recording is silent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Options:
    """``assumed_size``: shares at a recorded price without a size. ``fee_rate``: of every market it defines. ``ups``:
    tokens that are Up where the recording does not say so."""

    assumed_size: Decimal = Decimal(100)
    fee_rate: float = 0.07
    ups: frozenset[str] = frozenset()

    @property
    def fee_note(self) -> str:
        return f"fee rate {self.fee_rate} assumed, as if it applied on that day"

    @property
    def size_note(self) -> str:
        return f"sizes were not recorded: {self.assumed_size} shares assumed at each price"

    @property
    def name(self) -> str:
        """What an import's name is made of."""
        words = f"Options(assumed_size={self.assumed_size!r}, fee_rate={self.fee_rate!r})"
        return words + (f" {sorted(self.ups)}" if self.ups else "")
