"""The state of each connection of the feeds: our own numbering of its frames, and what it said last."""

from __future__ import annotations

from collections import deque

from connectors.polymarket.wire import is_rest_line

RECENT_FRAMES = 4  # a frame that comes twice comes again soon
_ANY = -1


class Connection:
    """A connection as the recorder numbered it. ``heard``: receive time (Unix ns) of its last frame with data.
    ``is_whole``: no frame of it was missed so far. ``is_rest``: it carries answers of REST, not of the stream."""

    __slots__ = ("expected", "heard", "is_rest", "is_whole", "recent")

    def __init__(self, conn: str, expected: int = 0) -> None:
        self.expected = expected
        self.is_rest = is_rest_line(conn)
        self.heard = 0
        self.is_whole = expected == 0
        self.recent: deque[bytes] = deque(maxlen=RECENT_FRAMES)

    def follows(self, n: int) -> bool:
        """Whether frame ``n`` is the next one."""
        expected = self.expected
        self.expected = n + 1
        if n == expected:
            return True
        if expected == _ANY and n == 0:
            self.is_whole = True  # its very first
            return True
        self.is_whole = False
        return expected == _ANY

    def accept_any(self) -> None:
        """Records were lost and reported as lost: the next number, whatever it is, follows."""
        self.expected = _ANY
        self.is_whole = False

    def is_again(self, frame: bytes) -> bool:
        """Whether the very frame was one of the last few, word for word."""
        if frame in self.recent:
            return True
        self.recent.append(frame)
        return False


class Connections:
    """All connections, by id."""

    def __init__(self) -> None:
        self.by_id: dict[str, Connection] = {}
        self._lossy = False  # records of this run were lost: also a connection's first ones may have been

    def get(self, conn: str) -> Connection:
        connection = self.by_id.get(conn)
        if connection is None:
            connection = self.by_id[conn] = Connection(conn, _ANY if self._lossy else 0)
        return connection

    def lost(self) -> None:
        """Records were lost, from any of them."""
        self._lossy = True
        for connection in self.by_id.values():
            connection.accept_any()

    def started(self, conn: str) -> list[str]:
        """A new recorder run, announced on ``conn``: its losses are its own, and the connections of the run before are
        over, whether anybody said so or not. Returns those."""
        self._lossy = False
        gone = [name for name in self.by_id if name != conn]
        for name in gone:
            del self.by_id[name]
        return gone

    def end(self, conn: str) -> None:
        self.by_id.pop(conn, None)

    def forget_frames(self, conn: str | None = None) -> None:
        """What comes next is wanted even if it was said before (None: on all connections)."""
        for name, connection in self.by_id.items():
            if conn is None or name == conn:
                connection.recent.clear()
