"""Between the topics and the clients: records go onto the board, and from there into the stream."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from api.server import presenting, promotions
from api.server.board import Board
from api.server.ladders import ladders_of
from api.server.ring import Ring, StreamEvent
from api.server.stream import Figures
from models.contracts import (
    Answer,
    Decision,
    Fill,
    Order,
    Outcome,
    Posting,
    PromotionDecision,
    Quality,
    RiskEvent,
    Scan,
    Telemetry,
)
from models.message import Stored
from models.record import Record
from models.topics import JOURNAL

#: Between two pictures of one market's books on the stream.
_BOOKS_S: Final = 0.25


class Hub:
    """Board and ring of one server. Lives on the event loop's thread. ``run``: name of the run whose records come."""

    def __init__(self, run: str, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.board = Board(now())
        self.ring = Ring(run)
        self.figures = Figures()
        self.ready = asyncio.Event()  # the backlog is read: positions of before mean something
        self.listeners: list[Callable[[Record, bool], None]] = []
        self._journal = -1
        self._drawn = now()

    def caught_up(self) -> None:
        """What was there when the reading began has been read."""
        self.ready.set()

    async def caught_up_within(self, seconds: float) -> None:
        """Wait until that has been read, so long at most."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.ready.wait(), seconds)

    def take(self, batch: Sequence[tuple[Stored, bool]]) -> None:
        """Note records, each with whether it was written before the server started: those are kept for clients that
        come back, and are no news."""
        now = self.now()
        for stored, backlog in batch:
            record = self.board.take(stored, now, backlog)
            if stored.topic == JOURNAL:
                self._journal = max(self._journal, stored.offset)
                continue
            if not isinstance(record, Record):
                continue
            event = self._event(stored, record, now)
            if event is not None:
                self.ring.append(event)
            for listener in self.listeners:
                listener(record, backlog)
        self._draw(now)
        self.ring.ring()

    def _event(self, stored: Stored, record: Record, now: float) -> StreamEvent | None:
        board, title = self.board, self.board.title

        def made(kind: str, data: str, subject: str = "", strategy: str = "", market: str = "") -> StreamEvent:
            return StreamEvent(stored.topic, stored.offset, kind, data, strategy, market, subject)

        match record:
            case Telemetry():
                # All that it names, as the board has them: a client that missed one before needs no other.
                names = [name for name in record.named() if name in board.modules.known]
                modules = [board.modules.view(name, now).model_dump(mode="json") for name in names]
                return made("telemetry", _json({"modules": modules}), record.source)
            case Decision():
                view = board.seen(record).model_dump_json()
                return made("decision", view, "", record.strategy, record.market_key)
            case Order():
                return made(
                    "order", presenting.order(record, title).model_dump_json(), "", record.strategy, record.market_key
                )
            case Fill():
                return made(
                    "fill", presenting.fill(record, title).model_dump_json(), "", record.strategy, record.market_key
                )
            case Outcome():
                return made("outcome", presenting.outcome(record, title).model_dump_json(), market=record.market_key)
            case Scan():
                data = presenting.scan(record, title, board.newest_ns).model_dump_json()
                subject = f"{record.strategy} {record.market_key}"
                return made("scan", data, subject, record.strategy, record.market_key)
            case Posting():
                return made("posting", presenting.posting(record).model_dump_json())
            case Answer():
                return made("answer", presenting.answer(record).model_dump_json())
            case RiskEvent():
                return made("risk", presenting.risk_event(record).model_dump_json())
            case PromotionDecision():
                return made("promotion", promotions.decided(record).model_dump_json(), "", record.instance)
            case Quality():
                return made("quality", record.canonical().decode(), "", record.strategy, record.market)
        return None

    def _draw(self, now: float) -> None:
        """Books change too often for every change to go out: a picture of each market at most four times a second."""
        windows = self.board.windows
        if not windows.dirty or now - self._drawn < _BOOKS_S:
            return
        self._drawn = now
        for key in sorted(windows.dirty):
            followed = windows.markets.get(key)
            if followed is None:
                continue
            ladders = [each.model_dump(mode="json") for each in ladders_of(followed, self.board)]
            data = {"market_key": key, "mid": followed.mid, "fair": followed.fair, "ladders": ladders}
            self.ring.append(StreamEvent(JOURNAL, self._journal, "book", _json(data), "", key, key))
        windows.dirty.clear()


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))
