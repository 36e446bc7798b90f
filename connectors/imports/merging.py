"""Two imports in one archive: what each holds, whether they overlap, and their frames by time as one recorder run."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from connectors.coinbase.wire import decode_frame as decode_coinbase
from connectors.imports.agenda import Agenda
from connectors.imports.assembly import Assembler
from connectors.imports.frames import DERIVED, NOTES, Frame, iso
from connectors.imports.outcomes import Open, OutcomeTracker
from connectors.imports.summary import ImportFailure, ImportSummary
from connectors.polymarket.wire import MarketMessage
from connectors.polymarket.wire import decode_frame as decode_polymarket
from models.envelope import decode_envelope
from models.markers import Marker, decode_own
from models.settlement import market_key, window_of
from models.timestamps import parse_iso
from models.topics import FEED_CLOCK, FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, FEEDS

_FRAMES: Final = (FEED_POLYMARKET, FEED_COINBASE, FEED_MARKETS)
RESOLVED_AFTER_NS: Final = 60 * 10**9
_RESOLUTION: Final = ("outcomePrices", "closed", "acceptingOrders", "closedTime", "umaResolutionStatus")
_TRADES: Final = "last_trade_price"

Gamma = dict[str, Any]
_encoder = msgspec.json.Encoder(decimal_format="number")


def frames_of(directory: Path) -> Iterator[Frame]:
    """The frames of an imported archive as they were before their envelopes, in their order."""
    reader = ArchiveReader(directory)
    streams = [((decode_envelope(record.envelope), record) for record in reader.read(topic)) for topic in _FRAMES]
    for envelope, record in heapq.merge(*streams, key=lambda each: each[0].seq):
        if decode_own(record.value) is None:
            source = envelope.conn.removeprefix(f"{envelope.run}.")
            yield Frame(
                envelope.recv_ns, record.topic, source, "" if record.key == envelope.conn else record.key, record.value
            )


@dataclass
class Coverage:
    """What an archive says, of what, and when. ``spans``: first and last time by (feed, subject); ``strikes`` and
    ``outcomes``: keys of markets, ``derived`` those whose outcome was not recorded; ``ids``: condition and tokens of
    markets with books."""

    directory: Path
    run: str = ""
    first_ns: int = 0
    last_ns: int = 0
    spans: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    strikes: set[str] = field(default_factory=set)
    outcomes: set[str] = field(default_factory=set)
    derived: set[str] = field(default_factory=set)
    ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    sources: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, directory: Path) -> Coverage:
        """Read an archive. Raises ImportFailure for one that no import made."""
        contents = cls(directory, run=_imported_run(directory))
        tokens: dict[str, str] = {}  # token -> slug and outcome
        named: dict[str, tuple[str, str]] = {}
        quoted: set[str] = set()
        for frame in frames_of(directory):
            if frame.topic == FEED_MARKETS:
                contents._market(frame, tokens, named)
                continue
            contents.first_ns = contents.first_ns or frame.recv_ns
            contents.last_ns = frame.recv_ns
            contents.sources.add(frame.source)
            if frame.topic == FEED_COINBASE:
                for event in decode_coinbase(frame.value).events or ():
                    for ticker in event.tickers or ():
                        contents._at(FEED_COINBASE, ticker.product_id, frame.recv_ns)
            else:
                for message in decode_polymarket(frame.value):
                    what = "trades" if message.event_type == _TRADES else "books"
                    for token in _tokens(message):
                        contents._at(FEED_POLYMARKET, f"{tokens.get(token, token)} {what}", frame.recv_ns)
                        quoted.add(tokens.get(token, token).partition(" ")[0])
        contents.ids = {slug: ids for slug, ids in named.items() if slug in quoted}
        return contents

    @property
    def has_spot(self) -> bool:
        return any(feed == FEED_COINBASE for feed, _ in self.spans)

    def _market(self, frame: Frame, tokens: dict[str, str], named: dict[str, tuple[str, str]]) -> None:
        market: Gamma = _decoded(frame.value)
        slug = _key(market)
        listed = market.get("clobTokenIds") or "[]"
        for outcome, token in zip(_strings(market.get("outcomes")), _strings(listed), strict=False):
            tokens[token] = f"{slug} {outcome}"
        named[slug] = (market.get("conditionId", ""), listed)
        if _strike(market):
            self.strikes.add(slug)
        if market.get("closed"):
            self.outcomes.add(slug)
            if DERIVED in market:
                self.derived.add(slug)

    def _at(self, feed: str, subject: str, t_ns: int) -> None:
        first, last = self.spans.get((feed, subject), (t_ns, t_ns))
        self.spans[feed, subject] = (min(first, t_ns), max(last, t_ns))

    def refuse_overlap(self, added: Coverage) -> None:
        """Raises ImportFailure when both say the same of the same time, or both know a market's strike or outcome."""
        for (feed, subject), (first, last) in added.spans.items():
            present = self.spans.get((feed, subject))
            if present is not None and present[0] <= last and first <= present[1]:
                raise ImportFailure(
                    f"{self.directory} has {subject} ({feed}) from {iso(present[0])} to {iso(present[1])} already, "
                    f"and this recording from {iso(first)} to {iso(last)}.",
                    "Add other feeds, markets or times, or make a new archive.",
                )
        both = [slug for slug, ids in added.ids.items() if self.ids.get(slug, ids) != ids]
        if both:
            raise ImportFailure(
                f"{self.directory} has {both[0]} with other ids of condition and tokens.",
                "Make a new archive of one of them.",
            )
        recorded = added.outcomes - added.derived
        for what, twice in (
            ("strike", self.strikes & added.strikes),
            ("outcome", (self.outcomes - self.derived) & recorded),
        ):
            if twice:
                raise ImportFailure(
                    f"{self.directory} has the {what} of {min(twice)} already ({len(twice)} markets in all).",
                    f"Leave the {what} out of the map, or make a new archive.",
                )


def _imported_run(directory: Path) -> str:
    runs: dict[str, str] = {}
    for record in ArchiveReader(directory).read(FEED_CLOCK):
        own = decode_own(record.value)
        if isinstance(own, Marker) and own.marker == "start":
            runs[own.run] = own.source
    others = set(ArchiveReader(directory).topics()) - set(FEEDS)
    if len(runs) != 1 or others or not all(source.startswith("import:") for source in runs.values()):
        raise ImportFailure(
            f"{directory} holds an archive that no import made.",
            "Add to an archive of `profit import`, or name a new folder.",
        )
    return next(iter(runs))


def merge(present: Coverage, added: Coverage, into: Path, summary: ImportSummary, derives: bool) -> None:
    """Write both into one archive. ``derives``: whether outcomes that neither recorded are taken from spot."""
    summary.frames.clear()
    summary.progress.begin("merging", 0)
    ids = added.ids | present.ids
    recorded = (present.outcomes - present.derived) | (added.outcomes - added.derived)
    twice = present.derived & added.derived
    # At equal times spot comes first, whichever was imported first: the archive is the same.
    first, second = sorted((present, added), key=lambda each: (not each.has_spot, each.run))
    streams = (
        _prepared(first.directory, ids, {}, recorded),
        _prepared(second.directory, ids, _renamed(first.sources, second.sources), recorded | twice),
    )
    merged = heapq.merge(*streams, key=lambda frame: frame.recv_ns)
    frames = _derived(merged, present.outcomes | added.outcomes, summary) if derives else merged
    with ArchiveWriter(into) as writer:
        Assembler(writer, summary.run, f"import:{summary.kind}", summary).run(frames)


def _prepared(
    directory: Path, ids: dict[str, tuple[str, str]], sources: dict[str, str], recorded: set[str]
) -> Iterator[Frame]:
    """The frames of an archive with the ids of the merged one, and without derived outcomes of ``recorded`` ones."""
    for frame in frames_of(directory):
        if frame.topic != FEED_MARKETS:
            yield frame._replace(source=sources.get(frame.source, frame.source))
            continue
        market: Gamma = _decoded(frame.value)
        if DERIVED in market and _key(market) in recorded:
            continue
        named = ids.get(_key(market))
        if NOTES in market and named and named != (market["conditionId"], market["clobTokenIds"]):
            market["conditionId"], market["clobTokenIds"] = named
            frame = frame._replace(value=_encoder.encode(market))
        yield frame


def _renamed(present: set[str], added: set[str]) -> dict[str, str]:
    """New names for connections that both have: each numbers its own frames."""
    names: dict[str, str] = {}
    for source in sorted(added & present):
        number = 2
        while f"{source}-{number}" in present | added:
            number += 1
        names[source] = f"{source}-{number}"
    return names


def _derived(frames: Iterator[Frame], resolved: set[str], summary: ImportSummary) -> Iterator[Frame]:
    """The frames, and the resolutions that spot tells of markets whose outcome was not recorded."""
    outcomes, agenda = OutcomeTracker(), Agenda()
    known: dict[str, Gamma] = {}
    last = 0

    def pay(t: int, rest: bool) -> None:
        for each in outcomes.rest(t) if rest else outcomes.due(t):
            summary.count(f"outcomes_derived_from_{each.source}")
            closed = max(each.market.end_ns + RESOLVED_AFTER_NS, t)
            agenda.add(_resolution(known[each.market.key], each.payout, closed, each.words))

    for frame in frames:
        t = last = frame.recv_ns
        pay(t, rest=False)
        yield from agenda.due(t)
        if frame.topic == FEED_MARKETS:
            market: Gamma = _decoded(frame.value)
            slug = _key(market)
            strike = _strike(market)
            if strike:
                outcomes.strike(slug, strike)
            window = window_of(slug)
            if NOTES in market and slug not in resolved and window is not None:
                known[slug] = known.get(slug, {}) | market
                start, end = parse_iso(market["eventStartTime"]), parse_iso(market["endDate"])
                outcomes.market(Open(slug, window.asset, window.horizon, start, end, frozenset({"spot"})))
        elif frame.topic == FEED_COINBASE:
            for event in decode_coinbase(frame.value).events or ():
                for ticker in event.tickers or ():
                    outcomes.spot(ticker.product_id.partition("-")[0], t, Decimal(ticker.price))
        yield frame
    pay(last, rest=True)
    summary.counts["markets_without_outcome"] = sum(market.end_ns <= last for market in outcomes.open.values())
    yield from agenda.rest()


def _resolution(market: Gamma, payout: tuple[str, str], closed_ns: int, words: str) -> Frame:
    fields = {name: value for name, value in market.items() if name not in _RESOLUTION}
    fields |= {
        "outcomePrices": json.dumps(list(payout)),
        "closed": True,
        "acceptingOrders": False,
        "closedTime": iso(closed_ns).replace("T", " ").replace("Z", "+00"),
        "umaResolutionStatus": "resolved",
        DERIVED: words,
    }
    return Frame(closed_ns, FEED_MARKETS, "gamma", market["slug"], _encoder.encode(fields))


def _key(market: Gamma) -> str:
    start = market.get("eventStartTime")
    return market_key(market["slug"], parse_iso(start)) if start else str(market["slug"])


def _strings(listed: Any) -> list[str]:
    found = json.loads(listed) if isinstance(listed, str) else listed
    return [str(each) for each in found or ()]


def _tokens(message: MarketMessage) -> set[str]:
    changed = {change.asset_id for change in message.price_changes or ()}
    return changed | ({message.asset_id} if message.asset_id else set())


def _strike(market: Gamma) -> Decimal | None:
    for event in market.get("events") or ():
        stated = (event.get("eventMetadata") or {}).get("priceToBeat")
        if stated:
            return Decimal(str(stated))
    return None


def _decoded(value: bytes) -> Gamma:
    """A Gamma object with every digit of its strike."""
    found: Gamma = json.loads(value, parse_float=Decimal)
    return found
