"""A bundle says what a run was made of and came to; whatever was changed since is named."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from flows.replay import bundle_check
from flows.replay.bundle import (
    BUNDLES,
    OUTPUTS,
    Bundle,
    BundleChain,
    encode,
    hash_of,
    inputs_of,
    predecessors,
    read_bundle,
)
from flows.replay.bundle_check import CheckResult, Progress, check_bundle, make_bundle
from flows.replay.plan import ReplayPlan
from flows.replay.summary import ClosingBalance, RunSummary
from models.configuration import Statement, configuration_id, encode_statement, relevant
from models.failures import Failure
from models.message import Message, Stored
from models.settings import Settings
from models.topics import CONFIGURATION, DECISIONS, FEED_CLOCK, FEED_POLYMARKET, FEEDS, OUTCOMES, PROMOTIONS, TELEMETRY
from tests.commands import assert_explained, profit
from tests.flows.replay.recorded_run import altered, copy
from tests.once import once

pytestmark = pytest.mark.takes(30)

NOW = "2026-11-30T10:00:00+00:00"


@pytest.fixture(scope="module", autouse=True)
def replayed_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What was replayed of the same inputs by the same settings is taken from the first time: that it comes out the
    same again is what test_replay_is_truth is for. Commands replay each time."""
    truly = bundle_check._replayed

    def replayed(plan: ReplayPlan, progress: Progress) -> RunSummary:
        inputs = msgspec.json.encode(inputs_of(plan.archive), order="sorted")
        of = hashlib.sha256(inputs + f"{plan.settings.model_dump_json()} {plan.fixed}".encode()).hexdigest()

        def make(folder: Path) -> None:
            (folder / "summary.json").write_bytes(msgspec.json.encode(truly(plan, progress)))
            shutil.copytree(plan.output, folder / "output")

        kept = once(tmp_path_factory, f"a-replay-{of[:16]}", make)
        shutil.copytree(kept / "output", plan.output, dirs_exist_ok=True)
        return msgspec.json.decode((kept / "summary.json").read_bytes(), type=RunSummary)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bundle_check, "_replayed", replayed)
        yield


@pytest.fixture(scope="module")
def data(replayed_once: None, made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a run and three bundles of it; the last one is in the run's folder too."""

    def make(folder: Path) -> None:
        run = folder / "runs" / "evening"
        shutil.copytree(made, run)
        for _ in range(3):
            bundle = make_bundle(run / "archive", "evening", NOW, BundleChain(folder))
        (run / "bundle.json").write_bytes(encode(bundle))

    return once(tmp_path_factory, "a-bundled-run", make)


def checked(data: Path, bundle: Path, archive: Path | None = None) -> list[CheckResult]:
    return check_bundle(bundle, archive or data / "runs" / "evening" / "archive", [data / BUNDLES])


def failed(results: list[CheckResult]) -> set[str]:
    return {each.what for each in results if each.verdict == "failed"}


def own(data: Path) -> Path:
    return data / "runs" / "evening" / "bundle.json"


def test_an_untouched_run_is_sound_in_every_point(data: Path) -> None:
    results = checked(data, own(data))
    assert {each.verdict for each in results} == {"ok"}
    names = {each.what for each in results}
    present = ArchiveReader(data / "runs" / "evening" / "archive").topics()
    assert {f"input {each}" for each in present if each in FEEDS} <= names
    assert {f"recorded {each}" for each in present if each not in FEEDS} <= names
    assert {f"replayed {each}" for each in present if each in OUTPUTS} <= names
    assert {f"report account.{each}" for each in ClosingBalance.__struct_fields__} <= names
    figures = set(RunSummary.__struct_fields__) - {"account", "seconds", "seconds_in_all", "events_per_second"}
    assert {f"report {each}" for each in figures} <= names
    assert {"input feed.polymarket", "recorded decisions", "replayed decisions", "the digest", "the chain"} <= names
    assert {"report strategies", "report account.cash", "the bundle's own hash", "the code"} <= names
    assert next(each.text for each in results if each.what == "the chain") == "2 before it"


def test_a_bundle_holds_nothing_of_the_machine(data: Path) -> None:
    text = own(data).read_text()
    assert str(data) not in text and "kafka" not in text and "sasl" not in text and "private_key" not in text


def test_a_stranger_needs_the_feeds_and_the_bundle_alone(data: Path, tmp_path: Path) -> None:
    copy(data / "runs" / "evening" / "archive", tmp_path / "feeds", FEEDS)
    shutil.copy(own(data), tmp_path)
    results = check_bundle(tmp_path / "bundle.json", tmp_path / "feeds", [tmp_path])
    assert failed(results) == set()
    open_points = {each.what: each.text for each in results if each.verdict == "not checked"}
    assert open_points.keys() == {"recorded results", "the chain"}
    assert "after 0 of them" in open_points["the chain"]


def test_an_input_that_was_changed_is_named_and_not_replayed(data: Path, made: Path, tmp_path: Path) -> None:
    def change(record: Stored) -> Stored:
        if record.topic != FEED_POLYMARKET or record.offset != 100:
            return record
        return msgspec.structs.replace(record, value=record.value.replace(b"0.", b"0.0", 1))

    results = checked(data, own(data), altered(made, tmp_path, change))
    assert failed(results) == {"input feed.polymarket"}
    assert next(each.verdict for each in results if each.what == "the replay") == "not checked"


def test_an_input_that_is_missing_is_named(data: Path, tmp_path: Path) -> None:
    copy(data / "runs" / "evening" / "archive", tmp_path / "feeds", FEEDS[1:])
    (found,) = [each for each in checked(data, own(data), tmp_path / "feeds") if each.verdict == "failed"]
    assert found.what == "input feed.polymarket" and found.text.startswith("there are none,")


def test_a_recorded_result_that_was_changed_is_named_though_the_replay_is_right(
    data: Path, made: Path, tmp_path: Path
) -> None:
    assert failed(checked(data, own(data), altered(made, tmp_path, spoil_first))) == {"recorded decisions"}


def spoil_first(record: Stored) -> Stored:
    spoilt = record.topic == DECISIONS and record.offset == 0
    return msgspec.structs.replace(record, value=record.value[:-1] + b" }") if spoilt else record


def rewritten(path: Path, target: Path, change: Callable[[dict[str, Any]], None], honest: bool) -> Path:
    """The bundle with another content; ``honest``: with a hash that fits it."""
    given = json.loads(path.read_bytes())
    change(given["content"])
    bundle = msgspec.convert(given, Bundle)
    target.write_bytes(encode(Bundle(bundle.content, hash_of(bundle.content)) if honest else bundle))
    return target


@pytest.mark.parametrize("honest", [True, False], ids=["with a new hash", "with the old hash"])
def test_a_claim_that_was_changed_is_named(honest: bool, data: Path, tmp_path: Path) -> None:
    def better(content: dict[str, Any]) -> None:
        content["report"]["account"]["cash"] += 1_000
        content["digest"] = "0" * 64

    path = rewritten(own(data), tmp_path / "bundle.json", better, honest)
    wanted = {"the digest", "report account.cash"}
    assert failed(checked(data, path)) == (wanted if honest else wanted | {"the bundle's own hash"})


def test_every_figure_of_the_report_is_compared_and_those_of_the_machine_are_named(data: Path, tmp_path: Path) -> None:
    given = json.loads(own(data).read_bytes())["content"]["report"]

    def better(content: dict[str, Any]) -> None:
        report = content["report"]
        for figures in (report, report["account"]):
            for name, value in figures.items():
                if name != "account":
                    figures[name] = "forged" if isinstance(value, list | dict | str) else (value or 0) + 1
        report["seconds"], report["sharpe"] = 1.0, 3.0
        del report["blocks"]

    results = checked(data, rewritten(own(data), tmp_path / "bundle.json", better, honest=True))
    wanted = {f"report {each}" for each in (*given, "sharpe") if each != "account"}
    wanted |= {f"report account.{each}" for each in given["account"]}
    assert failed(results) == wanted and "equity" in given["account"]
    assert [each.what for each in results if each.verdict == "not checked"] == ["report seconds"]


def test_any_topic_of_the_archive_that_was_taken_out_is_named(data: Path, tmp_path: Path) -> None:
    archive = data / "runs" / "evening" / "archive"
    content = read_bundle(own(data)).content
    assert PROMOTIONS in content.recorded and TELEMETRY in content.recorded
    for topic in (PROMOTIONS, TELEMETRY, OUTCOMES):
        kept = tuple(each for each in ArchiveReader(archive).topics() if each != topic)
        copy(archive, tmp_path / topic, kept)
        assert failed(checked(data, own(data), tmp_path / topic)) == {f"recorded {topic}"}


def test_other_settings_are_found_by_what_they_lead_to(data: Path, tmp_path: Path) -> None:
    def bolder(content: dict[str, Any]) -> None:
        content["settings"]["portfolio"]["kelly_fraction"] = 1.0

    found = failed(checked(data, rewritten(own(data), tmp_path / "bundle.json", bolder, honest=True)))
    assert {"replayed decisions", "the digest"} <= found and "input feed.polymarket" not in found


def test_settings_are_compared_with_what_the_run_stated(made: Path, data: Path, tmp_path: Path) -> None:
    """A replay that goes by what was stated would come out the same whatever the bundle says."""
    run = tmp_path / "runs" / "evening"
    shutil.copytree(made, run)
    statement = Statement("trading", "r", configuration_id(Settings()), relevant(Settings()))
    with ArchiveWriter(run / "archive", [CONFIGURATION]) as writer:
        at = next(ArchiveReader(run / "archive").read(FEED_CLOCK)).t_ns
        writer.append_message(Message(CONFIGURATION, "trading", encode_statement(statement), at))
    (run / "bundle.json").write_bytes(encode(make_bundle(run / "archive", "evening", NOW, BundleChain(tmp_path))))
    assert {each.verdict for each in checked(tmp_path, own(tmp_path))} == {"ok"}

    def bolder(content: dict[str, Any]) -> None:
        content["settings"]["portfolio"] |= {"kelly_fraction": 0.1, "cap_total": 100.0}

    results = checked(tmp_path, rewritten(own(tmp_path), tmp_path / "bundle.json", bolder, honest=True))
    (said,) = [each for each in results if each.what == "the settings"]
    assert said.verdict == "failed"
    assert said.text == (
        "portfolio.cap_total: the run stated 4000.0, the bundle 100.0; "
        "portfolio.kelly_fraction: the run stated 0.25, the bundle 0.1"
    )


def test_settings_that_nothing_holds_are_not_stated_and_not_believed(data: Path, tmp_path: Path) -> None:
    assert not {"feeds", "simulator", "comparison"} & read_bundle(own(data)).content.settings.keys()

    def elsewhere(content: dict[str, Any]) -> None:
        content["settings"]["feeds"] = {"polymarket_ws": "wss://elsewhere"}

    results = checked(data, rewritten(own(data), tmp_path / "bundle.json", elsewhere, honest=True))
    (said,) = [each for each in results if each.verdict != "ok"]
    assert (said.what, said.verdict) == ("settings without weight", "not checked") and "feeds" in said.text


def test_settings_of_another_version_are_named(data: Path, tmp_path: Path) -> None:
    def older(content: dict[str, Any]) -> None:
        content["settings"]["portfolio"]["luck"] = 1.0

    found = failed(checked(data, rewritten(own(data), tmp_path / "bundle.json", older, honest=True)))
    assert found == {"the settings"}


def test_a_bundle_of_the_chain_that_was_changed_or_taken_out_is_named(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data / BUNDLES, tmp_path / BUNDLES)
    second = BundleChain(tmp_path).paths()[1]
    archive = data / "runs" / "evening" / "archive"

    def forged(content: dict[str, Any]) -> None:
        content["made"] = "2020-01-01T00:00:00+00:00"

    original = second.read_bytes()
    rewritten(second, second, forged, honest=False)
    assert failed(check_bundle(own(data), archive, [tmp_path / BUNDLES])) == {f"the chain: {second.name}"}
    second.write_bytes(original)
    second.unlink()
    (chain,) = [each for each in check_bundle(own(data), archive, [tmp_path / BUNDLES]) if "chain" in each.what]
    assert chain.verdict == "not checked" and read_bundle(own(data)).content.previous[:12] in chain.text


def test_a_run_that_is_not_whole_gets_no_bundle(made: Path, tmp_path: Path) -> None:
    def change(record: Stored) -> Stored | None:
        return None if record.topic == FEED_POLYMARKET and record.offset >= 2_000 else record

    with pytest.raises(Failure, match="evening is not whole: "):
        make_bundle(altered(made, tmp_path, change), "evening", NOW, BundleChain(tmp_path))
    with pytest.raises(Failure, match=r"does not come out the same.*decisions"):
        make_bundle(altered(made, tmp_path / "spoilt", spoil_first), "evening", NOW, BundleChain(tmp_path))
    assert not (tmp_path / BUNDLES).exists()


def test_the_command_makes_one_and_checks_it(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made, tmp_path / "data" / "runs" / "evening")
    file = "data/runs/evening/bundle.json"
    assert_explained(profit(tmp_path, "verify", "evening"), "evening has no bundle", "--bundle")
    assert_explained(profit(tmp_path, "verify", "evening", "--bundle", "data"), "--bundle data is a folder.")
    done = profit(tmp_path, "verify", "evening", "--bundle", file)
    assert done.returncode == 0 and "the first of its data folder" in done.stdout, done.stderr
    for words in (["evening"], [file], [file, "--archive", "evening"]):
        done = profit(tmp_path, "verify", *words)
        assert done.returncode == 0 and done.stdout.rstrip().endswith("sound"), done.stdout + done.stderr
    (tmp_path / file).write_bytes((tmp_path / file).read_bytes().replace(b'"digest": "', b'"digest": "0', 1))
    done = profit(tmp_path, "verify", "evening", "--json")
    assert done.returncode == 1 and not json.loads(done.stdout)["sound"]
    (tmp_path / file).write_text("{}")
    assert_explained(profit(tmp_path, "verify", "evening"), "is no bundle")


def test_a_replay_has_its_inputs_where_it_read_them(made: Path, tmp_path: Path) -> None:
    """A replay's own archive holds no feeds: its bundle, of those of the run it replayed, is sound all the same."""
    shutil.copytree(made, tmp_path / "data" / "runs" / "evening")
    assert profit(tmp_path, "replay", "evening", "--run", "again").returncode == 0
    file = "data/runs/again/bundle.json"
    assert profit(tmp_path, "verify", "again", "--bundle", file).returncode == 0
    for words in (["again"], [file]):
        done = profit(tmp_path, "verify", *words)
        assert done.returncode == 0 and done.stdout.rstrip().endswith("sound"), done.stdout + done.stderr
    (tmp_path / "data" / "runs" / "evening").rename(tmp_path / "elsewhere")
    assert_explained(profit(tmp_path, "verify", "again"), "which is gone", "--archive")
    assert profit(tmp_path, "verify", "again", "--archive", "elsewhere").returncode == 0


def test_what_is_no_bundle_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("root:x:0:0")
    assert_explained(profit(tmp_path, "verify", "words"), "words is no bundle")
    assert_explained(profit(tmp_path, "verify", "nosuch.json"), "nosuch.json: there is no such file", "Name a bundle")


def test_a_bundle_of_the_first_format_stays_a_link_of_the_chain(data: Path, tmp_path: Path) -> None:
    given = json.loads(own(data).read_bytes())["content"]
    stated = {name: value for name, value in given.items() if name != "recorded"} | {"format": 1, "previous": ""}
    text = json.dumps(stated, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    chain = BundleChain(tmp_path)
    chain.folder.mkdir()
    old = chain.folder / "000001-evening.json"
    old.write_text(json.dumps({"content": stated, "sha256": hashlib.sha256(text.encode()).hexdigest()}))
    with pytest.raises(Failure, match="of format 1, wanted is 2"):
        read_bundle(old)
    added = chain.add(read_bundle(own(data)).content)
    (found,) = predecessors(added, [chain.folder])
    assert found[1] == old and found[2] is not None and hash_of(found[2].content) == added.content.previous
