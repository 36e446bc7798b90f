"""The topics that there are, and what the broker as a whole remembers, as files below one folder."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from connectors.broker.configs import Configs
from connectors.broker.disk import Disk, Task
from connectors.broker.index import write_atomically
from connectors.broker.log import PartitionLog, save_closed
from connectors.broker.recovery import recover
from connectors.broker.segment import LogSegment
from connectors.broker.standing import PartitionStanding

FORMAT: Final = 1
NAME: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")
#: Producers' ids are taken from disk so many at a time.
_BLOCK: Final = 1_000
_STATE: Final = "broker.json"
_TOPIC: Final = "topic.json"
_CLOSED: Final = "closed"


@dataclass(eq=False)
class BrokerTopic:
    name: str
    id: bytes
    configs: Configs
    partitions: list[PartitionLog] = field(default_factory=list)


@dataclass
class BrokerState:
    """Of the whole broker. ``pauses``: when it was not running, as beginning and length in Unix ms: retention counts
    the time that it runs."""

    format: int
    cluster: str
    next_producer: int = 0
    pauses: list[tuple[int, int]] = field(default_factory=list)


class Topics:
    """``open`` reads what is there. ``told``: what a person should know of it."""

    def __init__(
        self, folder: Path, disk: Disk, readers: Executor, segment_bytes: int, say: Callable[[str], None]
    ) -> None:
        self.folder = folder
        self.by_name: dict[str, BrokerTopic] = {}
        self.by_id: dict[bytes, BrokerTopic] = {}
        self._disk = disk
        self._readers = readers
        self._segment_bytes = segment_bytes
        self._say = say
        self._producer_ids: Iterator[int] = iter(())
        self.partitions = 0  # of all topics, those that are being made included
        self.state = BrokerState(FORMAT, secrets.token_urlsafe(16))

    def open(self) -> None:
        """Raises OSError, and ValueError for files of another version."""
        (self.folder / "topics").mkdir(parents=True, exist_ok=True)
        was_closed = (self.folder / _CLOSED).exists()
        self._read_state()
        (self.folder / _CLOSED).unlink(missing_ok=True)
        shutil.rmtree(self.folder / "deleted", ignore_errors=True)
        for place in sorted((self.folder / "topics").iterdir()):
            try:
                found = json.loads((place / _TOPIC).read_bytes())
            except FileNotFoundError:
                shutil.rmtree(place)  # its creation was interrupted: nobody was told of it
                continue
            topic = BrokerTopic(place.name, bytes.fromhex(found["id"]), Configs(**found["configs"]))
            for number in range(found["partitions"]):
                recovered = recover(place / str(number), was_closed)
                for line in recovered.told:
                    self._say(line)
                log = self._log(topic, number)
                log.standing = recovered.standing
                log.open(recovered.segments, recovered.producers)
                topic.partitions.append(log)
            self._know(topic)
            self.partitions += len(topic.partitions)
        self._note_pause()
        self.save_state()

    def _read_state(self) -> None:
        try:
            found: dict[str, Any] = json.loads((self.folder / _STATE).read_bytes())
        except FileNotFoundError:
            return
        if found.get("format") != FORMAT:
            raise ValueError(f"{self.folder} was written by another version of the embedded broker")
        self.state = BrokerState(**found)
        self.state.pauses = [(begin, length) for begin, length in found["pauses"]]

    def _note_pause(self) -> None:
        """How long the broker was away, by the last thing that it wrote."""
        youngest = max(
            (log.segments[-1].path.stat().st_mtime for topic in self.by_name.values() for log in topic.partitions),
            default=0.0,
        )
        now = time.time_ns() // 1_000_000
        begin = int(youngest * 1000)
        if youngest and now > begin:
            self.state.pauses = [*self.state.pauses[-99:], (begin, now - begin)]

    def save_state(self) -> None:
        """Raises OSError."""
        write_atomically(self.folder / _STATE, json.dumps(asdict(self.state)).encode() + b"\n")

    def close(self) -> None:
        """Have the disk keep everything, and note that nothing is missing. Raises OSError."""
        for topic in self.by_name.values():
            for log in topic.partitions:
                log.flush()
        write_atomically(self.folder / _CLOSED, b"")

    def _log(self, topic: BrokerTopic, number: int) -> PartitionLog:
        place = self.folder / "topics" / topic.name / str(number)
        log = PartitionLog(
            topic.name, number, place, topic.configs, PartitionStanding(), self._disk, self._segment_bytes
        )
        log.close_segment = self._close_segment
        return log

    def _close_segment(self, segment: LogSegment, producers_path: Path, producers: bytes) -> None:
        self._readers.submit(self._save_closed, segment, producers_path, producers)

    def _save_closed(self, segment: LogSegment, producers_path: Path, producers: bytes) -> None:
        try:
            save_closed(segment, producers_path, producers)
        except OSError as cause:  # only the next start takes longer
            self._say(f"{segment.index_path} could not be written: {os.strerror(cause.errno or 0)}")

    def _know(self, topic: BrokerTopic) -> None:
        self.by_name[topic.name] = topic
        self.by_id[topic.id] = topic

    def logs(self) -> Iterator[PartitionLog]:
        for topic in self.by_name.values():
            yield from topic.partitions

    def find(self, name: str, partition: int) -> PartitionLog | None:
        topic = self.by_name.get(name)
        return topic.partitions[partition] if topic is not None and 0 <= partition < len(topic.partitions) else None

    def create(
        self, name: str, partitions: int, configs: Configs, done: Callable[[OSError | None], None]
    ) -> BrokerTopic:
        """Make a topic; ``done`` is called when it is on disk, and it is known from then on."""
        topic = BrokerTopic(name, os.urandom(16), configs)
        place = self.folder / "topics" / name
        self.partitions += partitions

        def make() -> None:
            for number in range(partitions):
                (place / str(number)).mkdir(parents=True, exist_ok=True)
                log = self._log(topic, number)
                log.open([LogSegment(log.folder, 0)], log.producers)
                topic.partitions.append(log)
            about = {"id": topic.id.hex(), "partitions": partitions, "configs": asdict(configs)}
            write_atomically(place / _TOPIC, json.dumps(about).encode() + b"\n")

        def made(failure: OSError | None) -> None:
            if failure is None:
                self._know(topic)
            else:
                self.partitions -= partitions
                shutil.rmtree(place, ignore_errors=True)
            done(failure)

        self._disk.put(Task(make, made))
        return topic

    def delete(self, topic: BrokerTopic, done: Callable[[OSError | None], None]) -> None:
        """Forget a topic at once; ``done`` is called when the disk has."""
        del self.by_name[topic.name], self.by_id[topic.id]
        self.partitions -= len(topic.partitions)
        for log in topic.partitions:
            log.gone = True
            for waiter in tuple(log.waiters):
                waiter.arrived(1 << 62)  # nothing will
        grave = self.folder / "deleted" / topic.id.hex()

        def bury() -> None:
            grave.parent.mkdir(exist_ok=True)
            (self.folder / "topics" / topic.name).rename(grave)
            self._readers.submit(shutil.rmtree, grave, ignore_errors=True)

        self._disk.put(Task(bury, done))

    def take_producer_id(self, taken: Callable[[int | None], None]) -> None:
        """``taken`` hears a producer's id that nobody had before; None where the disk does not take its reservation."""
        for number in self._producer_ids:
            taken(number)
            return
        first = self.state.next_producer
        self.state.next_producer = first + _BLOCK

        def reserved(failure: OSError | None) -> None:
            if failure is not None:
                taken(None)
                return
            self._producer_ids = iter(range(first + 1, first + _BLOCK))
            taken(first)

        self._disk.put(Task(self.save_state, reserved))

    def running_ms(self, since_ms: int, now_ms: int) -> int:
        """For how long the broker has run since ``since_ms``."""
        away = sum(max(min(begin + length, now_ms) - max(begin, since_ms), 0) for begin, length in self.state.pauses)
        return now_ms - since_ms - away
