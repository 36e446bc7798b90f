"""How a simulated market resolves, and what goes wrong with it on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Fate:
    """How a market resolves when something is the matter. ``late_s``: so much later; ``never``; ``half``: a half each,
    which the socket does not tell; ``again_s``: so much after the first answer comes the opposite one;
    ``proposed_s``: for so long Gamma has the opposite one as proposed, then it resolves."""

    late_s: float = 0.0
    never: bool = False
    half: bool = False
    again_s: float | None = None
    proposed_s: float | None = None


USUAL: Final = Fate()


class SimulatedResolution:
    """A market's answer to which outcome won. ``at_ns``: when it was given, None before; ``up_won``: None before, and
    for a half each; ``proposed_up``: what is proposed, None where nothing is; ``contradicted``: a second answer was
    given, the opposite of the first."""

    def __init__(self, due_ns: int) -> None:
        self.fate = USUAL
        self.due_ns = due_ns
        self.at_ns: int | None = None
        self.up_won: bool | None = None
        self.contradicted = False
        self.proposed_up: bool | None = None
        self._again_ns: int | None = None

    def step(self, t_ns: int, result: Callable[[], bool]) -> bool:
        """Whether the socket has an answer to tell at ``t_ns``. ``result``: asked once, whether Up won."""
        if self.at_ns is None:
            due = not self.fate.never and t_ns >= self.due_ns + round(self.fate.late_s * 1e9)
            if due and self.fate.proposed_s is not None and t_ns < self.due_ns + round(self.fate.proposed_s * 1e9):
                self.proposed_up = not result()
                return False
            return due and self._resolve(t_ns, result)
        if self._again_ns is not None and t_ns >= self._again_ns:
            self._again_ns = None
            self.contradicted = True
            self.up_won = not self.up_won
            return True
        return False

    def _resolve(self, t_ns: int, result: Callable[[], bool]) -> bool:
        self.at_ns = t_ns
        self.proposed_up = None
        if self.fate.half:
            return False
        if self.fate.again_s is not None:
            self._again_ns = t_ns + round(self.fate.again_s * 1e9)
        self.up_won = result()
        return True
