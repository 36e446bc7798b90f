"""A breaker: something measured that makes sizes smaller first, and then stops entries.

    clear ──▶ reduced ──▶ stopped          (up at once, as far as the value says)
      ◀───────────◀───────────┘            (down by the stated condition, or when the operator releases it)

It goes up as soon as its value reaches a bound. It comes down only when the value is at ``release`` or below and the
level has lasted for ``pause``; one that only the operator may release (``by_operator``) stays stopped until then. Exits
are never stopped: what is held may always be sold.

>>> breaker, bounds = Breaker("drawdown", "portfolio", "main"), BreakerBounds(reduce=0.05, stop=0.10, release=0.025)
>>> breaker.observe(0.06, 0, bounds), breaker.level
('clear', 'reduced')
>>> breaker.observe(0.04, 1, bounds), breaker.observe(0.02, 2, bounds), breaker.level
(None, 'reduced', 'clear')
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Level = Literal["clear", "reduced", "stopped"]
Scope = Literal["instance", "family", "portfolio"]
LEVELS: Final[tuple[Level, ...]] = ("clear", "reduced", "stopped")


class BreakerBounds(msgspec.Struct, frozen=True):
    """Values at which it reduces and stops (``reduce`` is at most ``stop``), at or below which it may be released, in
    its own unit. ``pause``: ns that a level lasts at least; ``expires``: ns after which its measure begins anew,
    because what is stopped gives nothing more to measure; 0 = never."""

    reduce: float
    stop: float
    release: float
    pause: int = 0
    expires: int = 0
    by_operator: bool = False

    def level(self, value: float) -> Level:
        """The level that a value asks for."""
        return "stopped" if value >= self.stop else "reduced" if value >= self.reduce else "clear"


def breaker_id(kind: str, scope: Scope, name: str) -> str:
    """The id of the breaker that measures ``kind`` of ``name``, one of ``scope``."""
    return f"{kind}:{scope}:{name}"


class Breaker(msgspec.Struct):
    """One thing measured of one ``scope``, of which ``name`` is one. ``since``: Unix ns, of the level."""

    kind: str
    scope: Scope
    name: str
    level: Level = "clear"
    since: int = 0
    value: float = 0.0

    @property
    def id(self) -> str:
        """How the operator names it: what is measured, of what, and of which one. An instance and a family may bear
        one name.

        >>> Breaker("drawdown", "family", "parity").id
        'drawdown:family:parity'
        """
        return breaker_id(self.kind, self.scope, self.name)

    def observe(self, value: float, t: int, bounds: BreakerBounds) -> Level | None:
        """Take a new value at ``t`` (Unix ns); the level before where it changed, else None."""
        self.value = value
        asked = bounds.level(value)
        if LEVELS.index(asked) > LEVELS.index(self.level):
            return self._go(asked, t)
        if self.level == "clear" or value > bounds.release or t - self.since < bounds.pause:
            return None
        if self.level == "stopped" and bounds.by_operator:
            return None
        return self._go("clear", t)

    def release(self, t: int) -> Level | None:
        """The operator's word; the level before, None where there is nothing to release."""
        return None if self.level == "clear" else self._go("clear", t)

    def _go(self, level: Level, t: int) -> Level:
        before, self.level, self.since = self.level, level, t
        return before
