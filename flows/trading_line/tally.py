"""The data gates' verdicts, counted by strategy, market and reason on their way to the windows of ``quality``."""

from __future__ import annotations

from flows.quality import EVALUATIONS, Counts, Tally
from models.reasons import Verdict
from models.timestamps import SECOND
from models.trace import Evaluation


class GateTally:
    """Counts evaluations until they are taken: before the first event of another window, so that no count falls into
    two, and at the end of a run."""

    def __init__(self, window_s: int) -> None:
        self._window = window_s * SECOND
        self._counts: Counts = {}
        self._t = 0

    def add(self, t: int, evaluation: Evaluation) -> None:
        """Count one evaluation at ``t`` (Unix ns), after ``turn`` with it. The first step is the data gate's."""
        gate = evaluation.steps[0]
        counts = self._counts
        self._t = t
        key = (gate.module, evaluation.market_key, evaluation.instance, EVALUATIONS)
        counts[key] = counts.get(key, 0) + 1
        if gate.verdict != Verdict.PASS:
            key = (gate.module, evaluation.market_key, evaluation.instance, str(gate.reason))
            counts[key] = counts.get(key, 0) + 1

    def turn(self, t: int) -> list[Tally]:
        """What was counted in an earlier window than that of ``t`` (Unix ns)."""
        return self.take() if self._counts and t // self._window != self._t // self._window else []

    def take(self) -> list[Tally]:
        """Everything counted since the last call."""
        if not self._counts:
            return []
        counts, self._counts = self._counts, {}
        return [Tally(self._t, counts)]
