"""What a run came to, read from its archive alone: counts, reasons, money, and the digest of its decisions."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from flows.replay.shortfalls import shortfalls
from flows.report.round_trips import Trip, round_trips
from models.contracts import Fill, Order, Outcome, Posting, Telemetry
from models.journal import decode_event
from models.money import DOLLAR, SHARE
from models.telemetry import ModuleTotals, totals_of
from models.timestamps import SECOND
from models.topics import DECISIONS, DIGESTED, FEEDS, FILLS, JOURNAL, LEDGER, ORDERS, OUTCOMES, TELEMETRY

_PORTFOLIO = "portfolio"


class StrategyResult(msgspec.Struct):
    """Realised dollars. ``trades``: orders with a fill. ``round_trips``: positions that were closed, sold or settled;
    ``won``: those of them that made money after fees. ``gross``: closed PnL before fees; ``fees``: all that were paid,
    those of open positions too; ``net``: gross less fees."""

    trades: int
    round_trips: int
    won: int
    gross: float
    fees: float
    net: float


class OpenPosition(msgspec.Struct):
    """A position that was open at the end. ``shares``; ``cost``: dollars paid for them, without ``fees``."""

    strategy: str
    market: str
    outcome: str
    opened_ns: int
    shares: float
    cost: float
    fees: float


class ClosingBalance(msgspec.Struct):
    """The portfolio's money at the end, in dollars. ``at_cost``: cash, reservations and open positions at what was paid
    for them. ``equity``: the same with positions at the bid, as of ``equity_ns`` (Unix ns; None where no telemetry of
    the portfolio was recorded)."""

    capital: float
    cash: float
    reserved: float
    at_cost: float
    equity: float | None
    equity_ns: int


class RunSummary(msgspec.Struct):
    """A run's figures. ``first_ns`` and ``last_ns``: event time that its journal spans, Unix ns. ``unfinished``: why
    the figures are not those of a whole run, one sentence each. ``seconds``: what the flows took, of a live run what
    it spans; ``seconds_in_all``: the command's own, with summary and audit.duckdb; ``events_per_second`` is of the
    flows, 0 where they were resumed, for part of the time is not known then. ``ledger_imbalance`` in micro-dollars.
    ``lag_worst_s``: the greatest lag from receipt to decision, None where none was measured; entries that it refused
    are in ``blocks`` as ``too_slow``."""

    first_ns: int
    last_ns: int
    unfinished: list[str]
    feed_events: int
    journal_events: int
    markets_settled: int
    decisions: int
    orders: int
    fills: int
    blocks: dict[str, int]
    quality: dict[str, int]
    strategies: dict[str, StrategyResult]
    account: ClosingBalance
    open_positions: list[OpenPosition]
    ledger_imbalance: int
    seconds: float
    seconds_in_all: float
    events_per_second: float
    digest: str
    lag_worst_s: float | None = None


def digest(archive: Path) -> str:
    """SHA-256 over the canonical bytes of decisions, orders, fills and ledger, topic by topic, in order."""
    reader = ArchiveReader(archive)
    sha = hashlib.sha256()
    for topic in DIGESTED:
        sha.update(topic.encode() + b"\n")
        for record in reader.read(topic):
            sha.update(record.value + b"\n")
    return sha.hexdigest()


def summarise(
    feeds: Path, journal: Path, output: Path, seconds: float, from_feeds: bool, unfinished: list[str] | None = None
) -> RunSummary:
    """The figures of the run that read ``feeds`` or ``journal`` and wrote ``output`` (archives)."""
    reader = ArchiveReader(output)
    feed_events = _feed_events(feeds)
    balances: Counter[str] = Counter()
    for record in reader.read(LEDGER):
        posting = Posting.read(record.value)
        balances[posting.account] += posting.amount
    filled: Counter[str] = Counter()
    submitted = 0
    for record in reader.read(ORDERS):
        order = Order.read(record.value)
        submitted += order.status == "submitted"
        filled[order.strategy] += order.status in ("filled", "partly_filled")
    closed, standing = _positions(reader)
    latest = _modules(reader)
    blocks: Counter[str] = Counter()
    quality: Counter[str] = Counter()
    for module, row in latest.items():
        (quality if module.startswith("integrity.") else blocks).update(_refusals(row))
    if not from_feeds:
        quality = _quality_of(journal)
    strategies = {module.partition(".")[2] for module in latest if module.startswith("strategy.")} | set(filled)
    journal_events, first_ns, last_ns = _span(ArchiveReader(journal))
    events = feed_events if from_feeds else journal_events
    return RunSummary(
        first_ns=first_ns,
        last_ns=last_ns,
        unfinished=unfinished or [],
        feed_events=feed_events,
        journal_events=journal_events,
        markets_settled=reader.count(OUTCOMES),
        decisions=reader.count(DECISIONS),
        orders=submitted,
        fills=reader.count(FILLS),
        blocks=dict(sorted(blocks.items())),
        quality=dict(sorted(quality.items())),
        strategies={name: _result(name, filled[name], closed, balances) for name in sorted(strategies)},
        account=_account(balances, latest.get(_PORTFOLIO)),
        open_positions=[
            OpenPosition(
                each.strategy,
                each.market,
                each.outcome,
                each.opened,
                each.held / SHARE,
                each.basis / DOLLAR,
                each.fees / DOLLAR,
            )
            for each in standing
        ],
        ledger_imbalance=_total(balances, ""),
        seconds=round(seconds, 3),
        seconds_in_all=round(seconds, 3),
        events_per_second=round(events / seconds, 1) if seconds > 0 else 0.0,
        digest=digest(output),
        lag_worst_s=_worst_lag(latest.get(_PORTFOLIO)),
    )


def summarise_run(folder: Path) -> RunSummary:
    """The figures of a run that was recorded live: ``seconds`` is the time its feeds span."""
    archive = folder / "archive"
    reader = ArchiveReader(archive)
    spans = [reader.contents(topic) for topic in FEEDS]
    begun = min((each.first_ns for each in spans if each.records), default=0)
    ended = max((each.last_ns for each in spans if each.records), default=0)
    lacking = shortfalls(archive)
    return summarise(archive, archive, archive, (ended - begun) / SECOND, from_feeds=True, unfinished=lacking)


def _feed_events(feeds: Path) -> int:
    if not feeds.is_dir():
        return 0  # a replay's input that was moved since
    source = ArchiveReader(feeds)
    events = 0
    for topic in FEEDS:
        events += source.count(topic)
    return events


def _span(journal: ArchiveReader) -> tuple[int, int, int]:
    """(events, first, last): the journal's count, and the event times it spans, Unix ns."""
    last = journal.last_offset(JOURNAL)
    if last < 0:
        return 0, 0, 0
    ends = [next(journal.read(JOURNAL, offset)) for offset in (journal.first_offset(JOURNAL), last)]
    return journal.count(JOURNAL), decode_event(ends[0].value).t, decode_event(ends[1].value).t


def _positions(reader: ArchiveReader) -> tuple[list[Trip], list[Trip]]:
    return round_trips(
        (Fill.read(record.value) for record in reader.read(FILLS)),
        (Outcome.read(record.value) for record in reader.read(OUTCOMES)),
    )


def _account(balances: Counter[str], portfolio: ModuleTotals | None) -> ClosingBalance:
    cash, reserved = balances["cash"], balances["reserved"]
    marked = portfolio.gauges.get("equity") if portfolio is not None else None
    return ClosingBalance(
        capital=-balances["capital"] / DOLLAR,
        cash=cash / DOLLAR,
        reserved=reserved / DOLLAR,
        at_cost=(cash + reserved + _total(balances, "position:")) / DOLLAR,
        equity=float(marked) if isinstance(marked, int | float) else None,
        equity_ns=portfolio.heartbeat if portfolio is not None else 0,
    )


def _worst_lag(portfolio: ModuleTotals | None) -> float | None:
    worst = portfolio.gauges.get("lag_worst_s") if portfolio is not None else None
    return float(worst) if isinstance(worst, int | float) and worst >= 0 else None


def _total(balances: Counter[str], prefix: str) -> int:
    """Micro-dollars in all accounts whose names begin with ``prefix``."""
    total = 0
    for account, amount in balances.items():
        total += amount if account.startswith(prefix) else 0
    return total


def _quality_of(journal: Path) -> Counter[str]:
    """Findings by reason as the recorded run counted them (a replay from the journal makes none of its own)."""
    quality: Counter[str] = Counter()
    for module, row in _modules(ArchiveReader(journal)).items():
        if module.startswith("integrity."):
            quality.update(_refusals(row))
    return quality


def _modules(reader: ArchiveReader) -> dict[str, ModuleTotals]:
    """Every module as it was at the end, with its counters since the beginning."""
    last = reader.latest(TELEMETRY)
    if all(Telemetry.read(record.value).standing for record in last):  # as of every source that ended well
        return totals_of(last)
    return totals_of(reader.read(TELEMETRY))


def _refusals(row: ModuleTotals) -> dict[str, int]:
    """A module's blocks by reason."""
    return {key.removeprefix("block:"): count for key, count in row.counts.items() if key.startswith("block:")}


def _result(name: str, filled: int, closed: list[Trip], balances: Counter[str]) -> StrategyResult:
    own = [trip for trip in closed if trip.strategy == name]
    won = len([trip for trip in own if trip.net > 0])
    gross, fees = -balances[f"pnl:{name}"], balances[f"fees:{name}"]
    return StrategyResult(filled, len(own), won, gross / DOLLAR, fees / DOLLAR, (gross - fees) / DOLLAR)
