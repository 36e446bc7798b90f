"""A bundle: what a run was made of and what it came to, as one JSON file that another machine can check.

It names the content of every input topic by hash, the settings, the code, the digest and the figures; it bears the hash
of its own content and that of the bundle before it in the data folder, so that none can be exchanged or left out
unseen. Hashes are of records and not of files: an archive may be merged, copied and compressed anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import struct
from collections.abc import Iterable, Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.archive.reader import ArchiveReader
from connectors.process_lock import acquire
from flows.replay.summary import RunSummary
from flows.sources import hash_of_sources
from models.failures import Failure
from models.message import Stored
from models.settings import Settings
from models.topics import ANSWERS, DIGESTED, FEEDS, INPUTS, JOURNAL, MARKOUTS, OUTCOMES, RISK, VENUE

FORMAT: Final = 2
LINKED: Final = (1, FORMAT)  # formats of the bundles before one
BUNDLES: Final = "bundles"  # folder of the data folder's chain
#: What a replay of the market and trading flows has to bring out again, byte for byte. Quality, scans, features and
#: telemetry are theirs too, but go by the interval at which a run reports, and a replay has its own.
OUTPUTS: Final = (JOURNAL, *DIGESTED, OUTCOMES, ANSWERS, RISK, MARKOUTS, VENUE)
#: Of this machine, and without a part in any decision.
_OF_THE_MACHINE: Final = ("data_dir", "kafka", "broker", "recorder", "api", "alerts", "archive", "live_account")
#: Of the run's feeds: nothing in a replay goes by them, so that a bundle does not state them.
WITHOUT_WEIGHT: Final = ("feeds", "simulator", "comparison")
_PACKAGES: Final = ("connectors", "flows", "models")
#: Figures of a report that go by the machine and its load; all others follow from the records.
OF_THE_CLOCK: Final = ("seconds", "seconds_in_all", "events_per_second")
_ACCOUNT: Final = "account"


class TopicHash(msgspec.Struct, frozen=True):
    """How many records a topic has, and SHA-256 over them in order."""

    records: int
    sha256: str


class CodeVersion(msgspec.Struct, frozen=True):
    """``sources``: SHA-256 over the program's own files that take part in a replay."""

    version: str
    sources: str
    python: str
    platform: str


class BundleContent(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stated. ``made``: UTC, ISO 8601. ``fixed``: the configurations stated in the journal are passed over.
    ``inputs``: feed and input topics; ``outputs``: what came of them, which a replay brings out again;
    ``recorded``: all other topics of the archive, which it does not. ``report``: figures of the replay, without
    ``OF_THE_CLOCK``. ``previous``: hash of the bundle before it, "" of the first."""

    format: int
    run: str
    made: str
    code: CodeVersion
    settings: dict[str, Any]
    fixed: bool
    inputs: dict[str, TopicHash]
    outputs: dict[str, TopicHash]
    digest: str
    report: dict[str, Any]
    previous: str
    recorded: dict[str, TopicHash] = {}  # none in format 1, whose hash stays right in a chain


class Bundle(msgspec.Struct, frozen=True):
    """A run stated, and the SHA-256 over its canonical JSON."""

    content: BundleContent
    sha256: str


def hash_of(content: BundleContent) -> str:
    """SHA-256 over the content as JSON with sorted keys and no blanks."""
    return hashlib.sha256(msgspec.json.encode(content, order="sorted")).hexdigest()


def encode(bundle: Bundle) -> bytes:
    """The bundle as the text of a file."""
    return msgspec.json.format(msgspec.json.encode(bundle)) + b"\n"


def read_bundle(path: Path, formats: Sequence[int] = (FORMAT,)) -> Bundle:
    """Raises Failure for a file that is none, or of another format. Whether its hash is right, ``hash_of`` says."""
    try:
        bundle = msgspec.json.decode(path.read_bytes(), type=Bundle)
    except FileNotFoundError:
        raise Failure(f"{path}: there is no such file.", "Name a bundle, or a run or archive that has one.") from None
    except (OSError, msgspec.MsgspecError) as cause:
        raise Failure(f"{path} is no bundle: {cause}.", "`profit verify RUN --bundle FILE` makes one.") from None
    if bundle.content.format not in formats:
        raise Failure(
            f"{path} is a bundle of format {bundle.content.format}, wanted is {FORMAT}.",
            "Check it with the version that made it; it is named in content.code.",
        )
    return bundle


def code_version() -> CodeVersion:
    """This program's."""
    sources = hash_of_sources(*(f"{package}/**/*.py" for package in _PACKAGES))
    try:
        version = metadata.version("profit-system")
    except metadata.PackageNotFoundError:
        version = "unknown"
    return CodeVersion(version, sources, platform.python_version(), f"{platform.system()} {platform.machine()}")


def portable(settings: Settings) -> dict[str, Any]:
    """The settings that a replay goes by, without what is of one machine; no secret is among them."""
    stated: dict[str, Any] = settings.model_dump(mode="json", exclude={*_OF_THE_MACHINE, *WITHOUT_WEIGHT})
    stated["operator"].pop("token_file", None)
    return stated


def inputs_of(archive: Path) -> dict[str, TopicHash]:
    """Of each feed and input topic that the archive has: place, time, key, envelope and value of every record."""
    reader = ArchiveReader(archive)
    present = set(reader.topics())
    return {
        topic: _hash(_whole(each) for each in reader.read(topic)) for topic in (*FEEDS, *INPUTS) if topic in present
    }


def outputs_of(archive: Path) -> dict[str, TopicHash]:
    """Of each topic that a replay has to bring out again: the values. Their places in Kafka may differ."""
    reader = ArchiveReader(archive)
    present = set(reader.topics())
    return {topic: _hash(_framed(each.value) for each in reader.read(topic)) for topic in OUTPUTS if topic in present}


def recorded_of(archive: Path) -> dict[str, TopicHash]:
    """Of each topic that is neither an input nor brought out again by a replay: as ``inputs_of``."""
    reader = ArchiveReader(archive)
    others = [topic for topic in reader.topics() if topic not in (*FEEDS, *INPUTS, *OUTPUTS)]
    return {topic: _hash(_whole(each) for each in reader.read(topic)) for topic in others}


def report_of(summary: RunSummary) -> dict[str, Any]:
    """What a bundle states of a replay's summary."""
    stated: dict[str, Any] = msgspec.to_builtins(summary)
    return {name: value for name, value in stated.items() if name not in OF_THE_CLOCK}


def figures_of(report: dict[str, Any]) -> dict[str, Any]:
    """Every figure of a report by its name, those of the account one by one."""
    figures = {name: value for name, value in report.items() if name != _ACCOUNT}
    account = report.get(_ACCOUNT)
    if not isinstance(account, dict):
        return figures | {_ACCOUNT: account}
    return figures | {f"{_ACCOUNT}.{name}": value for name, value in account.items()}


class BundleChain:
    """The bundles of a data folder, in the order in which they were made."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / BUNDLES

    def paths(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*-*.json")) if self.folder.is_dir() else []

    def add(self, content: BundleContent) -> Bundle:
        """A bundle of ``content`` behind the last one, kept in the folder. Raises Failure."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = acquire(self.folder)
        if lock is None:
            raise Failure(f"another bundle is being added to {self.folder}.", "Give the command again.")
        try:
            known = self.paths()
            previous = read_bundle(known[-1], LINKED).sha256 if known else ""
            linked = msgspec.structs.replace(content, previous=previous)
            bundle = Bundle(linked, hash_of(linked))
            number = int(known[-1].name.partition("-")[0]) + 1 if known else 1
            path = self.folder / f"{number:06d}-{content.run}.json"
            fresh = path.with_suffix(".part")
            fresh.write_bytes(encode(bundle))
            fresh.replace(path)
        finally:
            os.close(lock)
        return bundle


def predecessors(bundle: Bundle, folders: Iterable[Path]) -> Iterator[tuple[str, Path | None, Bundle | None]]:
    """The bundles before it, the latest first: the hash that is looked for, and the file that bears it. It ends with
    the first, or with one that is in none of ``folders``."""
    known: dict[str, tuple[Path | None, Bundle | None]] = {}
    for folder in folders:
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else []:
            with contextlib.suppress(Failure):  # another kind of file
                found = read_bundle(path, LINKED)
                known.setdefault(found.sha256, (path, found))
    wanted, seen = bundle.content.previous, set[str]()
    while wanted and wanted not in seen:
        seen.add(wanted)
        place, before = known.get(wanted, (None, None))
        yield wanted, place, before
        if before is None:
            return
        wanted = before.content.previous


def _hash(pieces: Iterable[bytes]) -> TopicHash:
    sha, records = hashlib.sha256(), 0
    for piece in pieces:
        sha.update(piece)
        records += 1
    return TopicHash(records, sha.hexdigest())


def _framed(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _whole(record: Stored) -> bytes:
    fields = (record.key.encode(), record.envelope or b"", record.value)
    return struct.pack(">qq", record.offset, record.t_ns) + b"".join(_framed(each) for each in fields)
