"""Records as the flows write them, for the tests of the server."""

from __future__ import annotations

from models.contracts import Decision, Fill, Quality, Scan, Telemetry
from models.message import Message, Stored
from models.reasons import Reason, Verdict
from models.record import Record
from models.topics import DECISIONS, FILLS, QUALITY, SCANS, TELEMETRY

T0 = 1_790_000_000_000_000_000


def telemetry(module: str, number: int = 0, status: str = "running", **counts: int) -> Telemetry:
    """A row whose ``counts`` are given as ``pass__ok=3``."""
    return Telemetry.model_validate(
        {
            "id": f"t-{module}-{number}",
            "timestamp": T0 + number,
            "module": module,
            "status": status,
            "heartbeat": T0 + number,
            "counts": {key.replace("__", ":"): count for key, count in counts.items()},
            "last_reason": "ok",
        }
    )


def decision(number: int, action: str = "enter", reason: Reason = Reason.ENTER) -> Decision:
    return Decision.model_validate(
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
        }
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


_TOPICS: dict[type[Record], str] = {
    Telemetry: TELEMETRY,
    Decision: DECISIONS,
    Fill: FILLS,
    Quality: QUALITY,
    Scan: SCANS,
}


def stored(record: Record, ordinal: int = -1, producer: str = "") -> Stored:
    return Stored(_TOPICS[type(record)], 0, max(ordinal, 0), "", record.canonical(), T0, producer, ordinal)


def message(record: Record, ordinal: int, producer: str = "test") -> Message:
    return Message(_TOPICS[type(record)], "", record.canonical(), T0, producer, ordinal)
