"""What a person is told of at once, each once, when it begins: kill, pause, loss of a feed, anomaly, stop-loss, a
change of the release gate, a breaker, a replay that differs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Final, Literal

from pydantic import BaseModel, Field

from api.server.board import pulses
from api.server.formats import iso
from api.server.modules import CHIEF
from api.server.presenting import meaning_of
from models.contracts import Answer, Decision, ModuleTelemetry, RiskEvent
from models.reasons import Reason, Verdict
from models.record import Record

Kind = Literal["kill", "pause", "feed_loss", "anomaly", "stop_loss", "gate", "breaker", "comparison"]
COMPARISON: Final = "comparison"  # the supervisor's module: live against replay
_KEPT: Final = 100
_LOST: Final = frozenset({"stale", "down"})
_COMMANDS: Final[dict[str, Kind]] = {"kill": "kill", "pause": "pause", "flatten": "pause"}


class Alert(BaseModel):
    """One message. ``number`` counts from 1 since the server's start."""

    number: int
    kind: Kind
    title: str
    text: str
    time: str = Field(description="UTC, ISO 8601 with nanoseconds")


class Alerting:
    """``take`` every record; ``send`` gets the kinds in ``on``, title and text."""

    def __init__(self, title: Callable[[str], str], on: Collection[str], send: Callable[[str, str], None]) -> None:
        self.kept: deque[Alert] = deque(maxlen=_KEPT)
        self._title = title
        self._on = frozenset(on)
        self._send = send
        self._count = 0
        self._lost: dict[str, str] = {}
        self._anomaly = False
        self._differs = False

    def take(self, record: Record, backlog: bool) -> None:
        for row in pulses(record):
            self._pulse(row, int(getattr(record, "timestamp", 0)), backlog)
        if backlog:
            return
        if isinstance(record, Answer) and record.verdict == Verdict.PASS and record.what in _COMMANDS:
            kind = _COMMANDS[record.what]
            self._tell(kind, f"Trading: {record.what}", f"{record.by}: {record.text}", record.timestamp)
        elif isinstance(record, Decision) and record.action == "exit" and record.reason is Reason.STOP_LOSS:
            text = f"{record.strategy} sells {record.outcome} in {self._title(record.market_key)}."
            self._tell("stop_loss", "Stop-loss", text, record.timestamp)
        elif isinstance(record, RiskEvent) and record.kind == "gate":
            self._tell("gate", f"Release gate: {record.new}", record.text, record.timestamp)
        elif isinstance(record, RiskEvent) and record.kind == "breaker" and record.new != "clear":
            title = f"Breaker: {record.subject.replace('_', ' ')} of {record.name} {record.new}"
            self._tell("breaker", title, record.text, record.timestamp)

    def _pulse(self, row: ModuleTelemetry, t: int, backlog: bool) -> None:
        if row.module.startswith("feed."):
            state = str(row.gauges.get("state", ""))
            before = self._lost.get(row.module, "")
            self._lost[row.module] = state
            if state in _LOST and before not in _LOST and before and not backlog:
                why = str(row.gauges.get("why") or row.last_reason)
                self._tell("feed_loss", f"{row.module} is {state}", meaning_of(why) or why, t)
        elif row.module == CHIEF:
            anomaly = bool(row.gauges.get("anomaly"))
            if anomaly and not self._anomaly and not backlog:
                self._tell("anomaly", "Anomaly", "Ledger, fills and positions disagree: no entries.", t)
            self._anomaly = anomaly
        elif row.module == COMPARISON:
            differs = row.status == "warning"
            if differs and not self._differs and not backlog:
                self._tell("comparison", "Live and replay differ", row.last_reason, t)
            self._differs = differs

    def _tell(self, kind: Kind, title: str, text: str, t: int) -> None:
        self._count += 1
        self.kept.append(Alert(number=self._count, kind=kind, title=title, text=text, time=iso(t)))
        if kind in self._on:
            self._send(title, text)
