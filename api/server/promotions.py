"""Promotions: every instance with its latest decision, and the decisions before. Memory first, then the audit."""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from api.server import audit
from api.server.board import Board
from api.server.formats import iso
from api.server.named import place_of
from api.server.views.validation import (
    CandidateView,
    EvidenceView,
    PromotionHistory,
    Promotions,
    PromotionView,
    Standing,
)
from models.contracts import CriterionRow, Number, PromotionDecision
from models.reasons import MEANING, Reason, Verdict
from models.record import fields_of
from models.settings import Settings
from models.strategies.instance import all_instances

_COLUMNS: Final = tuple(field.name for field in fields_of(PromotionDecision))
_CURSOR: Final = re.compile(r"([0-9]{1,19}):(.{1,280})", re.DOTALL)
_LATEST: Final = 2**63 - 1  # Unix ns that a database can hold
#: States of the configuration that promotions change.
_JUDGED: Final = ("active", "shadow")


def promotions_of(board: Board, settings: Settings) -> Promotions:
    """Instances that may be promoted, and those that were judged and are configured no more."""
    module = board.modules.known.get("gate.state")
    gauges = module.row.gauges if module is not None else {}
    learning = board.modules.known.get("promotion")
    told = learning.row.gauges if learning is not None else {}
    instances = all_instances(settings)
    names = [each.id for each in instances.values() if each.enabled and each.state in _JUDGED]
    names += [name for name in board.promotions if name not in names]
    found = []
    for name in names:
        instance, latest = instances.get(name), board.promotions.get(name)
        configured = "" if instance is None else instance.state if instance.enabled else "off"
        state = str(gauges.get(f"promoted:{name}", "")) or configured
        strategy = instance.strategy.name if instance is not None else latest.strategy if latest is not None else ""
        seen = Telling(configured, state, _known(told.get(f"observations:{name}")), _known(told.get(f"e_value:{name}")))
        found.append(_candidate(name, strategy, seen, latest))
    newest = max(board.promotions.values(), key=lambda each: (each.timestamp, each.id), default=None)
    return Promotions(
        candidates=found,
        alpha=None if newest is None else newest.alpha,
        spent=None if newest is None else newest.spent,
        trials=None if newest is None else newest.trials,
    )


class Telling(NamedTuple):
    """What configuration and telemetry say of an instance now; None for what nobody has said."""

    configured: str
    state: str
    observations: float | None
    e_value: float | None


def _known(value: Number) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _candidate(name: str, strategy: str, now: Telling, latest: PromotionDecision | None) -> CandidateView:
    rows = latest.criteria if latest is not None else []
    missing = [each for each in rows if each.verdict != "pass"]
    hours = [each.reachable_h for each in missing]
    known = [each for each in hours if each is not None]
    return CandidateView(
        instance=name,
        strategy=strategy,
        configured=now.configured,
        state=now.state,
        observations=None if now.observations is None else int(now.observations),
        e_value=None if now.e_value is None else _finite(now.e_value),
        standing=standing_of(latest),
        said="it was not judged yet" if latest is None else latest.text,
        passed=len(rows) - len(missing),
        failed=len([each for each in missing if each.verdict == "fail"]),
        insufficient=len([each for each in missing if each.verdict == "insufficient"]),
        reachable_h=max(known, default=0.0) if latest is not None and len(known) == len(hours) else None,
        latest=None if latest is None else decided(latest),
    )


def standing_of(latest: PromotionDecision | None) -> Standing:
    """How an instance stands by its latest decision. What cannot be judged is never called met."""
    if latest is None:
        return "insufficient"
    if latest.verdict != Verdict.HOLD:
        return "promoted" if latest.verdict == Verdict.PASS else "demoted"
    if latest.new == "disabled":
        return "disabled"
    if latest.new == "active" and latest.reason == Reason.OK:
        return "kept"
    verdicts = {each.verdict for each in latest.criteria}
    return "failing" if "fail" in verdicts else "insufficient" if "insufficient" in verdicts or not verdicts else "met"


def decided(record: PromotionDecision) -> PromotionView:
    """A decision as the answers have it."""
    return PromotionView(
        id=record.id,
        journal=record.journal,
        time=iso(record.timestamp),
        instance=record.instance,
        strategy=record.strategy,
        old=record.old,
        new=record.new,
        verdict=str(record.verdict),
        reason=str(record.reason),
        meaning=MEANING[record.reason],
        text=record.text,
        window_start=iso(record.window_start),
        window_end=iso(record.window_end),
        observations=record.observations,
        criteria=[_row(each) for each in record.criteria],
        bands=[_row(each) for each in record.bands],
        e_value=_finite(record.e_value),
        e_threshold=_finite(record.e_threshold),
        level=record.level,
        alpha=record.alpha,
        spent=record.spent,
        trials=record.trials,
        forecast_e_value=_finite(record.forecast_e_value),
        demotion_e_value=_finite(record.demotion_e_value),
        code=record.code,
        configuration=record.configuration,
    )


def _row(row: CriterionRow) -> EvidenceView:
    return EvidenceView(
        name=row.name,
        value=_finite(row.value),
        threshold=_finite(row.threshold),
        verdict=row.verdict,
        reachable_h=row.reachable_h,
        text=row.text,
    )


def _finite(value: float) -> float:
    """JSON has no infinity: an e-value may grow that far."""
    return value if math.isfinite(value) else math.copysign(1e308, value) if value == value else 0.0


def history_of(board: Board, run_dir: Path, instance: str, changes: bool, limit: int, before: str) -> PromotionHistory:
    """Up to ``limit`` decisions older than ``before``; with ``changes`` those that changed a state. Reads files: not
    for the event loop."""
    asked = place_of(_CURSOR, before)
    start = (min(asked[0], _LATEST), asked[1]) if asked else None
    found: list[PromotionDecision] = []
    last = start
    kept = sorted(board.promotion_records(), key=lambda each: (each.timestamp, each.id), reverse=True)
    for each in kept:
        place = (each.timestamp, each.id)
        if start is not None and place >= start:
            continue
        last = place
        if instance in ("", each.instance) and (not changes or each.old != each.new):
            found.append(each)
    if len(found) <= limit and (run_dir / audit.DATABASE).is_file():
        with contextlib.suppress(audit.NoAudit):  # memory is all there is now
            found += _older(run_dir, instance, changes, last, limit + 1 - len(found))
    shown = found[:limit]
    after = f"{shown[-1].timestamp}:{shown[-1].id}" if len(found) > limit else ""
    return PromotionHistory(decisions=[decided(each) for each in shown], next=after)


def _older(
    run_dir: Path, instance: str, changes: bool, cursor: tuple[int, str] | None, limit: int
) -> list[PromotionDecision]:
    wanted: list[str] = []
    values: list[Any] = []
    if cursor is not None:
        wanted.append('("timestamp" < ? OR ("timestamp" = ? AND id < ?))')
        values += [cursor[0], cursor[0], cursor[1]]
    if instance:
        wanted.append("instance = ?")
        values.append(instance)
    if changes:
        wanted.append("old <> new")
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    query = f'SELECT {columns} FROM promotions {where} ORDER BY "timestamp" DESC, id DESC LIMIT {int(limit)}'
    rows = audit.ask(run_dir, query, values)
    return [_record(dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def _record(given: dict[str, Any]) -> PromotionDecision:
    given["criteria"] = given["criteria"] or []
    given["bands"] = given["bands"] or []
    return msgspec.convert(given, PromotionDecision)
