"""Between Kafka and the clients: records go onto the board, and from there into the stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from api.server.board import STREAMED, Board
from api.server.ring import Ring
from models.contracts import Telemetry
from models.message import Stored


class Hub:
    """Board and ring of one server. Lives on the event loop's thread."""

    def __init__(self, start: str, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.board = Board(now())
        self.ring = Ring(start)

    def take(self, batch: Sequence[tuple[Stored, bool]]) -> None:
        """Note records, each with whether it was written before the server started (those are not streamed)."""
        now = self.now()
        for stored, backlog in batch:
            record = self.board.take(stored, now, backlog)
            kind = STREAMED.get(stored.topic)
            if record is None or backlog or kind is None:
                continue
            if isinstance(record, Telemetry):
                # Modules go out as the board has them, with status and rates: the page computes nothing.
                for module in record.named():
                    self.ring.append(kind, self.board.module(module, now).model_dump_json())
            else:
                self.ring.append(kind, record.canonical().decode())
        self.ring.ring()
