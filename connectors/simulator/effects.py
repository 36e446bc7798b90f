"""Effects that strategies live on, planted in a simulated market: each off by default, each with its own parameter.

They act on the maker's quotes and depth, and on who trades. Their chance comes from a generator of their own, and none
is drawn while an effect is off: its frames are then the same as if it did not exist. Pure; docs/simulator.md has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import Final

SHOCKS_PER_S: Final = 1.0 / 45.0
SHOCK_RELAX_S: Final = 25.0
LEAN_AT: Final = 0.02  # dollars between fair value and quote at which depth leans by three quarters
BIAS_S: Final = 120.0  # the favourite is too cheap in the last so many seconds


@dataclass(frozen=True)
class Effects:
    """``imbalance``: 0 to 1, how far depth leans to where the maker's quotes go next. ``overreaction``: dollars, height
    of jumps of the quotes that come back. ``favourite_bias``: share by which the favourite's lead over a half is quoted
    too small near the end. ``toxic``: trades a second of takers who know the fair value, while a quote is stale."""

    imbalance: float = 0.0
    overreaction: float = 0.0
    favourite_bias: float = 0.0
    toxic: float = 0.0


NO_EFFECTS: Final = Effects()


class PlantedEffects:
    """The effects of one market. ``step_s``: length of a grid step."""

    def __init__(self, effects: Effects, seed: str, step_s: float) -> None:
        self._effects = effects
        self._step_s = step_s
        self._shocks = Random(f"{seed}/shocks") if effects.overreaction else None
        self._takers = Random(f"{seed}/toxic") if effects.toxic else None
        self._shock = 0.0
        self._keep = math.exp(-step_s / SHOCK_RELAX_S)

    def quoted(self, fair: float, left_s: float) -> float:
        """What the maker takes ``fair`` to be, with ``left_s`` seconds to the end. Called once a step."""
        effects, shocks = self._effects, self._shocks
        if effects.favourite_bias and left_s <= BIAS_S:
            fair = 0.5 + (fair - 0.5) * (1.0 - effects.favourite_bias)
        if shocks is not None:
            self._shock *= self._keep
            if shocks.random() < SHOCKS_PER_S * self._step_s:
                self._shock = effects.overreaction if shocks.random() < 0.5 else -effects.overreaction
            fair = min(max(fair + self._shock * 4.0 * fair * (1.0 - fair), 0.0), 1.0)
        return fair

    def lean(self, fair: float, quoted: float) -> float:
        """How far depth leans to the bids, -1 to 1, where the exact fair value is ``fair``."""
        if not self._effects.imbalance:
            return 0.0
        return self._effects.imbalance * math.tanh((fair - quoted) / LEAN_AT)

    def informed(self, fair: float, bid: int | None, ask: int | None, one: int) -> bool | None:
        """Whether an informed taker buys (True) or sells Up in this step; None for neither. Prices in 1 / ``one``
        dollars."""
        if self._takers is None or self._takers.random() >= self._effects.toxic * self._step_s:
            return None
        if ask is not None and fair * one > ask:
            return True
        return False if bid is not None and fair * one < bid else None
