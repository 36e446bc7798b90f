"""Conservation: for every strategy evaluations = passed + held + blocked, and the counters are those of the audit.

The counters are taken at one second of the trading flow's own time (a beat) that is known whole, for between two
beats one module's row may be newer than another's. The audit is asked for the same beat.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from api.server import audit, views
from api.server.board import Board
from api.server.formats import iso
from api.server.modules import split
from models.reasons import Verdict
from models.settings import Settings
from models.strategies.instance import instances

NOTE = (
    "Counters are of one second of the trading flow. A scan row goes out when verdict or reason changes and at least "
    "each second, and says how many evaluations it stands for; those since the last row are not sent yet."
)
_COUNTERS = """
SELECT module, gained.key, sum(gained.value)::BIGINT
FROM (SELECT module, unnest(map_entries(counts)) AS gained FROM telemetry
      WHERE timestamp <= ? AND module IN (SELECT unnest(?)))
GROUP BY ALL"""
_NEWEST = "SELECT max(timestamp) FROM telemetry WHERE module IN (SELECT unnest(?)) AND timestamp <= ?"
_SCANNED = "SELECT strategy, sum(evaluations)::BIGINT FROM scans WHERE timestamp <= ? GROUP BY strategy"


class Counted(msgspec.Struct):
    """Counts by ``verdict:reason`` of a strategy's data gate and of itself, at one beat."""

    gate: dict[str, int]
    own: dict[str, int]

    @property
    def evaluations(self) -> int:
        return sum(split(self.gate)[0].values())

    def by_verdict(self) -> dict[str, int]:
        """Passed, held, blocked: what the gate let through is judged by the strategy."""
        gate, own = split(self.gate)[0], split(self.own)[0]
        return {
            "passed": own[Verdict.PASS],
            "held": own[Verdict.HOLD] + gate[Verdict.HOLD],
            "blocked": own[Verdict.BLOCK] + gate[Verdict.BLOCK],
        }


def counted(board: Board, settings: Settings, beat: int) -> dict[str, Counted]:
    """The live counters of every strategy at ``beat`` (Unix ns of event time)."""
    found: dict[str, Counted] = {}
    for instance in instances(settings):
        rows = []
        for name in (instance.limits.module, instance.module):
            module = board.modules.known.get(name)
            rows.append(module.as_of(beat) if module is not None else None)
        gate, own = rows
        if gate is not None and own is not None:
            found[instance.id] = Counted(dict(gate.counts), dict(own.counts))
    return found


class CounterHistory:
    """Remembers the counters of the last beats, for the audit is some seconds behind."""

    def __init__(self) -> None:
        self.kept: dict[int, dict[str, Counted]] = {}

    def note(self, board: Board, settings: Settings) -> None:
        beat = board.modules.beat
        if beat and beat not in self.kept:
            self.kept[beat] = counted(board, settings, beat)
            while len(self.kept) > 120:
                del self.kept[next(iter(self.kept))]


def conservation_of(
    beats: dict[int, dict[str, Counted]], live: dict[str, Counted], settings: Settings, run_dir: Path
) -> views.Conservation:
    """Reads the audit: not for the event loop. ``beats``: counters of the last beats, by event time; ``live``: those of
    the newest."""
    audits: dict[str, Counted] = {}
    scanned: dict[str, int] = {}
    at = 0
    try:
        newest = max(beats, default=0)
        names = [name for each in instances(settings) for name in (each.limits.module, each.module)]
        found = audit.ask(run_dir, _NEWEST, [names, newest])
        at = int(found[0][0] or 0) if found else 0
        at = max((beat for beat in beats if beat <= at), default=0)
        if at:
            rows: dict[str, dict[str, int]] = {}
            for module, key, count in audit.ask(run_dir, _COUNTERS, [at, names]):
                rows.setdefault(str(module), {})[str(key)] = int(count)
            audits = {
                each.id: Counted(rows.get(each.limits.module, {}), rows.get(each.module, {}))
                for each in instances(settings)
                if each.limits.module in rows
            }
            scanned = {str(strategy): int(count) for strategy, count in audit.ask(run_dir, _SCANNED, [at])}
    except audit.NoAudit:
        at = 0
    equations = []
    for strategy, now in live.items():
        parts = now.by_verdict()
        then, audited = beats.get(at, {}).get(strategy), audits.get(strategy)
        equations.append(
            views.Equation(
                strategy=strategy,
                evaluations=now.evaluations,
                **parts,
                holds=now.evaluations == sum(parts.values()),
                audit_time=iso(at),
                audit_counters=audited.by_verdict() if audited is not None else None,
                counters_agree=None if audited is None or then is None else audited == then,
                scanned=scanned.get(strategy) if at else None,
                not_sent=then.evaluations - scanned.get(strategy, 0) if at and then is not None else None,
            )
        )
    return views.Conservation(equations=equations, note=NOTE)
