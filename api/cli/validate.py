"""`profit validate`: every strategy walked forward over a recorded journal, with a verdict and what that rests on."""

from __future__ import annotations

import hashlib
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from api.cli.progress import steps, when_told
from api.runs import RESEARCH, archive_of
from connectors.failures import require_writable
from connectors.process_lock import alone
from connectors.registry.trials import HoldoutUse, Trial, TrialJournal
from flows.research.evaluation import LineResult
from flows.research.journal import BEGINNING_NS, JournalData, data_of, journal_of
from flows.research.kept import keep_validation
from flows.research.validation import SHARES, Validation, evaluated, plan, sets_of, settings_of, validate
from flows.research.verdict import StrategyVerdict
from models.failures import Failure
from models.money import DOLLAR
from models.settings import Settings, load
from models.statistics.splits import WalkStep
from models.strategies.registry import STRATEGIES
from models.timestamps import utc


def validate_command(
    archive: Annotated[Path, typer.Argument(help="An archive, or the name or folder of a run.")],
    anchored: Annotated[bool, typer.Option("--anchored", help="Train from the beginning on, not on a window.")] = False,
    holdout: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of the journal at its end that nothing is chosen by.")
    ] = 0.0,
    because: Annotated[str, typer.Option(help="What a second look at a holdout is for.")] = "",
    given: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUES", help="a,b,c or low:high:step instead of the three thresholds."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array on standard output.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Walk every strategy forward: chosen on train and validation windows, judged by the test windows after them."""
    if because.strip() and not holdout:
        raise Failure(
            "--because is what a second look at a holdout is for, and there is no --holdout.",
            "Add --holdout SHARE, or leave --because away.",
        )
    settings = load(config)
    asked = tuple(given or ())
    settings_of(settings, asked)  # a wrong key is said before anything is read
    source = archive_of(archive, settings.data_dir)
    folder = settings.data_dir / RESEARCH
    require_writable(folder)
    kept = folder / "journals" / hashlib.sha256(str(source).encode()).hexdigest()[:12]
    wanted = _Wanted(anchored, holdout, because, asked, workers, as_json)
    kept.parent.mkdir(parents=True, exist_ok=True)
    with alone(kept.with_name(f".{kept.name}.lock"), lambda: _waits(source)):  # until the journal was read
        _validate(source, folder, kept, settings, wanted)


class _Wanted(msgspec.Struct, frozen=True):
    """As the command was given."""

    anchored: bool
    holdout: float
    because: str
    asked: tuple[str, ...]
    workers: int
    as_json: bool


def _validate(source: Path, folder: Path, kept: Path, settings: Settings, wanted: _Wanted) -> None:
    trials = TrialJournal(folder)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with steps() as begin:
        journal = journal_of(source, kept, settings, when_told(begin, "making the journal"))
        of = data_of(source, journal)
        first, last = of.first, of.last
        end = last - round((last - first) * wanted.holdout)
        if end - first < BEGINNING_NS:
            raise Failure(f"{source} spans less than ten minutes.", "Name a longer recording.")
        uses = _uses(of, end, now, wanted.because) if wanted.holdout else []
        for use in uses:
            trials.check_holdout(use)
        told = begin("walking")
        lines = evaluated(journal, settings, wanted.workers, told, wanted.asked)
        told(1.0)
    for use in uses:
        trials.use_holdout(use)
    windows = plan(first, end, wanted.anchored)
    held = _held(first, end, last + 1, wanted.anchored) if wanted.holdout else None
    found: list[Validation] = []
    for name in STRATEGIES:
        _note(trials, sets_of(settings, name, wanted.asked), name, lines, of, now)
        found.append(validate(settings, name, lines, windows, trials.count(name), held, wanted.asked))
    keep_validation(folder, str(source), of.data, now, wanted.anchored, found)
    if wanted.as_json:
        print(msgspec.json.encode(found).decode())
    else:
        _show(found, windows, source)


def _waits(source: Path) -> None:
    print(f"another profit validate of {source} is going on: waiting for its end", file=sys.stderr, flush=True)


def _uses(of: JournalData, since: int, now: str, why: str) -> list[HoldoutUse]:
    return [HoldoutUse(name, of.data, since, now, why, of.recording, of.last + 1) for name in STRATEGIES]


def _held(first: int, end: int, last: int, anchored: bool) -> WalkStep:
    """The step whose test window is what is held out."""
    validation = round((end - first) * SHARES[1])
    train = first if anchored else end - validation - round((end - first) * SHARES[0])
    return WalkStep((train, end - validation), (end - validation, end), (end, last))


def _note(
    trials: TrialJournal, sets: list[tuple[str, ...]], name: str, lines: list[LineResult], of: JournalData, now: str
) -> None:
    rows = []
    for words, line in zip(sets, lines, strict=False):  # a strategy may have fewer sets than there are lines
        net = 0
        for trip in line.trips:
            net += trip.net if trip.instance == name else 0
        rows.append(Trial(name, words, of.data, "validate", now, net / DOLLAR, of.recording, of.last + 1))
    trials.add(rows)


def _show(found: list[Validation], steps: tuple[WalkStep, ...], source: Path) -> None:
    for each in found:
        for label, verdict in ((each.verdict.strategy, each.verdict), ("  held out", each.holdout)):
            if verdict is not None:
                print(f"{label}: {verdict.word}: {verdict.why}")
                print(f"    {_figures(verdict)}")
    first, last = utc(steps[0].test[0], "minute"), utc(steps[-1].test[1], "minute")
    print(f"{source}: {len(steps)} test windows from {first} to {last}")
    print("A promotion in so many hours: with even chances, at the mean and rate of the test windows.")
    if any(each.verdict.word == "insufficient data" for each in found):
        print("insufficient data is no pass: record more.", file=sys.stderr)


def _figures(verdict: StrategyVerdict) -> str:
    said = [f"{verdict.trades:,} trades in {verdict.markets:,} markets and {verdict.observations:,} hours"]
    said.append(f"net {verdict.net:,.2f} $")
    if verdict.mean is not None:
        interval = "" if verdict.low is None else f" [{verdict.low:+.4f}, {verdict.high:+.4f}]"
        said.append(f"{verdict.mean:+.4f} $ a share{interval}")
    if verdict.track_record is not None:
        said.append(f"minimum track record: {verdict.track_record:,.0f} hours with trades")
    if verdict.deflated is not None:
        said.append(f"better than the best of {verdict.tried} worthless sets: {verdict.deflated:.1%}")
    unknown = "cannot be said" if verdict.mean is None else "not at this mean"
    reach = unknown if verdict.reachable_h is None else f"in {verdict.reachable_h:,.0f} h"
    said.append(f"promotion {reach}")
    return ", ".join(said)
