"""From the event loop to Kafka: a queue in memory, a thread that produces and checks every delivery, a spool on disk.

The client library holds a bounded window of records under way. What does not fit waits in the spool, and so does
everything that comes once Kafka is away; the spool drains in order as soon as the window moves again. When Kafka is
away, what is under way is copied to the spool too: a recorder that is killed leaves on disk whatever Kafka may not
have, and the next one writes it first (a record that had arrived all the same is a duplicate by ``(run, seq)``).

Nothing is lost silently: when the spool has no room the new record is dropped, its sequence number stays used, and it
is counted by topic; markers and notices, which say so, have room of their own. An error that no waiting cures ends the
recorder with its reason.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Producer

from connectors.life_sign import LifeSign
from connectors.recorder.mailbox import Mailbox
from connectors.recorder.spool import Segment, Spool
from models.envelope import HEADER
from models.failures import Failure
from models.markers import is_word
from models.message import ORDINAL_HEADER, Message

ROOM: Final = 200_000  # records between the event loop and the thread: half a minute of a busy feed
BATCH: Final = 512  # records between two looks at the delivery reports
WINDOW_RECORDS: Final = 20_000
WINDOW_BYTES: Final = 64 * 1024 * 1024
AWAY_S: Final = 1.0  # a record under way for this long: Kafka is away
GIVE_UP_S: Final = 0.5  # how long a recorder that was asked to end waits for a Kafka that is away
TELEMETRY_SHARE: Final = 0.5  # of the spool; beyond it only feed records get room

_TOO_LARGE: Final = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_MSG})


class Backend(Protocol):
    """What the outlet needs of ``confluent_kafka.Producer``."""

    def produce(self, topic: str, value: bytes, key: bytes, headers: Any, timestamp: int, on_delivery: Any) -> None: ...

    def poll(self, timeout: float) -> int: ...


@dataclass(frozen=True)
class Backlog:
    """Where the records are that Kafka has not confirmed. ``queue``: the thread has not placed them anywhere yet.
    ``oldest_s``: for how long the oldest one has been under way.
    ``dropped``: feed records without room so far, by topic; ``full``: the last one that wanted room got none."""

    queue: int = 0
    under_way: int = 0
    spool_records: int = 0
    spool_mib: float = 0.0
    undelivered: int = 0
    oldest_s: float = 0.0
    away: bool = False
    full: bool = False
    dropped: Mapping[str, int] = field(default_factory=dict)
    dropped_telemetry: int = 0
    rejected: int = 0


class _UnderWay:
    """A record the client library has. ``segment``: where its copy on disk is. ``bare``: it has none and no copy was
    tried yet."""

    __slots__ = ("bare", "done", "message", "segment", "since")

    def __init__(self, message: Message, segment: Segment | None, since: float) -> None:
        self.message = message
        self.segment = segment
        self.since = since
        self.bare = segment is None
        self.done = False


class KafkaOutlet:
    """Writes records to Kafka from a thread of its own. ``on_failure`` is called once, from that thread.

    Without ``spool`` the memory is all there is: records beyond the window wait in the queue."""

    def __init__(
        self,
        config: dict[str, Any],
        on_failure: Callable[[Failure], None],
        spool: Spool | None = None,
        room: int = ROOM,
        backend: Any = None,
        window: tuple[int, int] = (WINDOW_RECORDS, WINDOW_BYTES),
        away_s: float = AWAY_S,
        life: LifeSign | None = None,
    ) -> None:
        """``life`` is given with each record that Kafka has confirmed."""
        self._queue: Mailbox[Message | None] = Mailbox()
        self._room = room
        self._where = str(config.get("bootstrap.servers", "?"))
        self._producer: Any = backend if backend is not None else Producer(config)
        self._on_failure = on_failure
        self._life = life
        self._spool = spool
        self._window_records, self._window_bytes = window
        self._away_s = away_s
        self._failure: Failure | None = None
        self._under_way: deque[_UnderWay] = deque()
        self._under_way_bytes = 0
        self._in_flight = 0
        self._bare = 0  # records under way without a copy on disk
        self._gone = threading.Lock()
        self._away = False
        self._full = False
        self._dropped: Counter[str] = Counter()
        self._dropped_telemetry = 0
        self._rejected = 0
        self._delivered = 0
        self._given = spool.waiting if spool is not None else 0
        self._queued = self._placed = 0  # records handed to the thread, and those it has produced, stored or dropped
        self._asked = self._moved = 0.0  # when the end was asked for, and when Kafka last took a record
        self._timeout, self._give_up_s = 5.0, GIVE_UP_S
        self._thread = threading.Thread(target=self._run, name="feed-producer", daemon=True)
        self._thread.start()

    @property
    def depth(self) -> int:
        """Records that wait for the producer thread, with the one it has in hand."""
        return self._queued - self._placed

    @property
    def undelivered(self) -> int:
        """Records taken whose delivery is not confirmed yet."""
        gone = sum(self._dropped.copy().values()) + self._dropped_telemetry + self._rejected
        return self._given - self._delivered - gone

    def backlog(self) -> Backlog:
        """Everything that is worth watching, for gauges."""
        spool = self._spool
        try:
            oldest = max(0.0, time.monotonic() - self._under_way[0].since)
        except IndexError:
            oldest = 0.0
        return Backlog(
            self.depth,
            self._in_flight,
            spool.waiting if spool is not None else 0,
            round(spool.size / 1024 / 1024, 3) if spool is not None else 0.0,
            self.undelivered,
            round(oldest, 3),
            self._away,
            self._full,
            dict(self._dropped.copy()),
            self._dropped_telemetry,
            self._rejected,
        )

    def put(self, message: Message) -> None:
        """Hand over without waiting. Raises Failure when no record can be written any more."""
        if self._failure is not None:
            raise self._failure
        self._given += 1
        if self.depth >= self._room and not is_word(message.value):  # the thread is stuck: the disk or the machine
            self._drop(message)
            return
        self._queued += 1
        self._queue.put(message)

    def close(
        self, timeout: float = 5.0, patient: bool = False, tell: Callable[[int], None] = lambda left: None
    ) -> None:
        """Deliver what waits, as long as Kafka takes something every ``timeout`` seconds; what is left then stays in
        the spool for the next recorder. That is so after half a second where Kafka is away, unless ``patient``.
        ``tell`` gets the number of records that are left, each second.

        Raises Failure when not every record was confirmed: it says what is where."""
        self._asked = self._moved = time.monotonic()
        self._timeout = timeout
        self._give_up_s = timeout if patient else GIVE_UP_S
        self._queue.put(None)
        while self._thread.is_alive() and time.monotonic() - self._moved < timeout + 10.0:
            self._thread.join(1.0)
            if self._thread.is_alive():
                tell(self.undelivered)
        left, stored = self.undelivered, 0
        if self._spool is not None and not self._thread.is_alive():
            stored = min(left, self._spool.waiting + self._copied())
            self._spool.close()
        if self._failure is not None:
            raise self._failure
        if left > stored:
            raise Failure(
                f"{left - stored:,} records were not confirmed by Kafka at {self._where} within {timeout:g} s"
                + (f"; {stored:,} more wait in {self._spool.folder}." if self._spool is not None and stored else "."),
                "They may be missing from the feed topics. Check the broker.",
            )
        if left:
            assert self._spool is not None
            raise Failure(
                f"{left:,} records wait in {self._spool.folder}: Kafka at {self._where} did not take them within "
                f"{timeout:g} s.",
                "Start the recorder again when Kafka is back: it writes them first.",
            )

    # ------------------------------------------------------------- the thread

    def _run(self) -> None:
        ending = False
        try:
            while self._failure is None:
                ending = self._take_in(not ending and not self._can_drain()) or ending
                self._drain()
                self._producer.poll(0.01 if ending or not self._has_room() else 0)
                self._look(ending)
                if ending and self._may_end():
                    break
        except OSError as cause:
            self._fail(f"the spool cannot be read: {cause}")
        self._keep_everything()

    def _take_in(self, wait: bool) -> bool:
        """What the event loop has handed over, a batch of it. True when that was all there will be."""
        taken = 0
        if wait and (self._spool is not None or self._has_room()):
            self._queue.wait(0.005)
        try:
            # Without a spool a full window leaves records in the queue.
            while taken < BATCH and (self._spool is not None or self._has_room()):
                message = self._queue.take()
                if message is None:
                    return True
                taken += 1
                if self._spool is not None and (self._spool.waiting or self._away or not self._has_room()):
                    self._store(message)
                else:
                    self._full = False
                    self._produce(message, None)
                self._placed += 1
        except IndexError:
            pass
        return False

    def _can_drain(self) -> bool:
        return self._spool is not None and bool(self._spool.waiting) and not self._away and self._has_room()

    def _drain(self) -> None:
        """From the spool into the window, in order."""
        for _ in range(BATCH * 2):
            if self._spool is None or not self._can_drain():
                return
            found = self._spool.take()
            if found is not None:
                self._produce(*found)

    def _look(self, ending: bool) -> None:
        """Whether Kafka takes records: by the age of the oldest one under way."""
        while self._under_way and self._under_way[0].done:
            self._under_way.popleft()
        age = time.monotonic() - self._under_way[0].since if self._under_way else 0.0
        self._away = age > self._away_s
        if self._away or (ending and age > self._away_s / 4):
            self._secure()

    def _may_end(self) -> bool:
        """Everything is confirmed, or there is no use in waiting any longer."""
        waits = self._spool is not None and self._spool.waiting
        if not self._in_flight and self._queue.is_empty and not waits:
            return True
        now = time.monotonic()
        if now - max(self._asked, self._moved) >= self._timeout:
            return True
        return self._spool is not None and self._away and now - max(self._asked, self._moved) > self._give_up_s

    def _has_room(self) -> bool:
        return self._in_flight < self._window_records and (
            self._under_way_bytes < self._window_bytes or not self._in_flight
        )

    def _store(self, message: Message) -> None:
        assert self._spool is not None
        if not message.envelope and self._spool.size > self._spool.limit * TELEMETRY_SHARE:
            self._drop(message)
            return
        self._secure()
        if self._spool.append(message) is not None:
            self._full = False
        elif not (is_word(message.value) and self._spool.append(message, reserve=True)):
            self._drop(message)

    def _drop(self, message: Message) -> None:
        with self._gone:  # the event loop may be here as well as the thread
            if message.envelope:
                self._full = True
                self._dropped[message.topic] += 1
            else:
                self._dropped_telemetry += 1

    def _secure(self) -> None:
        """Copy to disk what is under way and not there yet: it is older than all that will wait there."""
        if self._spool is None or not self._bare:
            return
        for each in self._under_way:
            if each.bare and not each.done:
                each.bare = False
                each.segment = self._spool.append(each.message, taken=True)
        self._bare = 0

    def _keep_everything(self) -> None:
        """At the end of the thread: all that is not confirmed goes to disk."""
        if self._spool is None:
            return
        self._secure()
        while True:
            try:
                message = self._queue.take()
            except IndexError:
                return
            if message is not None:
                self._store(message)
                self._placed += 1

    def _copied(self) -> int:
        return sum(1 for each in self._under_way if not each.done and each.segment is not None)

    def _produce(self, message: Message, segment: Segment | None) -> None:
        headers: list[tuple[str, bytes]] = []
        if message.envelope:
            headers.append((HEADER, message.envelope))
        if message.producer:
            headers.append((ORDINAL_HEADER, f"{message.producer} {message.ordinal}".encode("ascii")))
        entry = _UnderWay(message, segment, time.monotonic())
        self._under_way.append(entry)
        self._under_way_bytes += len(message.value)
        self._in_flight += 1
        self._bare += entry.bare
        while self._failure is None:
            try:
                self._producer.produce(
                    message.topic,
                    value=message.value,
                    key=message.key.encode(),
                    headers=headers,
                    timestamp=message.t_ns // 1_000_000,
                    on_delivery=partial(self._report, entry),
                )
                return
            except BufferError:  # librdkafka's own queue is full: let it send
                self._producer.poll(0.05)
            except KafkaException as cause:
                self._refused(entry, cause.args[0])
                if entry.done:
                    return

    def _report(self, entry: _UnderWay, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self._refused(entry, error)
            return
        self._settle(entry)
        self._delivered += 1
        self._moved = time.monotonic()
        if self._life is not None:
            self._life.give()

    def _refused(self, entry: _UnderWay, error: KafkaError) -> None:
        """Kafka will never take this record, or none any more."""
        if error.code() in _TOO_LARGE:
            self._settle(entry)
            self._rejected += 1
        else:
            self._fail(error.str())

    def _settle(self, entry: _UnderWay) -> None:
        entry.done = True
        self._in_flight -= 1
        self._bare -= entry.bare
        self._under_way_bytes -= len(entry.message.value)
        if entry.segment is not None and self._spool is not None:
            self._spool.confirm(entry.segment)

    def _fail(self, why: str) -> None:
        if self._failure is None:
            self._failure = Failure(
                f"Kafka at {self._where} did not take a record: {why}.",
                "Check the broker and its topics, then start again.",
            )
            self._on_failure(self._failure)
