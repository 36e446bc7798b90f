"""How many frames each client of the simulated exchange was sent, in a file that outlives its process.

One record a session in a memory-mapped file, written in place: when the process is killed the operating system has
every count still. A frame is counted just before its bytes are handed to the socket, so that nobody can have received
more than was counted; what a client did not get of it was lost on the way. Exchanges that follow each other may share
the file: each adds its sessions behind those that stand there.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from connectors.simulator.emission import Venue
from connectors.simulator.faults.truth import Session
from models.failures import Failure

_HEAD: Final = struct.Struct("@QQ48s")  # frames, checksum of the first telling one, "exchange venue session"
_TELLING: Final = 3  # bytes: `[]`, the snapshot of nothing, is the same in every session
_GROWTH: Final = 1024 * _HEAD.size
_WORD: Final = 8  # bytes


@dataclass(frozen=True)
class Sent:
    """What one session was sent. ``exchange``: the process, by the moment it began. ``first``: CRC-32 of the first
    frame that is more than `[]`, by which a recorder's connection can be recognised; 0 while there was none."""

    exchange: str
    venue: Venue
    session: str
    frames: int
    first: int


class ExchangeTally:
    """The counts of one exchange in ``path``. ``exchange``: its name among those that use the file, without blanks.

    Raises Failure when the file cannot be written or is none of ours."""

    def __init__(self, path: Path, exchange: str) -> None:
        self._exchange = exchange
        self._at: dict[str, int] = {}
        self._reported: set[str] = set()
        used = len(read_tally(path)) * _HEAD.size if path.exists() else 0
        self._next = used
        try:
            self._file = path.open("r+b" if path.exists() else "w+b")
            os.ftruncate(self._file.fileno(), used + _GROWTH)
            self._map = mmap.mmap(self._file.fileno(), used + _GROWTH)
            self._words = memoryview(self._map).cast("Q")
        except OSError as cause:
            raise Failure(f"the truth file {path} cannot be written: {cause.strerror}.", "Name another.") from None

    def count(self, session: Session, frame: bytes) -> None:
        """One more frame is about to be handed to the session's socket."""
        at = self._at.get(session.id)
        if at is None:
            at = self._at[session.id] = self._next
            self._next += _HEAD.size
            if self._next > len(self._map):
                self._grow()
            name = f"{self._exchange} {session.venue} {session.id}".encode("ascii")
            _HEAD.pack_into(self._map, at, 0, 0, name)
        if session.id not in self._reported and len(frame) >= _TELLING:
            self._reported.add(session.id)
            self._words[at // _WORD + 1] = zlib.crc32(frame)
        # Not by `struct`, which writes zeros first: a process killed between the two would leave no count at all.
        self._words[at // _WORD] += 1

    def _grow(self) -> None:
        self._words.release()
        os.ftruncate(self._file.fileno(), len(self._map) + _GROWTH)
        self._map.resize(len(self._map) + _GROWTH)
        self._words = memoryview(self._map).cast("Q")

    def closed(self, session: Session) -> None:
        """The session is over: its record stands in the file, and no frame follows."""
        self._at.pop(session.id, None)
        self._reported.discard(session.id)

    def close(self) -> None:
        self._words.release()
        self._map.close()
        self._file.close()


def read_tally(path: Path) -> list[Sent]:
    """All sessions in the order of their first frames; also while an exchange writes. Raises Failure."""
    try:
        raw = path.read_bytes()
    except OSError as cause:
        raise Failure(f"the truth file {path} cannot be read: {cause.strerror}.", "Name an existing one.") from None
    found: list[Sent] = []
    for frames, first, name in _HEAD.iter_unpack(raw[: len(raw) - len(raw) % _HEAD.size]):
        if not frames:  # the room behind the last session, or one whose first frame was never counted
            break
        try:
            exchange, venue, session = name.rstrip(b"\0").decode("ascii").split(" ")
        except ValueError:
            raise Failure(f"{path} is no truth file of `profit simulate`.", "Name another.") from None
        found.append(Sent(exchange, venue, session, frames, first))
    return found
