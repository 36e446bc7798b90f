"""One run a cluster: the first record of the topic ``runs`` names the run whose records the topics hold.

A run's folder remembers its name and its cluster (``identity.json``). What fits together goes on; what does not is
refused before anything is read or written: a flow that read another run's journal would go on with its positions and
cash, and one whose cluster is another would read on at offsets that mean something else there.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from connectors.kafka.admin import cluster_name
from connectors.kafka.reader import Reader
from connectors.kafka.sink import Writer
from models.configuration import Statement, decode_statement
from models.failures import Failure
from models.message import Message
from models.run import Claim, decode_claim, encode_claim
from models.settings import Kafka
from models.topics import CONFIGURATION, FEEDS, JOURNAL, RUNS

R = TypeVar("R")
IDENTITY: Final = "identity.json"
#: A claim that must be there is waited for this long: a broker may show a record later than it took it.
_PATIENCE_S: Final = 10.0
_LOOK_S: Final = 0.3


class Identity(msgspec.Struct, frozen=True):
    """What a run's folder remembers. ``cluster``: what tells the cluster from others."""

    run: str
    name: str
    cluster: str


class OtherRun(Failure):
    """Run and cluster do not belong together."""


def claim(kafka: Kafka, bootstrap: str, folder: Path, go_on: bool = False) -> Identity:
    """The identity of the run in ``folder``, once it is certain that the cluster's records are its own. A new run takes
    a cluster that no run has. With ``go_on`` a new folder takes over the run that the cluster has.

    Raises OtherRun, with what to do, for a cluster of another run and for a run of another cluster; Failure when the
    cluster does not answer. The topics must be there."""
    cluster = cluster_name(kafka, bootstrap)
    mine = identity(folder)
    theirs = _claimed(kafka, bootstrap, _PATIENCE_S if mine is not None else _LOOK_S)
    if mine is None:
        mine = identity(folder)  # the processes of a run start together: another one may have claimed meanwhile
        if mine is not None and theirs is None:
            theirs = _claimed(kafka, bootstrap, _PATIENCE_S)
    if mine is not None:
        if theirs is None or mine.cluster != cluster:
            raise OtherRun(
                f"the run {mine.name} was recorded on another Kafka cluster than the one at {bootstrap}"
                + (", or its topics were deleted." if mine.cluster == cluster else "."),
                "Bring its cluster back, or start a new run: profit up --run NAME (in containers PROFIT_RUN=NAME). "
                f"What it recorded stays in {folder}.",
            )
        if theirs.run != mine.run:
            raise _taken(bootstrap, theirs, mine.name)
        return mine
    if theirs is None:
        _refuse_nameless(kafka, bootstrap)
        fresh = Claim(f"{_name_of(folder)}-{secrets.token_hex(5)}", _name_of(folder))
        mine = _keep(folder, Identity(fresh.run, fresh.name, cluster))
        writer = Writer(kafka, bootstrap)
        writer.write(Message(RUNS, mine.name, encode_claim(Claim(mine.run, mine.name)), time.time_ns()))
        writer.flush()
        theirs = _claimed(kafka, bootstrap, _PATIENCE_S)
        if theirs is None or theirs.run != mine.run:  # another one was quicker by a moment
            (folder / IDENTITY).unlink(missing_ok=True)
            raise _taken(bootstrap, theirs or Claim("", "of another folder"), mine.name)
        return mine
    if not go_on:
        raise _taken(bootstrap, theirs, _name_of(folder))
    _refuse_trimmed(kafka, bootstrap, theirs.name)
    return _keep(folder, Identity(theirs.run, theirs.name, cluster))


def identity(folder: Path) -> Identity | None:
    """What the folder remembers; None for a new run. Raises Failure for a damaged file."""
    path = folder / IDENTITY
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        raise Failure(f"{path} is damaged.", "Start a new run (--run NAME); what it recorded stays there.") from None


def first_statement(kafka: Kafka, bootstrap: str, flow: str) -> Statement | None:
    """The configuration that ``flow`` was begun with on this cluster; None where it stated none."""
    with contextlib.closing(_records(kafka, bootstrap, CONFIGURATION, decode_statement, _LOOK_S)) as statements:
        return next((found for found in statements if found.flow == flow), None)


def _records(
    kafka: Kafka, bootstrap: str, topic: str, decode: Callable[[bytes], R], patience_s: float
) -> Generator[R, None, None]:
    """What stands on the topic, from its beginning; records that cannot be read are passed over. Where there seem to be
    none, it looks for ``patience_s`` seconds."""
    reader = Reader(kafka, bootstrap, [topic])
    try:
        low, high = reader.watermarks(topic)
        reader.start({topic: low})
        deadline = time.monotonic() + (_PATIENCE_S if high > low else patience_s)
        while (high == low or not reader.has_reached({topic: high})) and time.monotonic() < deadline:
            for record in reader.read(100, 0.05):
                with contextlib.suppress(msgspec.DecodeError):
                    yield decode(record.value)
    finally:
        reader.close()


def _name_of(folder: Path) -> str:
    return folder.resolve().name or "run"


def _keep(folder: Path, chosen: Identity) -> Identity:
    """Write the identity where there is none; what there is then. The processes of a run start together."""
    folder.mkdir(parents=True, exist_ok=True)
    making = folder / f".{IDENTITY}.{os.getpid()}"
    making.write_bytes(msgspec.json.encode(chosen) + b"\n")
    with contextlib.suppress(FileExistsError):
        os.link(making, folder / IDENTITY)
    making.unlink()
    found = identity(folder)
    assert found is not None
    return found


def _claimed(kafka: Kafka, bootstrap: str, patience_s: float) -> Claim | None:
    """The run that has the cluster; None when no claim shows within ``patience_s`` seconds."""
    with contextlib.closing(_records(kafka, bootstrap, RUNS, decode_claim, patience_s)) as claims:
        return next(claims, None)


def _taken(bootstrap: str, theirs: Claim, name: str) -> OtherRun:
    return OtherRun(
        f"the topics at {bootstrap} hold the records of the run {theirs.name}, and {name} is another one.",
        f"Go on with that one: --run {theirs.name} in the data folder that has it, or kafka.continue_run = true to "
        "take it over here. Else use another cluster, or delete the topics (in containers: docker compose down "
        "--volumes).",
    )


def _refuse_nameless(kafka: Kafka, bootstrap: str) -> None:
    reader = Reader(kafka, bootstrap, [JOURNAL])
    try:
        used = reader.watermarks(JOURNAL)[1] > 0
    finally:
        reader.close()
    if used:
        raise OtherRun(
            f"the topics at {bootstrap} hold the journal of a run without a name, from an earlier version.",
            "Use another cluster, or delete the topics (in containers: docker compose down --volumes).",
        )


def _refuse_trimmed(kafka: Kafka, bootstrap: str, name: str) -> None:
    """A run is taken over by reading it from its beginning."""
    reader = Reader(kafka, bootstrap, list(FEEDS))
    try:
        trimmed = [topic for topic in FEEDS if reader.watermarks(topic)[0] > 0]
    finally:
        reader.close()
    if trimmed:
        raise OtherRun(
            f"the run {name} cannot be taken over: retention has deleted the beginning of {', '.join(trimmed)}.",
            "Go on in the folder that has its state, or delete the topics and begin anew.",
        )
