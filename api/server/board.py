"""The board: what is known now, from the output topics and the journal alone.

A pure class: it is told the time (seconds of a monotonic clock) and given records. Records that a flow wrote again
after a crash are known by their ordinals and are dropped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from api.server import presenting
from api.server.accounts import Accounts
from api.server.formats import iso
from api.server.funnel import Funnel
from api.server.modules import CHIEF, Modules, said_of
from api.server.rows import RecentRows
from api.server.views.decisions import DecisionView, FillView, OrderView, ScanView
from api.server.views.health import DeadLetterView, HealthView, QualityView, Violation
from api.server.views.money import OutcomeView, PostingView
from api.server.windows import Windows
from models.contracts import (
    CONTRACTS,
    Answer,
    DeadLetter,
    Decision,
    Features,
    Fill,
    ModuleTelemetry,
    Order,
    Outcome,
    Posting,
    PromotionDecision,
    Quality,
    RiskEvent,
    Scan,
    Telemetry,
)
from models.journal import AnyEvent, decode_event
from models.message import Stored
from models.reasons import Verdict
from models.record import Record
from models.timestamps import SECOND
from models.topics import JOURNAL

MOST_ROWS: Final = 500
#: They run at the least priority and nobody waits for them: late, they are a warning.
_AT_LEISURE: Final = frozenset({"learning", "promotion", "flow.learning"})
MOST_SCANS: Final = 500
_VIOLATIONS: Final = 2_000
_MINUTE_NS: Final = 60 * SECOND
_INTEGRITY: Final = "integrity."
_DATA_GATE: Final = "data_gate."


def pulses(record: Record) -> tuple[ModuleTelemetry, ...]:
    """What a record of the topic ``telemetry`` says of modules that changed, or of all where it states them whole."""
    return (*record.standing, *record.modules) if isinstance(record, Telemetry) else ()


class Board:
    """``take`` the records, ask for views."""

    def __init__(self, now: float) -> None:
        self._started = now
        self.modules = Modules()
        self.accounts = Accounts()
        self.windows = Windows()
        self.funnel = Funnel()
        # Refusals are kept apart: they are many, and must not push out what was done.
        self._actions = RecentRows(Decision, MOST_ROWS)
        self._refusals = RecentRows(Decision, MOST_ROWS)
        self.refused: dict[str, Counter[str]] = {}  # entries by strategy and reason, of all decisions that were read
        self.decided_since = 0  # time of the first of them
        self._decided = 0
        self._orders = RecentRows(Order, MOST_ROWS)
        self._fills = RecentRows(Fill, MOST_ROWS)
        self._postings = RecentRows(Posting, MOST_ROWS)
        self._outcomes = RecentRows(Outcome, MOST_ROWS)
        self._answers = RecentRows(Answer, MOST_ROWS)
        self._risk = RecentRows(RiskEvent, MOST_ROWS)
        self._promotions = RecentRows(PromotionDecision, MOST_ROWS)
        self.promotions: dict[str, PromotionDecision] = {}  # the latest of each instance
        self._dead = RecentRows(DeadLetter, MOST_ROWS)
        self._scans: dict[tuple[str, str], Scan] = {}
        self.scan_since: dict[tuple[str, str], int] = {}  # since when its verdict and reason stand, Unix ns
        self.results: dict[str, Outcome] = {}
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}  # (feed, reason) -> (window end, count)
        self._violations: dict[tuple[int, str, str, str, str], int] = {}
        self._ordinals: dict[tuple[str, str], int] = {}
        self._unreadable: Counter[str] = Counter()
        self._dead_letters = 0
        self.lag_ms = -1
        self.newest_ns = 0  # event time of the newest record
        self.heard: float | None = None  # when the last record came
        self.kafka = "connecting"  # "connected", "archive", or what is wrong
        self.limits: dict[str, float] = {}

    def take(self, stored: Stored, now: float, backlog: bool = False) -> Record | AnyEvent | None:
        """Note a record; returns it parsed, None when it is known already or no record of its contract.

        ``backlog``: it was written before the server started, so that its coming says nothing of rates."""
        if stored.producer:
            key = (stored.topic, stored.producer)
            if stored.ordinal <= self._ordinals.get(key, -1):
                return None
            self._ordinals[key] = stored.ordinal
        self.heard = now
        try:
            if stored.topic == JOURNAL:
                event = decode_event(stored.value)
                self.windows.event(event)
                self.newest_ns = max(self.newest_ns, event.t)
                return event
            record = CONTRACTS[stored.topic].read(stored.value)
        except (KeyError, msgspec.MsgspecError):
            self._unreadable[stored.topic] += 1
            return None
        if isinstance(record, Telemetry):
            self.modules.take(record, now, backlog)
            for row in pulses(record):
                if row.module == CHIEF:
                    self.accounts.pulse(record.timestamp, row.gauges)
        self._note(record, stored.value)
        return record

    def _note(self, record: Record, value: bytes) -> None:
        self.newest_ns = max(self.newest_ns, int(getattr(record, "timestamp", 0)))
        match record:
            case Decision():
                kept = self._refusals if record.action == "block" else self._actions
                kept.add(value, self._decided)
                self._decided += 1
                self._refuse(record)
                self.funnel.decision(record)
            case Order():
                self._orders.add(value)
            case Fill():
                self._fills.add(value)
                self.accounts.fill(record)
                self.funnel.fill(record)
            case Posting():
                self._postings.add(value)
                self.accounts.posting(record)
            case Outcome():
                self._outcomes.add(value)
                self.accounts.outcome(record)
                self.results[record.market_key] = record
                if len(self.results) > MOST_ROWS:
                    del self.results[next(iter(self.results))]
            case Answer():
                self._answers.add(value)
            case RiskEvent():
                self._risk.add(value)
            case PromotionDecision():
                self._promotions.add(value)
                self.promotions[record.instance] = record
            case DeadLetter():
                self._dead.add(value)
                self._dead_letters += 1
            case Features():
                self.windows.features(record)
            case Scan():
                self._scan(record)
            case Quality():
                self._quality(record)

    def _refuse(self, record: Decision) -> None:
        self.decided_since = self.decided_since or record.timestamp
        if record.action == "block":
            self.refused.setdefault(record.strategy, Counter())[str(record.reason)] += 1 + record.repeats

    def _scan(self, record: Scan) -> None:
        key = (record.strategy, record.market_key)
        before = self._scans.pop(key, None)
        if before is None or (before.verdict, before.reason) != (record.verdict, record.reason):
            self.scan_since[key] = record.timestamp
        self._scans[key] = record
        if len(self._scans) > MOST_SCANS:
            oldest = next(iter(self._scans))
            del self._scans[oldest]
            self.scan_since.pop(oldest, None)
        self.windows.scan(record)
        self.funnel.scan(record)

    def _quality(self, record: Quality) -> None:
        end, count = self._windows.get((record.feed, record.reason), (0, 0))
        count = record.count + (count if end == record.window_end else 0)
        self._windows[(record.feed, record.reason)] = (record.window_end, count)
        minute = record.window_end // _MINUTE_NS * _MINUTE_NS
        key = (minute, record.feed, record.market, record.strategy, str(record.reason))
        self._violations[key] = self._violations.get(key, 0) + record.count
        while len(self._violations) > _VIOLATIONS:
            del self._violations[next(iter(self._violations))]

    def title(self, key: str) -> str:
        return self.windows.title(key)

    # --- rows ------------------------------------------------------------------------------------------------------

    def decision_records(self, limit: int = MOST_ROWS, refusals: bool = True) -> list[tuple[int, Decision]]:
        """The latest first, each with its number; without ``refusals`` only what was done."""
        rows = [*self._actions.numbered(limit), *(self._refusals.numbered(limit) if refusals else ())]
        rows.sort(key=lambda row: row[0], reverse=True)
        return rows[:limit]

    def refusals_since(self, t: int) -> Iterator[Decision]:
        """Those of event time ``t`` (Unix ns) and later, the latest first."""
        return self._refusals.latest_while(lambda each: each.timestamp >= t)

    def reach(self) -> int:
        """The journal event back to which memory holds every decision, refusals too; 0 for the beginning."""
        first = 0
        for rows in (self._actions, self._refusals):
            if rows.full:
                first = max(first, rows.oldest().journal)
        return first

    def decision(self, decision_id: str) -> Decision | None:
        """A decision that is still in memory."""
        return next((each for _, each in self.decision_records(2 * MOST_ROWS) if each.id == decision_id), None)

    def order_records(self, limit: int = MOST_ROWS) -> list[Order]:
        return self._orders.latest(limit)

    def fill_records(self, limit: int = MOST_ROWS) -> list[Fill]:
        return self._fills.latest(limit)

    def outcome_records(self, limit: int = MOST_ROWS) -> list[Outcome]:
        return self._outcomes.latest(limit)

    def answer_records(self, limit: int = MOST_ROWS) -> list[Answer]:
        return self._answers.latest(limit)

    def risk_records(self, limit: int = MOST_ROWS) -> list[RiskEvent]:
        return self._risk.latest(limit)

    def promotion_records(self, limit: int = MOST_ROWS) -> list[PromotionDecision]:
        return self._promotions.latest(limit)

    def scan_records(self) -> list[Scan]:
        return [self._scans[key] for key in sorted(self._scans)]

    def seen(self, decision: Decision) -> DecisionView:
        return presenting.decision(decision, self.title, self.limits)

    def orders(self, limit: int) -> list[OrderView]:
        return [presenting.order(each, self.title) for each in self._orders.latest(limit)]

    def fills(self, limit: int) -> list[FillView]:
        return [presenting.fill(each, self.title) for each in self._fills.latest(limit)]

    def postings(self, limit: int) -> list[PostingView]:
        return [presenting.posting(each) for each in self._postings.latest(limit)]

    def outcomes(self, limit: int) -> list[OutcomeView]:
        return [presenting.outcome(each, self.title) for each in self._outcomes.latest(limit)]

    def dead_letters(self, limit: int) -> list[DeadLetterView]:
        return [presenting.dead_letter(each) for each in self._dead.latest(limit)]

    def scans(self) -> list[ScanView]:
        return [presenting.scan(each, self.title, self.newest_ns) for each in self.scan_records()]

    # --- quality and health ----------------------------------------------------------------------------------------

    def quality(self) -> list[QualityView]:
        """Findings by feed and reason, the most first."""
        totals: dict[tuple[str, str], int] = {}
        for name, module in self.modules.known.items():
            if name.startswith((_INTEGRITY, _DATA_GATE)):
                feed = "feed." + name.removeprefix(_INTEGRITY) if name.startswith(_INTEGRITY) else name
                for key, count in module.row.counts.items():
                    verdict, _, reason = key.partition(":")
                    if verdict == Verdict.BLOCK or (verdict == Verdict.HOLD and feed == name):
                        totals[(feed, reason)] = count
        found = []
        for feed, reason in sorted(totals.keys() | self._windows.keys()):
            end, window = self._windows.get((feed, reason), (0, 0))
            found.append(
                QualityView(
                    feed=feed,
                    reason=reason,
                    meaning=presenting.meaning_of(reason),
                    total=totals.get((feed, reason), 0),
                    window=window,
                    window_end=iso(end),
                )
            )
        return sorted(found, key=lambda view: (-view.total, view.feed, view.reason))

    def violations(self, minutes: int) -> list[Violation]:
        """Findings by minute over the last ``minutes`` of event time, the latest last."""
        first = self.newest_ns - minutes * _MINUTE_NS
        return [
            Violation(
                minute=iso(minute),
                feed=feed,
                market_key=market,
                market=self.title(market) if market else "",
                strategy=strategy,
                reason=reason,
                count=count,
            )
            for (minute, feed, market, strategy, reason), count in sorted(self._violations.items())
            if minute >= first
        ]

    def health(self, now: float) -> HealthView:
        """Well only if Kafka answers, telemetry comes, and no module is offline that others wait for."""
        wrong: list[str] = []
        warnings: list[str] = []
        if self.kafka not in ("connected", "archive"):
            wrong.append(f"Kafka: {self.kafka}")
        if not self.modules.known:
            wrong.append("no module has sent telemetry yet")
        for name in self.modules.names():
            status = self.modules.status(name, now)
            if status == "offline" and name not in _AT_LEISURE:
                wrong.append(said_of(self.modules.view(name, now)))
            elif status in ("offline", "degraded", "missing") or (status == "ended" and not self.modules.ended):
                warnings.append(said_of(self.modules.view(name, now)))
        warnings.extend(f"{topic}: {count} unreadable records" for topic, count in sorted(self._unreadable.items()))
        return HealthView(
            status="unwell" if wrong else "ok",
            wrong=wrong,
            warnings=warnings,
            kafka=self.kafka,
            modules=len(self.modules.known),
            dead_letters=self._dead_letters,
            unreadable=dict(sorted(self._unreadable.items())),
            uptime_s=round(now - self._started, 3),
        )

    def age_s(self, now: float) -> float | None:
        """Seconds since any record came."""
        return None if self.heard is None else max(now - self.heard, 0.0)
