"""The allocator: sizes follow what an instance has realised (``models.portfolio.allocation``)."""

from __future__ import annotations

from collections.abc import Iterable

from flows.trading_line.members import Announcer, RiskChange
from models.contracts import Number
from models.happenings import Happening, RoundClosed
from models.portfolio.allocation import Performance, limited
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.trace import Step

MODULE = "allocation"


class Allocation(Announcer):
    """A multiplier for every instance, moved by each round that ends."""

    module = MODULE

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._performances: dict[str, Performance] = {}
        self._multipliers: dict[str, float] = {}
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        self._enabled = settings.allocation.enabled
        self._terms = settings.allocation.terms

    def on(self, happening: Happening) -> Iterable[Step]:
        if not isinstance(happening, RoundClosed):
            return ()
        name = happening.instance
        performance = self._performances.setdefault(name, Performance())
        performance.take(happening.back, self._terms.half_life)
        old = self._multipliers.get(name, self._terms.floor)
        target = performance.target(self._terms)
        new = self._multipliers[name] = limited(old, target, self._terms)
        numbers: dict[str, Number] = {
            "instance": name,
            "rounds": performance.rounds,
            "mean": round(performance.mean, 6),
            "variance": round(performance.variance, 6),
            "downside": round(performance.downside, 6),
            "confidence": round(performance.confidence(self._terms.sample), 6),
            "target": target,
            "multiplier": new,
        }
        if new != old:
            text = f"{name} trades at {new:.0%} of its full size, before at {old:.0%}."
            self.announce(
                RiskChange(
                    "multiplier", "size", "instance", name, f"{old:g}", f"{new:g}", Reason.PERFORMANCE, text, numbers
                )
            )
        return (Step(MODULE, Verdict.PASS, Reason.PERFORMANCE, numbers),)

    def multiplier(self, instance: str) -> float:
        return self._multipliers.get(instance, self._terms.floor) if self._enabled else 1.0

    def gauges(self) -> dict[str, Number]:
        return {f"multiplier_{name}": self.multiplier(name) for name in self._multipliers}
