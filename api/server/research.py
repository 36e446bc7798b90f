"""What research left in the data folder: walks forward with their windows, and the trial journal. Reads files: not for
the event loop."""

from __future__ import annotations

from pathlib import Path

from api.runs import RESEARCH
from api.server.formats import iso
from api.server.views.validation import (
    TrialsView,
    TrialView,
    ValidationView,
    VerdictView,
    WalkStepView,
    WalksView,
    WalkView,
)
from connectors.registry.trials import HoldoutUse, Trial, TrialJournal
from flows.research.kept import KeptStep, KeptWalk, kept_validations
from flows.research.verdict import StrategyVerdict

_MOST = 20


def walks_of(data_dir: Path) -> WalksView:
    """The newest first."""
    return WalksView(
        validations=[
            ValidationView(
                source=each.source,
                data=each.data,
                at=each.at,
                anchored=each.anchored,
                walks=[_walk(walk) for walk in each.walks],
            )
            for each in kept_validations(data_dir / RESEARCH)[:_MOST]
        ]
    )


def trials_of(data_dir: Path, subject: str, limit: int, at: int) -> TrialsView:
    """Raises Failure where the journal is damaged."""
    journal = TrialJournal(data_dir / RESEARCH)
    rows = list(journal.rows())
    sets: dict[str, set[tuple[str, ...]]] = {}
    for each in rows:
        if isinstance(each, Trial):
            sets.setdefault(each.subject, set()).add(each.changes)
    found = [each for each in reversed(rows) if subject in ("", each.subject)]
    shown = found[at : at + limit]
    after = at + len(shown)
    return TrialsView(
        tried={name: len(each) for name, each in sorted(sets.items())},
        trials=[_trial(each) for each in shown],
        of=len(found),
        next=after if after < len(found) else None,
    )


def _trial(row: Trial | HoldoutUse) -> TrialView:
    if isinstance(row, Trial):
        return TrialView(
            at=row.at, subject=row.subject, what="trial", by=row.by, changes=list(row.changes), data=row.data,
            net_usd=row.net, since="", why="",
        )  # fmt: skip
    return TrialView(
        at=row.at, subject=row.subject, what="holdout", by="validate", changes=[], data=row.data, net_usd=None,
        since=iso(row.since), why=row.why,
    )  # fmt: skip


def _walk(walk: KeptWalk) -> WalkView:
    return WalkView(
        verdict=_verdict(walk.verdict),
        holdout=None if walk.holdout is None else _verdict(walk.holdout),
        steps=[_step(each) for each in walk.steps],
    )


def _step(step: KeptStep) -> WalkStepView:
    windows = step.windows
    return WalkStepView(
        train_start=iso(windows.train[0]),
        validation_start=iso(windows.validation[0]),
        test_start=iso(windows.test[0]),
        test_end=iso(windows.test[1]),
        chosen=list(step.chosen),
        trained_on=step.trained_on,
        validated_on=step.validated_on,
        trades=step.trades,
        net_usd=step.net,
    )


def _verdict(given: StrategyVerdict) -> VerdictView:
    return VerdictView(
        strategy=given.strategy,
        word=given.word,
        why=given.why,
        trades=given.trades,
        observations=given.observations,
        markets=given.markets,
        net_usd=given.net,
        mean_usd=given.mean,
        low_usd=given.low,
        high_usd=given.high,
        probable=given.probable,
        deflated=given.deflated,
        tried=given.tried,
        reachable_h=given.reachable_h,
    )
