"""What the checks find in an archive: counts by feed and reason, and for each reason examples to open and look at.

The findings are those of the market flow: its line runs over the feed topics in their one order. Examples are spread
evenly over the occurrences of a reason, the same ones each time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from connectors.archive.source import feed_batches
from flows.market_line.findings import Finding
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.contracts import Number
from models.failures import Failure
from models.journal import AnyEvent, Book, Clock, Feed, Market, Rejected, Spot, TokenBook, decode_event
from models.markers import OWN_PREFIX
from models.message import Lost, Message, Stored
from models.money import DOLLAR, PIP
from models.reasons import Reason
from models.settings import Settings
from models.timestamps import MILLISECOND, SECOND
from models.topics import DEAD_LETTER, FEEDS, INPUTS, JOURNAL

_LEVELS = 3  # of each side that an example shows
_LONGEST = 1_200  # characters of a frame that an example shows
_SIDE = re.compile(r'("(?:bids|asks)"\s*:\s*\[)((?:\s*\{[^{}]*\}\s*,?)*)\]')
_LEVEL = re.compile(r"\{[^{}]*\}")


class Example(msgspec.Struct):
    """One occurrence. ``t``: Unix ns of receipt. ``numbers``: what makes it so; prices in dollars, times in
    milliseconds. ``topic``, ``partition``, ``offset``: the record it was found on. ``frame``: its value as text; of a
    long one the best levels."""

    t: int
    market: str
    numbers: dict[str, Number]
    topic: str
    partition: int
    offset: int
    frame: str


class Count(msgspec.Struct):
    """How often ``reason`` was found in ``feed``; ``places``: in how many markets, products or connections."""

    feed: str
    reason: str
    count: int
    places: int


class QualityReport(msgspec.Struct):
    """``records``: of the feed and input topics, with losses; ``frames``: those that are not the recorder's own.
    Times are Unix ns of receipt."""

    records: int
    frames: int
    events: int
    dead_letters: int
    first_ns: int
    last_ns: int
    counts: list[Count]
    examples: dict[str, list[Example]]


class _Occurrence(msgspec.Struct):
    finding: Finding
    record: Stored | Lost
    numbers: dict[str, Number]


class _Spread:
    """Keeps some of many occurrences, evenly spread: each n-th, with n doubled whenever the room is used up."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._room = max(8, 4 * wanted) // 2 * 2
        self._every = 1
        self._seen = 0
        self._stored: list[_Occurrence] = []

    def offer(self, make: Callable[[], _Occurrence]) -> None:
        if self._wanted and self._seen % self._every == 0:
            if len(self._stored) == self._room:
                self._stored = self._stored[::2]
                self._every *= 2
            self._stored.append(make())
        self._seen += 1

    def chosen(self) -> list[_Occurrence]:
        stored, wanted = self._stored, self._wanted
        if len(stored) <= wanted:
            return stored
        if wanted == 1:
            return [stored[len(stored) // 2]]
        return [stored[at * (len(stored) - 1) // (wanted - 1)] for at in range(wanted)]


class _Seen:
    """What stood before a finding: the latest books, prices and definitions."""

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}
        self.spots: dict[str, Spot] = {}
        self.markets: dict[str, Market] = {}
        self.latest: dict[str, int] = {}  # feed -> receipt of its last frame that is not the recorder's own
        self.exchange: dict[str, int] = {}  # token -> the latest exchange time of its book

    def take(self, event: AnyEvent) -> None:
        if isinstance(event, Book):
            self.books[event.key] = event
            for view in _views(event).values():
                self.exchange[view.token] = max(self.exchange.get(view.token, 0), view.x)
        elif isinstance(event, Spot):
            if event.ok:
                self.spots[event.product] = event
        elif isinstance(event, Market):
            self.markets[event.key] = event
        if not isinstance(event, Clock) and event.src[0]:
            self.latest[event.src[0]] = event.t


def quality_report(
    archive: Path, settings: Settings, examples: int = 3, progress: Callable[[int, int], None] = lambda done, of: None
) -> QualityReport:
    """Run the market line over an archive's feed topics; ``progress`` is called with (records done, records in all).

    Raises Failure when the archive holds no feed records."""
    reader = ArchiveReader(archive)
    total = 0
    for topic, stored in reader.counts().items():
        total += stored if topic in (*FEEDS, *INPUTS) else 0
    if not set(reader.topics()).intersection(FEEDS):
        raise Failure(f"{archive} holds no feed records.", "Make an archive with `profit import` or `profit record`.")
    survey = _Survey(settings, examples)
    for records in feed_batches(archive):
        for record in records:
            survey.take(record)
        progress(survey.records, total)
    return survey.report()


class _Survey:
    def __init__(self, settings: Settings, examples: int) -> None:
        self._line = MarketLine(bounds_of(settings.checks), settings.portfolio_name)
        self._wanted = examples
        self._seen = _Seen()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._places: dict[tuple[str, str], set[str]] = {}
        self._spread: dict[str, _Spread] = {}
        self._own = 0
        self._events = 0
        self._letters = 0
        self._first = 0
        self._last = 0
        self.records = 0

    def take(self, record: Stored | Lost) -> None:
        self.records += 1
        findings: list[Finding] = []
        events: list[AnyEvent] = []
        for out in self._line.advance(record):
            if isinstance(out, Finding):
                findings.append(out)
            elif isinstance(out, Message):
                if out.topic == JOURNAL:
                    events.append(decode_event(out.value))
                self._letters += out.topic == DEAD_LETTER
        for event in events:
            self._first = self._first or event.t
            self._last = event.t
        self._events += len(events)
        self._own += isinstance(record, Lost) or record.value.startswith(OWN_PREFIX)
        for finding in findings:
            self._count(finding, record, events)
        for event in events:
            self._seen.take(event)

    def _count(self, finding: Finding, record: Stored | Lost, events: Sequence[AnyEvent]) -> None:
        key = (finding.feed, str(finding.reason))
        self._counts[key] += finding.count
        self._places.setdefault(key, set()).add(finding.market)
        spread = self._spread.setdefault(key[1], _Spread(self._wanted))
        spread.offer(lambda: _Occurrence(finding, record, numbers_of(finding, events, self._seen)))

    def report(self) -> QualityReport:
        counts = [
            Count(feed, reason, count, len(self._places[feed, reason]))
            for (feed, reason), count in sorted(self._counts.items())
        ]
        examples = {
            reason: [_example(occurrence) for occurrence in spread.chosen()]
            for reason, spread in sorted(self._spread.items())
        }
        return QualityReport(
            self.records,
            self.records - self._own,
            self._events,
            self._letters,
            self._first,
            self._last,
            counts,
            examples,
        )


def _example(occurrence: _Occurrence) -> Example:
    finding, record = occurrence.finding, occurrence.record
    if isinstance(record, Lost):
        what = f"records {record.first} to {record.last} of run {record.run}"
        return Example(finding.t, finding.market, occurrence.numbers, "", 0, -1, what)
    frame = shown(record.value)
    return Example(finding.t, finding.market, occurrence.numbers, record.topic, record.partition, record.offset, frame)


def shown(frame: bytes) -> str:
    """A frame as text: whole if it is short, else with the best levels of each side alone (they stand last on
    Polymarket's wire), and cut."""
    text = frame.decode("utf-8", "backslashreplace")
    if len(text) > _LONGEST // 2:
        text = _SIDE.sub(_best_levels, text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(frame):,} bytes)"


def _best_levels(side: re.Match[str]) -> str:
    levels = _LEVEL.findall(side[2])
    left = len(levels) - _LEVELS
    return side[0] if left <= 0 else f"{side[1]}… {left} more …,{','.join(levels[-_LEVELS:])}]"


def numbers_of(finding: Finding, events: Sequence[AnyEvent], seen: _Seen) -> dict[str, Number]:
    """The numbers that make a finding what it is, from the events of its record and what stood before."""
    reason = finding.reason
    for event in events:
        if isinstance(event, Rejected):
            return {"detail": event.detail}
    if reason in (Reason.STALE_BOOK, Reason.FROZEN_BOOK, Reason.REST_MISMATCH):
        book = seen.books.get(finding.market)
        stale = {name for event in events if isinstance(event, Clock) for name in event.stale_books}
        return {} if book is None else _of_stale_book(book, stale, finding.t)
    for event in events:
        if isinstance(event, Book) and event.key == finding.market:
            return _of_book(event, reason, seen)
        if isinstance(event, Spot) and finding.market in (event.product, ""):
            return _of_spot(event)
    if reason == Reason.STALE_SPOT:
        spot = seen.spots.get(finding.market)
        return {} if spot is None else {**_of_spot(spot), "silent_ms": (finding.t - spot.t) / MILLISECOND}
    if reason == Reason.STALE_FEED:
        latest = seen.latest.get(finding.feed)
        return {} if latest is None else {"silent_ms": (finding.t - latest) / MILLISECOND}
    if reason == Reason.RESOLUTION_LATE:
        market = seen.markets.get(finding.market)
        return {} if market is None else {"seconds_after_the_end": (finding.t - market.end) / SECOND}
    for event in events:
        if isinstance(event, Feed):
            return {"what": event.what, "note": event.note}
        if isinstance(event, Book | Spot):
            return _of_book(event, reason, seen) if isinstance(event, Book) else _of_spot(event)
    return {}


def _views(book: Book) -> dict[str, TokenBook]:
    return {name: view for name, view in (("up", book.up), ("down", book.down)) if view is not None}


def _of_book(book: Book, reason: str, seen: _Seen) -> dict[str, Number]:
    numbers: dict[str, Number] = {}
    views = _views(book)
    concerned = {name: view for name, view in views.items() if reason in view.checks} or views
    for name, view in concerned.items():
        numbers[f"{name}_bid"] = view.bids[0][0] / PIP if view.bids else None
        numbers[f"{name}_ask"] = view.asks[0][0] / PIP if view.asks else None
        if reason in (Reason.OFF_TICK, Reason.PRICE_OUT_OF_RANGE):
            numbers[f"{name}_tick"] = view.tick / PIP
        if reason in (Reason.TIMESTAMP_OLD, Reason.TIMESTAMP_AHEAD):
            numbers[f"{name}_received_after_ms"] = (book.t - view.x) / MILLISECOND
        if reason in (Reason.TIMESTAMP_BACKWARDS, Reason.OUT_OF_ORDER):
            numbers[f"{name}_behind_the_latest_ms"] = (seen.exchange.get(view.token, 0) - view.x) / MILLISECOND
    return numbers


def _of_stale_book(book: Book, stale: set[str], t: int) -> dict[str, Number]:
    numbers: dict[str, Number] = {}
    for name, view in _views(book).items():
        if not stale or view.token in stale:
            numbers[f"{name}_silent_ms"] = (t - view.t) / MILLISECOND
            numbers[f"{name}_bid"] = view.bids[0][0] / PIP if view.bids else None
            numbers[f"{name}_ask"] = view.asks[0][0] / PIP if view.asks else None
    return numbers


def _of_spot(spot: Spot) -> dict[str, Number]:
    numbers: dict[str, Number] = {"price": spot.price / DOLLAR}
    if spot.bids or spot.asks:
        numbers["bid"] = spot.bids[0][0] / DOLLAR if spot.bids else None
        numbers["ask"] = spot.asks[0][0] / DOLLAR if spot.asks else None
    if spot.x:
        numbers["received_after_ms"] = (spot.t - spot.x) / MILLISECOND
    return numbers
