"""Conservation: for every strategy evaluations = passed + held + blocked, and the counters are those of the audit.

The counters are taken at one second of the trading flow's own time (a beat) that is known whole, for between two
beats one module's row may be newer than another's. The audit is asked for the same beat.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from api.server import audit
from api.server.board import Board
from api.server.formats import iso
from api.server.modules import split
from api.server.views.evidence import Conservation, Equation
from models.reasons import Verdict
from models.settings import Settings
from models.strategies.instance import instances
from models.timestamps import SECOND

NOTE = (
    "All numbers of a row are of one second of the trading flow. A scan row goes out when verdict or reason changes "
    "and at least each second, and says how many evaluations it stands for; those since the last row are in none yet."
)
_COUNTERS = """
SELECT module, gained.key, sum(gained.value)::BIGINT
FROM (SELECT module, unnest(map_entries(counts)) AS gained FROM telemetry
      WHERE timestamp <= ? AND module IN (SELECT unnest(?)))
GROUP BY ALL"""
_NEWEST = """
SELECT (SELECT max(timestamp) FROM telemetry WHERE module IN (SELECT unnest(?))), (SELECT max(timestamp) FROM scans)"""
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
    beats: dict[int, dict[str, Counted]],
    newest: int,
    live: dict[str, Counted],
    settings: Settings,
    run_dir: Path,
    finished: bool = False,
) -> Conservation:
    """Reads the audit: not for the event loop. ``beats``: counters of the last beats, by event time; ``live``: those of
    the newest, at ``newest``. Every number of a row is of one moment: the newest that counters, the audit's counters
    and its scan rows all have; while there is none, of the newest, and nothing is compared."""
    at, audits, scanned = 0, dict[str, Counted](), dict[str, int]()
    try:
        # Of a finished run the last second may have changed nothing, and then has no row in the audit.
        for at in (max(beats, default=0) if finished else 0, _common(beats, settings, run_dir, finished)):
            if at:
                audits, scanned = _audited(at, settings, run_dir)
                if all(audits.get(name) == then for name, then in beats[at].items()):
                    break
    except audit.NoAudit:
        at = 0
    equations = []
    for strategy, now in live.items():
        audited = audits.get(strategy)
        then = beats.get(at, {}).get(strategy) if audited is not None else None
        shown = now if then is None else then
        parts = shown.by_verdict()
        equations.append(
            Equation(
                strategy=strategy,
                time=iso(newest if then is None else at),
                evaluations=shown.evaluations,
                **parts,
                holds=shown.evaluations == sum(parts.values()),
                audit_counters=None if then is None or audited is None else audited.by_verdict(),
                counters_agree=None if then is None else audited == then,
                scanned=None if then is None else scanned.get(strategy, 0),
                not_sent=None if then is None else then.evaluations - scanned.get(strategy, 0),
                since=now.evaluations - shown.evaluations,
            )
        )
    return Conservation(
        time=iso(at) if at else "",
        newest=iso(newest) if newest else "",
        behind_s=round(max(newest - at, 0) / SECOND, 3) if at else None,
        equations=equations,
        note=NOTE,
    )


def _common(beats: dict[int, dict[str, Counted]], settings: Settings, run_dir: Path, finished: bool) -> int:
    """The newest beat that the audit has whole, 0 where there is none. Scan rows of one time may come one by one: a
    beat is whole once a later one is there, or nothing more will come."""
    names = [name for each in instances(settings) for name in (each.limits.module, each.module)]
    counted_to, scanned_to = audit.ask(run_dir, _NEWEST, [names])[0]
    known = int(counted_to or 0)
    if not finished:
        known = min(known, int(scanned_to or 0) - 1)
    return max((beat for beat in beats if beat <= known), default=0)


def _audited(at: int, settings: Settings, run_dir: Path) -> tuple[dict[str, Counted], dict[str, int]]:
    """The audit's counters of every strategy at ``at``, and what its scan rows add up to."""
    names = [name for each in instances(settings) for name in (each.limits.module, each.module)]
    rows: dict[str, dict[str, int]] = {}
    for module, key, count in audit.ask(run_dir, _COUNTERS, [at, names]):
        rows.setdefault(str(module), {})[str(key)] = int(count)
    audits = {
        each.id: Counted(rows.get(each.limits.module, {}), rows.get(each.module, {}))
        for each in instances(settings)
        if each.limits.module in rows
    }
    return audits, {str(strategy): int(count) for strategy, count in audit.ask(run_dir, _SCANNED, [at])}
