"""The lanes' evaluations, counted on their way to telemetry and to the windows of ``quality``.

Most events lead to evaluations, and nearly all of those say what was said before: so they are counted whole, and told
apart by module only when somebody is to be told.
"""

from __future__ import annotations

from flows.pulse import FlowPulse
from flows.quality import EVALUATIONS, Counts, Tally
from models.reasons import Reason, Verdict
from models.strategies.instance import Instance
from models.timestamps import SECOND
from models.trace import Evaluation

#: Market, instance, verdict, reason and number of spans.
_Kind = tuple[str, str, str, str, int]


class EvaluationTally:
    """Counts evaluations until they are told: to the windows before the first event of another one, so that no count
    falls into two, and to the pulse before it beats."""

    def __init__(self, window_s: int) -> None:
        self._window = window_s * SECOND
        self._untold: dict[_Kind, int] = {}  # in the order in which each was last met
        self._counts: Counts = {}
        self._t = 0

    def add(self, t: int, evaluation: Evaluation) -> None:
        """Count one evaluation at ``t`` (Unix ns), after ``turn`` with it."""
        self._t = t
        untold = self._untold
        key = (
            evaluation.market_key,
            evaluation.instance,
            evaluation.verdict,
            evaluation.reason,
            len(evaluation.steps),
        )
        untold[key] = untold.pop(key, 0) + 1

    def tell(self, pulse: FlowPulse, instances: dict[str, Instance]) -> None:
        """Count the spans of what came since the last call: of the data gate, and where that passed of the features,
        where there are any, and of the strategy."""
        counts = self._counts
        for (market, name, verdict, reason, spans), count in self._untold.items():
            instance = instances[name]
            gate = instance.limits.module
            key = (gate, market, name, EVALUATIONS)
            counts[key] = counts.get(key, 0) + count
            if spans == 1:
                pulse.count(gate, verdict, reason, count)
                if verdict != Verdict.PASS:
                    key = (gate, market, name, str(reason))
                    counts[key] = counts.get(key, 0) + count
                continue
            pulse.count(gate, Verdict.PASS, Reason.OK, count)
            if spans == 3:
                pulse.count("features", Verdict.PASS, Reason.OK, count)
            pulse.count(instance.module, verdict, reason, count)
        self._untold.clear()

    def is_over(self, t: int) -> bool:
        """Whether something was counted in an earlier window than that of ``t`` (Unix ns)."""
        return t // self._window != self._t // self._window and bool(self._counts or self._untold)

    def take(self) -> list[Tally]:
        """What was told since the last call."""
        if not self._counts:
            return []
        counts, self._counts = self._counts, {}
        return [Tally(self._t, counts)]
