"""Records as the flows write them, for the tests of the server."""

from __future__ import annotations

import msgspec

from models.contracts import (
    Answer,
    Decision,
    Fill,
    ModuleTelemetry,
    Number,
    Outcome,
    Posting,
    PromotionDecision,
    Quality,
    RiskEvent,
    Scan,
    Telemetry,
)
from models.message import Message, Stored
from models.reasons import Reason, Verdict
from models.record import Record
from models.topics import ANSWERS, DECISIONS, FILLS, LEDGER, OUTCOMES, PROMOTIONS, QUALITY, RISK, SCANS, TELEMETRY

T0 = 1_790_000_000_000_000_000


def telemetry(
    module: str,
    number: int = 0,
    status: str = "running",
    gauges: dict[str, Number] | None = None,
    source: str = "",
    why: str = "ok",
    **counts: int,
) -> Telemetry:
    """A record that states one module whole; its ``counts`` are given as ``pass__ok=3``."""
    given = {key.replace("__", ":"): count for key, count in counts.items()}
    stated = ModuleTelemetry(module, status, given, why, gauges or {})  # type: ignore[arg-type]
    return Telemetry(f"t-{module}-{number}", T0 + number, source or module, 10**9, [], [], [stated])


def decision(number: int, action: str = "enter", reason: Reason = Reason.ENTER) -> Decision:
    return msgspec.convert(
        {
            "id": f"d{number}-parity-m",
            "journal": number,
            "timestamp": T0 + number,
            "portfolio": "main",
            "strategy": "parity",
            "market_key": "m",
            "outcome": "Up",
            "action": action,
            "verdict": Verdict.BLOCK if action == "block" else Verdict.PASS,
            "reason": reason,
            "price": 5_000,
            "size": 10_000_000,
            "order_ids": [],
            "spans": [],
            "sources": [],
            "configuration": "c",
            "model": "none",
        },
        Decision,
    )


def fill(number: int) -> Fill:
    return Fill(
        id=f"o{number}.0",
        order=f"o{number}",
        decision=f"d{number}-parity-m",
        journal=number,
        book_journal=number,
        timestamp=T0 + number,
        strategy="parity",
        market_key="m",
        outcome="Up",
        side="buy",
        price=5_000,
        size=10_000_000,
        gross=5_000_000,
        fee=0,
    )


def quality(number: int, market: str, count: int, window: int = 10) -> Quality:
    return Quality(
        id=f"q{number}-{market}",
        window_start=window - 10,
        window_end=window,
        feed="feed.polymarket",
        market=market,
        reason=Reason.CROSSED_BOOK,
        count=count,
    )


def scan(number: int, market: str = "m") -> Scan:
    return Scan(
        id=f"s{number}-{market}",
        journal=number,
        timestamp=T0 + number,
        strategy="parity",
        market_key=market,
        score=0.0,
        threshold=0.002,
        margin=-0.002,
        unit="$",
        metric_family="edge",
        normalised=-0.4,
        verdict=Verdict.HOLD,
        reason=Reason.BELOW_THRESHOLD,
        evaluations=1,
    )


def answer(number: int, what: str = "pause", verdict: Verdict = Verdict.PASS) -> Answer:
    return Answer(
        id=f"a{number}",
        journal=number,
        timestamp=T0 + number,
        command=f"c{number}",
        by="me",
        what=what,
        verdict=verdict,
        reason=Reason.OK if verdict == Verdict.PASS else Reason.NOTHING_TO_DO,
        text="it was done.",
    )


def risk_event(number: int, kind: str = "breaker", subject: str = "drawdown", name: str = "main") -> RiskEvent:
    return msgspec.convert(
        {
            "id": f"r{number}",
            "journal": number,
            "timestamp": T0 + number,
            "kind": kind,
            "subject": subject,
            "scope": "portfolio",
            "name": name,
            "old": "clear",
            "new": "reduced",
            "reason": Reason.DRAWDOWN,
            "text": "it is so.",
            "numbers": {"value": 0.06},
        },
        RiskEvent,
    )


_TOPICS: dict[type[Record], str] = {
    Telemetry: TELEMETRY,
    Decision: DECISIONS,
    Fill: FILLS,
    Quality: QUALITY,
    Scan: SCANS,
    Answer: ANSWERS,
    Posting: LEDGER,
    Outcome: OUTCOMES,
    RiskEvent: RISK,
    PromotionDecision: PROMOTIONS,
}


_offsets: dict[str, int] = {}


def stored(record: Record, ordinal: int = -1, producer: str = "", offset: int | None = None) -> Stored:
    """The record where a topic would have it: each one after the one before, unless ``offset`` says where."""
    topic = _TOPICS[type(record)]
    at = _offsets.get(topic, 0) if offset is None else offset
    _offsets[topic] = at + 1
    return Stored(topic, 0, at, "", record.canonical(), T0, producer, ordinal)


def message(record: Record, ordinal: int, producer: str = "test") -> Message:
    return Message(_TOPICS[type(record)], "", record.canonical(), T0, producer, ordinal)
