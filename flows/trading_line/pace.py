"""The pace gate: no entry while our own way from receipt to decision is longer than allowed.

A decision that comes late meets another market than the one it was made on. The lag is measured and enters the journal,
so a replay knows it too; the paper venue's delay is lengthened by it.
"""

from __future__ import annotations

from collections.abc import Iterable

from flows.trading_line.known import MarketCache
from flows.trading_line.members import Entry, Member
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.timestamps import MILLISECOND, SECOND
from models.trace import Step

MODULE = "gate.pace"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)


class Pace(Member):
    """Blocks entries as ``too_slow``."""

    module = MODULE

    def __init__(self, settings: Settings, known: MarketCache) -> None:
        self.configure(settings)
        self._known = known

    def configure(self, settings: Settings) -> None:
        self._most = settings.execution.max_lag_ms * MILLISECOND

    def gates(self, entry: Entry) -> Iterable[Step]:
        lag = self._known.lag
        if lag <= self._most:
            return (_OK,)
        return (Step(MODULE, Verdict.BLOCK, Reason.TOO_SLOW, {"lag_s": lag / SECOND, "bound_s": self._most / SECOND}),)
