"""Making a bundle of a run, and checking one: inputs hashed again, the run replayed, its results and chain compared.

Nothing is claimed that was not seen: a bundle is made of a run that ended well and whose replay came out the same.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from pydantic import ValidationError

from connectors.archive.reader import ArchiveReader
from flows.replay.again import repeating
from flows.replay.bundle import (
    FORMAT,
    OF_THE_CLOCK,
    WITHOUT_WEIGHT,
    Bundle,
    BundleChain,
    BundleContent,
    TopicHash,
    code_version,
    figures_of,
    hash_of,
    inputs_of,
    outputs_of,
    portable,
    predecessors,
    read_bundle,
    recorded_of,
    report_of,
)
from flows.replay.plan import ReplayPlan, Stage
from flows.replay.runner import begin, run_stages
from flows.replay.shortfalls import shortfalls
from flows.replay.summary import RunSummary, summarise
from models.configuration import Statement, decode_statement, relevant, with_relevant
from models.failures import Failure
from models.settings import Settings
from models.topics import CONFIGURATION

Progress = Callable[[Stage], None]


class CheckResult(msgspec.Struct, frozen=True):
    """One thing that was checked. ``ok``, ``failed``, or ``not checked``, with why in ``text``."""

    what: str
    verdict: Literal["ok", "failed", "not checked"]
    text: str = ""


def make_bundle(
    archive: Path, name: str, made: str, chain: BundleChain, progress: Progress = lambda stage: None
) -> Bundle:
    """The bundle of the run that wrote ``archive``, added to ``chain``. ``made``: now, ISO 8601. Raises Failure for
    a run that is not whole, or whose replay differs."""
    lacking = shortfalls(archive)
    with tempfile.TemporaryDirectory(prefix="profit-bundle-") as folder:
        plan = repeating(archive, Path(folder) / "run")
        if plan.start != "feeds":
            raise Failure(f"{name} was replayed from a journal: it has no feeds to check.", "Name the run it replayed.")
        if lacking and plan.archive == archive:
            raise Failure(
                f"{name} is not whole: {'; '.join(lacking)}.",
                f"End it well first: profit up --run {name} goes on with it.",
            )
        recorded = outputs_of(archive)
        report = _replayed(plan, progress)
        replayed = outputs_of(plan.output)
        differ = sorted(each for each in {*recorded, *replayed} if recorded.get(each) != replayed.get(each))
        if differ:
            raise Failure(
                f"{name} does not come out the same when it is replayed: {', '.join(differ)}.",
                f"See where: profit replay --compare {name}.",
            )
        content = BundleContent(
            format=FORMAT,
            run=name,
            made=made,
            code=code_version(),
            settings=portable(plan.settings),
            fixed=plan.fixed,
            inputs=inputs_of(plan.archive),
            outputs=recorded,
            recorded=recorded_of(plan.archive),
            digest=report.digest,
            report=report_of(report),
            previous="",
        )
    return chain.add(content)


def check_bundle(
    path: Path, archive: Path, chains: Sequence[Path], progress: Progress = lambda stage: None
) -> list[CheckResult]:
    """Everything that the bundle in the file ``path`` states of ``archive``, checked. ``chains``: folders in which the
    bundles before it may be. Raises Failure for a file that is no bundle."""
    bundle = read_bundle(path)
    content = bundle.content
    own = hash_of(content)
    results = [
        _judged("the bundle's own hash", own == bundle.sha256, f"its content has {own}, it states {bundle.sha256}"),
        *_code(content),
    ]
    inputs = _topics("input", content.inputs, inputs_of(archive))
    results += inputs
    present = set(ArchiveReader(archive).topics())
    if present & {*content.outputs, *content.recorded}:
        results += _topics("recorded", content.outputs, outputs_of(archive))
        results += _topics("recorded", content.recorded, recorded_of(archive))
    else:
        results.append(CheckResult("recorded results", "not checked", "the archive has the inputs alone"))
    if any(each.verdict == "failed" for each in inputs):
        results.append(CheckResult("the replay", "not checked", "its inputs are not those of the bundle"))
    else:
        results += _replay(content, archive, progress)
    return [*results, *_chain(bundle, chains)]


def _replayed(plan: ReplayPlan, progress: Progress) -> RunSummary:
    begin(plan)
    run_stages(plan, progress)
    return summarise(plan.archive, plan.journal, plan.output, 0.0, from_feeds=True)


def _replay(content: BundleContent, archive: Path, progress: Progress) -> list[CheckResult]:
    try:
        settings = Settings.model_validate(content.settings)
    except ValidationError as cause:
        where = ", ".join(".".join(map(str, each["loc"])) for each in cause.errors())
        return [CheckResult("the settings", "failed", f"this version does not take {where}")]
    results: list[CheckResult] = []
    folder = Path(tempfile.mkdtemp(prefix="profit-bundle-"))
    try:
        results += _settings(content, settings, archive)
        plan = repeating(archive, folder / "run", settings, content.fixed)
        report = _replayed(plan, progress)
        results += _topics("replayed", content.outputs, outputs_of(plan.output))
    except Failure as cause:
        return [*results, CheckResult("the replay", "failed", cause.cause)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    told = f"the replay has {report.digest}, the bundle states {content.digest}"
    results.append(_judged("the digest", report.digest == content.digest, told))
    return results + _figures(figures_of(content.report), figures_of(report_of(report)))


def _settings(content: BundleContent, settings: Settings, archive: Path) -> list[CheckResult]:
    """What the run stated that it began under. A replay that follows what was stated would not miss it; where it does
    not, its decisions bear the name of the settings."""
    results = []
    if idle := sorted(content.settings.keys() & set(WITHOUT_WEIGHT)):
        text = f"{', '.join(idle)}: no decision goes by them, and nothing in the archive holds them"
        results.append(CheckResult("settings without weight", "not checked", text))
    first = None if content.fixed else _first_statement(archive)
    if first is not None:
        stated, own = _by_key(relevant(settings)), _by_key(relevant(with_relevant(settings, first.settings)))
        differ = sorted(each for each in {**own, **stated} if own.get(each) != stated.get(each))
        told = "; ".join(f"{each}: the run stated {own.get(each)}, the bundle {stated.get(each)}" for each in differ)
        results.append(_judged("the settings", not differ, told, "those that the run stated at its start"))
    return results


def _first_statement(archive: Path) -> Statement | None:
    reader = ArchiveReader(archive)
    if CONFIGURATION not in reader.topics():
        return None
    for record in reader.read(CONFIGURATION):
        with contextlib.suppress(msgspec.DecodeError):  # it is a dead letter then
            return decode_statement(record.value)
    return None


def _by_key(settings: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """``portfolio.kelly_fraction`` and its like, with their values."""
    found: dict[str, Any] = {}
    for name, value in settings.items():
        found |= _by_key(value, f"{before}{name}.") if isinstance(value, Mapping) else {before + name: value}
    return found


def _figures(stated: Mapping[str, Any], found: Mapping[str, Any]) -> list[CheckResult]:
    results = []
    for name in dict.fromkeys((*stated, *found)):
        if name in OF_THE_CLOCK:
            text = f"the bundle states {stated[name]}: it goes by the machine and its load"
            results.append(CheckResult(f"report {name}", "not checked", text))
            continue
        one, two = (each.get(name, "no such figure") for each in (stated, found))
        results.append(_judged(f"report {name}", one == two, f"the replay has {two}, the bundle states {one}"))
    return results


def _code(content: BundleContent) -> list[CheckResult]:
    own, theirs = code_version(), content.code
    results = []
    if own.sources == theirs.sources:
        results.append(CheckResult("the code", "ok", "the same sources"))
        for what, one, two in (("version", theirs.version, own.version), ("Python", theirs.python, own.python)):
            if one != two:
                text = f"the bundle states {one}, here it is {two}"
                results.append(CheckResult(f"the code's {what}", "not checked", text))
    else:
        made, here = (f"{each.version} ({each.sources[:12]})" for each in (theirs, own))
        text = f"made with version {made}, checked with {here}"
        results.append(CheckResult("the code", "not checked", text))
    if own.platform != theirs.platform:
        text = f"made on {theirs.platform}, checked on {own.platform}: equal digests are promised for one platform"
        results.append(CheckResult("the platform", "not checked", text))
    return results


def _topics(kind: str, stated: Mapping[str, TopicHash], found: Mapping[str, TopicHash]) -> list[CheckResult]:
    results = []
    for topic in sorted({*stated, *found}):
        one, two = stated.get(topic), found.get(topic)
        told = f"there are {_said(two)}, the bundle states {_said(one)}"
        results.append(_judged(f"{kind} {topic}", one == two, told, _said(two)))
    return results


def _chain(bundle: Bundle, folders: Sequence[Path]) -> list[CheckResult]:
    if not bundle.content.previous:
        return [CheckResult("the chain", "ok", "this is the first bundle of its data folder")]
    results: list[CheckResult] = []
    links = 0
    for wanted, path, found in predecessors(bundle, folders):
        if found is None or path is None:
            text = f"after {links} of them: the bundle {wanted[:12]} is in none of {', '.join(map(str, folders))}"
            return [*results, CheckResult("the chain", "not checked", text)]
        own = hash_of(found.content)
        links += 1
        if own != wanted:
            results.append(
                CheckResult(f"the chain: {path.name}", "failed", f"its content has {own[:12]}, not {wanted[:12]}")
            )
    return results or [CheckResult("the chain", "ok", f"{links} before it")]


def _judged(what: str, ok: bool, failed: str, passed: str = "") -> CheckResult:
    return CheckResult(what, "ok" if ok else "failed", passed if ok else failed)


def _said(found: TopicHash | None) -> str:
    return "none" if found is None else f"{found.records:,} records with {found.sha256[:12]}"
