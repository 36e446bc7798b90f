"""The broker: listens, lets the disk write and the logs tell, looks after retention, says how it is."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.broker.connection import ClientConnection, Slot
from connectors.broker.disk import Disk
from connectors.broker.fetch_codec import decode_fetch
from connectors.broker.fetching import Fetch, Surroundings
from connectors.broker.log import now_ms
from connectors.broker.offsets import Offsets
from connectors.broker.produce_codec import decode_produce
from connectors.broker.producing import Produce
from connectors.broker.requests import Address, Client, Requests
from connectors.broker.retention import Retention
from connectors.broker.schema import Row
from connectors.broker.topics import Topics
from connectors.broker.wire import Decoder

TICK_S: Final = 1.0
SWEEP_S: Final = 5.0
#: So much may wait for the disk; beyond it nothing more is read from anybody.
MOST_PENDING_BYTES: Final = 64 * 1024 * 1024
CLOSE_S: Final = 5.0
_READERS: Final = 2
_KIB: Final = 1_024
_MIB: Final = 1_024 * _KIB


@dataclass(frozen=True)
class ServerOptions:
    """``advertised``: where clients are sent, if not to where it listens. ``segment_bytes`` 0: by the budget.
    ``held_for``: the group that retention waits for. ``most``: connections at once, and half as many partitions."""

    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    advertised: Address | None = None
    budget_bytes: int = 4 * 1024 * _MIB
    segment_bytes: int = 0
    held_for: str = "audit"
    most: int = 1_000

    @property
    def segment(self) -> int:
        """Bytes of a segment: the budget in some 256 parts, so that retention takes little at a time."""
        return self.segment_bytes or min(max(self.budget_bytes // 256, 64 * _KIB), 256 * _MIB)


@dataclass(frozen=True)
class Status:
    """How the broker is. ``trouble``: why producers wait; ``warning``: why more is kept than retention allows."""

    used_bytes: int
    budget_bytes: int
    pending_bytes: int
    connections: int
    deleted_segments: int
    trouble: str
    warning: str


class Server:
    """``open``, then ``run`` until ``stop``, in a running event loop."""

    def __init__(self, options: ServerOptions, say: Callable[[str], None]) -> None:
        self._options = options
        self.say = say
        self._loop = asyncio.get_running_loop()
        self._disk = Disk(self._loop, say, MOST_PENDING_BYTES, self._relieved)
        self._readers = ThreadPoolExecutor(_READERS, "reader")
        self.topics = Topics(options.folder, self._disk, self._readers, options.segment, say)
        self.connections: set[ClientConnection] = set()
        self._producing: list[Produce] = []
        self._stopping = asyncio.Event()

    async def open(self) -> Address:
        """Read what is kept, and listen. Returns where. Raises OSError, and ValueError for files that are not ours."""
        options = self._options
        self.topics.open()
        self._offsets = Offsets(options.folder / "offsets.json", self._disk)
        self._retention = Retention(
            self.topics, options.budget_bytes, options.segment, options.held_for, self._committed
        )
        self._listening = await self._loop.create_server(
            lambda: ClientConnection(self, options.most), options.host, options.port, backlog=256
        )
        address = Address(options.host, self._listening.sockets[0].getsockname()[1])
        self._around = Surroundings(self.topics, self._readers, self._loop.call_later, self._in_loop)
        self._requests = Requests(
            self.topics,
            self._offsets,
            options.advertised or address,
            self._loop.call_later,
            self._readers,
            self._in_loop,
            {
                "log.dirs": str(options.folder),
                "log.segment.bytes": str(options.segment),
                "profit.disk.budget.bytes": str(options.budget_bytes),
                "auto.create.topics.enable": "false",
            },
            options.most // 2,
        )
        return address

    async def run(self, report: Callable[[Status], None]) -> None:
        """Work until ``stop``; ``report`` hears each second how it is."""
        next_sweep = 0.0
        while not self._stopping.is_set():
            now = time.monotonic()
            if now >= next_sweep:
                next_sweep = now + SWEEP_S
                self._retention.sweep(now_ms())
            self._tell_waiting(now)
            report(self.status())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK_S)

    def stop(self) -> None:
        self._stopping.set()

    async def close(self) -> bool:
        """End in order: nothing new is taken, what was taken is written. False where the disk did not take it."""
        self._listening.close()
        for connection in tuple(self.connections):
            connection.close()
        await asyncio.sleep(0)
        whole = await asyncio.to_thread(self._disk.close, CLOSE_S)
        await asyncio.sleep(0)
        if whole and not self._disk.pending_bytes:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self.topics.close)
                return True
        return False

    def status(self) -> Status:
        retention = self._retention
        return Status(
            retention.used,
            self._options.budget_bytes,
            self._disk.pending_bytes,
            len(self.connections),
            retention.deleted,
            self._disk.trouble,
            retention.warning,
        )

    # -- what connections need

    @property
    def is_loaded(self) -> bool:
        return self._disk.pending_bytes > MOST_PENDING_BYTES

    def produce(self, slot: Slot, decoder: Decoder) -> None:
        request = decode_produce(slot.version, decoder)
        answered = request.acks != 0
        work = Produce(slot if answered else None, request, time.monotonic())
        if answered:
            slot.connection.expect(slot)
            slot.work = work
            self._producing.append(work)
            if len(self._producing) > 512:
                self._producing = [each for each in self._producing if not each.answered]
        work.begin(self.topics, now_ms(), request.acks)

    def fetch(self, slot: Slot, decoder: Decoder) -> None:
        Fetch(slot, decode_fetch(slot.version, decoder), self._around).begin()

    def handle(self, slot: Slot, request: Row, client: Client) -> None:
        self._requests.handle(slot.api.key, slot.version, request, client, slot.answer_row)

    # -- the rest

    def _in_loop(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call)

    def _committed(self, topic: str, partition: int) -> int | None:
        offset = self._offsets.of(self._options.held_for).get((topic, partition))
        return None if offset is None else offset.next

    def _relieved(self) -> None:
        """There is room again: go on with what was left unread."""
        for connection in tuple(self.connections):
            connection.work()

    def _tell_waiting(self, now: float) -> None:
        """Producers that have waited long hear why."""
        self._producing = [each for each in self._producing if not each.answered]
        for each in self._producing:
            if now >= each.tell_at:
                each.tell(self._disk.trouble or "the disk is slow")
