"""What a run came to, read from its archive alone: counts, reasons, money, and the digest of its decisions."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from models.contracts import Order, Posting, Telemetry
from models.money import DOLLAR
from models.timestamps import SECOND
from models.topics import DECISIONS, DIGESTED, FEEDS, FILLS, JOURNAL, LEDGER, ORDERS, OUTCOMES, TELEMETRY


class StrategyResult(msgspec.Struct):
    """Realised dollars. ``trades``: orders with a fill; ``gross``: before fees; ``net``: after them."""

    trades: int
    gross: float
    fees: float
    net: float


class Summary(msgspec.Struct):
    """A run's figures; ``ledger_imbalance`` in micro-dollars."""

    feed_events: int
    journal_events: int
    markets_settled: int
    decisions: int
    orders: int
    fills: int
    blocks: dict[str, int]
    quality: dict[str, int]
    strategies: dict[str, StrategyResult]
    ledger_imbalance: int
    seconds: float
    events_per_second: float
    digest: str


def digest(archive: Path) -> str:
    """SHA-256 over the canonical bytes of decisions, orders, fills and ledger, topic by topic, in order."""
    reader = ArchiveReader(archive)
    sha = hashlib.sha256()
    for topic in DIGESTED:
        sha.update(topic.encode() + b"\n")
        for record in reader.read(topic):
            sha.update(record.value + b"\n")
    return sha.hexdigest()


def summarise(feeds: Path, journal: Path, output: Path, seconds: float, from_feeds: bool) -> Summary:
    """The figures of the run that read ``feeds`` or ``journal`` and wrote ``output`` (archives)."""
    reader = ArchiveReader(output)
    source = ArchiveReader(feeds)
    feed_events = 0
    for topic in FEEDS:
        feed_events += source.count(topic)
    journal_events = ArchiveReader(journal).count(JOURNAL)
    balances: Counter[str] = Counter()
    for record in reader.read(LEDGER):
        posting = Posting.model_validate_json(record.value)
        balances[posting.account] += posting.amount
    trades: Counter[str] = Counter()
    submitted = 0
    for record in reader.read(ORDERS):
        order = Order.model_validate_json(record.value)
        submitted += order.status == "submitted"
        trades[order.strategy] += order.status in ("filled", "partly_filled")
    latest = _last_telemetry(reader)
    blocks: Counter[str] = Counter()
    quality: Counter[str] = Counter()
    for module, row in latest.items():
        (quality if module.startswith("integrity.") else blocks).update(_refusals(row))
    if not from_feeds:
        quality = _quality_of(journal)
    strategies = {module.partition(".")[2] for module in latest if module.startswith("strategy.")}
    imbalance = 0
    for amount in balances.values():
        imbalance += amount
    events = feed_events if from_feeds else journal_events
    return Summary(
        feed_events=feed_events,
        journal_events=journal_events,
        markets_settled=reader.count(OUTCOMES),
        decisions=reader.count(DECISIONS),
        orders=submitted,
        fills=reader.count(FILLS),
        blocks=dict(sorted(blocks.items())),
        quality=dict(sorted(quality.items())),
        strategies={
            name: _result(trades[name], -balances[f"pnl:{name}"], balances[f"fees:{name}"])
            for name in sorted(strategies)
        },
        ledger_imbalance=imbalance,
        seconds=round(seconds, 3),
        events_per_second=round(events / seconds, 1) if seconds > 0 else 0.0,
        digest=digest(output),
    )


def summarise_run(folder: Path) -> Summary:
    """The figures of a run that was recorded live: ``seconds`` is the time its feeds span."""
    archive = folder / "archive"
    reader = ArchiveReader(archive)
    spans = [reader.contents(topic) for topic in FEEDS]
    begun = min((each.first_ns for each in spans if each.records), default=0)
    ended = max((each.last_ns for each in spans if each.records), default=0)
    return summarise(archive, archive, archive, (ended - begun) / SECOND, from_feeds=True)


def _quality_of(journal: Path) -> Counter[str]:
    """Findings by reason as the recorded run counted them (a replay from the journal makes none of its own)."""
    quality: Counter[str] = Counter()
    for module, row in _last_telemetry(ArchiveReader(journal)).items():
        if module.startswith("integrity."):
            quality.update(_refusals(row))
    return quality


def _last_telemetry(reader: ArchiveReader) -> dict[str, Telemetry]:
    """The last row of each module: its counters are cumulative."""
    return {record.key: Telemetry.model_validate_json(record.value) for record in reader.latest(TELEMETRY)}


def _refusals(row: Telemetry) -> dict[str, int]:
    """A module's blocks by reason."""
    return {key.removeprefix("block:"): count for key, count in row.counts.items() if key.startswith("block:")}


def _result(trades: int, gross: int, fees: int) -> StrategyResult:
    return StrategyResult(trades, gross / DOLLAR, fees / DOLLAR, (gross - fees) / DOLLAR)
