"""What is fuzzed, and what must hold whatever comes in. A broken rule raises Broken, with the frame.

``Line``: the market line, as the recorder's records reach it. ``Doors``: the code that sees a frame before it is
recorded. ``Decoders``: what reads our own records back. ``Order``: the merge, on records with broken envelopes.
"""

from __future__ import annotations

import asyncio
import pickle
from collections import Counter
from random import Random
from urllib.parse import unquote

import httpx
import msgspec

from connectors.coinbase.door import CoinbaseDoor
from connectors.ordering import FeedMerge
from connectors.polymarket.channel import MarketChannel, Shard
from connectors.polymarket.markets import FollowedWindow, MarketsDoor
from connectors.polymarket.rest import Rest
from connectors.polymarket.watch import FeedWatch
from connectors.polymarket.windows import window
from connectors.recorder.link import LinkFault
from connectors.recorder.writer import FeedWriter
from flows.market_line.findings import Finding
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.envelope import Envelope, decode_envelope
from models.journal import AnyEvent, Book, Levels, Market, Rejected, Spot, TokenBook, decode_event
from models.markers import Notice, Tick, decode_own, encode_own
from models.message import Lost, Message, Stored
from models.money import PIP
from models.reasons import BLOCKING, Reason
from models.settings import Checks, Feeds
from models.topics import (
    CONTROL,
    DEAD_LETTER,
    FEED_CLOCK,
    FEED_COINBASE,
    FEED_MARKETS,
    FEED_POLYMARKET,
    FEEDS,
    JOURNAL,
)
from tests.fuzz.seeds import NOW_ISO, NOW_MS, NOW_TEXT, SEQUENCE, START_S, Seeds

_NS = 1_000_000
_MS = 1_000_000
RESTORE_EVERY = 20  # mutated frames between two rounds of sound ones: else nothing but broken state would be met
PICKLE_EVERY = 5_000
TOPICS = {"gamma": FEED_MARKETS, "gamma_lists": FEED_MARKETS, "clob": FEED_MARKETS, "own": "", "input": CONTROL}
#: A gap stands on the frame it was found on, and a snapshot in that very frame is sound all the same.
_OF_A_PRICE = BLOCKING - {Reason.SEQUENCE_GAP, Reason.CONNECTION_GAP}
_reasons = {str(reason) for reason in Reason}


class _Letter(msgspec.Struct, forbid_unknown_fields=True):
    """A dead letter as its reader sees it: all of these, of these types."""

    id: str
    timestamp: int
    topic: str
    partition: int
    offset: int
    reason: Reason
    detail: str
    frame: str


_letter = msgspec.json.Decoder(_Letter)


class Broken(AssertionError):
    """A rule was broken. ``frame`` is what broke it."""

    def __init__(self, rule: str, frame: bytes) -> None:
        super().__init__(f"{rule}: {frame[:2_000]!r}{'…' if len(frame) > 2_000 else ''} ({len(frame):,} bytes)")
        self.rule = rule
        self.frame = frame

    def __reduce__(self) -> tuple[type[Broken], tuple[str, bytes]]:
        return Broken, (self.rule, self.frame)  # it comes back from a worker


def check_levels(levels: Levels, descending: bool) -> str:
    before = 1 << 62 if descending else -(1 << 62)
    for price, size in levels:
        if type(price) is not int or type(size) is not int:
            return "a level that is not of integers"
        if size < 0:
            return "a negative size"
        if price >= before if descending else price <= before:
            return "levels out of order"
        before = price
    return ""


def check_view(view: TokenBook) -> str:
    """What is wrong with a book, "" when nothing is."""
    wrong = check_levels(view.bids, True) or check_levels(view.asks, False)
    if wrong or not view.ok:
        return wrong
    if not view.bids or not view.asks:
        return "ok with an empty side"
    if view.bids[0][0] >= view.asks[0][0]:
        return "ok with bid not below ask"
    for price, size in (*view.bids, *view.asks):
        if not view.tick <= price <= PIP - view.tick or price % view.tick:
            return "ok with a price off the grid"
        if size <= 0:
            return "ok with a size of nothing"
    return "ok with a finding that blocks" if BLOCKING.intersection(view.checks) else ""


def check_event(event: AnyEvent) -> str:
    """What is wrong with a journal event, "" when nothing is."""
    if not _reasons.issuperset(event.checks):
        return "a check that is no reason"
    if isinstance(event, Book):
        return next((wrong for view in (event.up, event.down) if view and (wrong := check_view(view))), "")
    if isinstance(event, Spot):
        wrong = check_levels(event.bids, True) or check_levels(event.asks, False)
        if wrong or not event.ok:
            return wrong
        if event.price <= 0:
            return "ok with a price of nothing"
        if event.bids and event.asks and event.bids[0][0] >= event.asks[0][0]:
            return "ok with bid not below ask"
        return "ok with a finding that blocks" if _OF_A_PRICE.intersection(event.checks) else ""
    if isinstance(event, Market):
        if not 0 <= event.fee_rate <= 1_000_000 or event.tick <= 0 or event.min_size < 0:
            return "a market whose numbers make no sense"
        if event.payout_up is not None and event.payout_up + (event.payout_down or 0) != PIP:
            return "payouts that do not add up"
        if event.strike is not None and event.strike <= 0:
            return "a strike that is none"
    return ""


class Line:
    """A market line and a recorder's numbering of what it is given."""

    def __init__(self, seeds: Seeds, random: Random) -> None:
        self._seeds = seeds
        self._random = random
        self._line = MarketLine(bounds_of(Checks()), "main")
        self._now = NOW_MS * _MS
        self._seq = 0
        self._offset = 0
        self._journal = 0
        self._numbers: Counter[str] = Counter()
        self._sequence = 0
        self._coinbase = "coin-0"
        self._left = 0
        self._last_t = 0
        self.frames = 0
        self.dead: Counter[str] = Counter()
        self.decoded = 0
        self.found: Counter[str] = Counter()
        self.events: Counter[str] = Counter()
        self.ok_books = 0
        self.details: Counter[str] = Counter()

    def take(self, kind: str, frame: bytes) -> None:
        """A mutated frame of ``kind``, and now and then sound ones around it."""
        if self._left == 0:
            self._restore()
            self._left = RESTORE_EVERY
        self._left -= 1
        self.frames += 1
        random = self._random
        topic, conn = self._where(kind)
        frame = self._in_time(frame)
        events, letters, findings = self._give(topic, conn, frame)
        if letters:
            self.dead[letters[0].reason] += 1
            self.details[_detail(letters[0].detail)] += 1
        else:
            self.decoded += 1
        for event in events:
            self.events[type(event).__name__] += 1
            if isinstance(event, Book):
                self.ok_books += (event.up is not None and event.up.ok) + (event.down is not None and event.down.ok)
        for finding in findings:
            self.found[finding.reason] += 1
        if self.frames % 97 == 0:
            self._give(FEED_CLOCK, "clock", encode_own(Tick(self.frames, self._now, {})))
        if self.frames % 991 == 0:
            self._check_lost()
        if self.frames % PICKLE_EVERY == 0:
            self._check_pickle(frame)
        if random.random() < 0.001:
            self._now += 10_000 * _MS  # silence

    def _where(self, kind: str) -> tuple[str, str]:
        random = self._random
        if kind == "own":
            return FEEDS[int(random.random() * 4)], "recorder"
        topic = TOPICS.get(kind) or (FEED_COINBASE if kind.startswith("coinbase") else FEED_POLYMARKET)
        if random.random() < 0.01:
            topic = FEEDS[int(random.random() * 3)]
        if topic == FEED_COINBASE:
            return topic, self._coinbase
        if kind == "rest" and random.random() < 0.9:
            return topic, "r.rest0"
        return topic, "gamma" if topic == FEED_MARKETS else f"poly-{int(random.random() * 2)}"

    def _in_time(self, frame: bytes) -> bytes:
        ms = self._now // _MS - 20
        if NOW_TEXT in frame:
            frame = frame.replace(NOW_TEXT, b'"%d"' % ms)
        elif NOW_ISO in frame:
            frame = frame.replace(NOW_ISO, b'"%b"' % _iso(ms))
        if SEQUENCE in frame:
            frame = frame.replace(SEQUENCE, b'"sequence_num":%d' % self._sequence, 1)
        return frame

    def _restore(self) -> None:
        """Sound frames on each connection: the state that the next mutated ones meet."""
        seeds = self._seeds
        self._give(FEED_MARKETS, "gamma", seeds.market)
        for conn in ("poly-0", "poly-1"):
            self._give(FEED_POLYMARKET, conn, self._in_time(seeds.books))
        self._give(FEED_COINBASE, "recorder", encode_own(Notice(self._coinbase, "disconnected", "fuzz")))
        self._coinbase = f"coin-{self.frames}"
        self._sequence = 0
        self._give(FEED_COINBASE, self._coinbase, self._in_time(seeds.spot))

    def _give(self, topic: str, conn: str, frame: bytes) -> tuple[list[AnyEvent], list[_Letter], list[Finding]]:
        self._now += _MS
        envelope = b""
        if topic != CONTROL:
            number = self._numbers[conn]
            self._numbers[conn] = number + 1
            envelope = Envelope(self._now, "r", self._seq, conn, number).encode()
            self._seq += 1
        if topic == FEED_COINBASE and conn == self._coinbase:
            self._sequence += 1
        self._offset += 1
        record = Stored(topic, 0, self._offset, conn, frame, self._now, envelope=envelope)
        return self._advance(record, frame)

    def _advance(self, record: Stored | Lost, frame: bytes) -> tuple[list[AnyEvent], list[_Letter], list[Finding]]:
        try:
            out = self._line.advance(record)
        except Exception as cause:
            raise Broken(f"{type(cause).__name__} out of the line: {cause}", frame) from cause
        events: list[AnyEvent] = []
        letters: list[_Letter] = []
        findings: list[Finding] = []
        for each in out:
            if isinstance(each, Finding):
                findings.append(each)
                if each.reason not in _reasons:
                    raise Broken(f"a finding of no known reason {each.reason!r}", frame)
            elif isinstance(each, Message) and each.topic == JOURNAL:
                if each.ordinal != self._journal:
                    raise Broken(f"journal event {each.ordinal} where {self._journal} was to come", frame)
                self._journal += 1
                event = decode_event(each.value)
                wrong = check_event(event)
                if event.seq != each.ordinal or event.t < self._last_t:
                    wrong = "an event out of order"
                if wrong:
                    raise Broken(wrong, frame)
                self._last_t = event.t
                events.append(event)
            elif isinstance(each, Message) and each.topic == DEAD_LETTER:
                letters.append(_letter.decode(each.value))
        if not events:
            raise Broken("a record without an event", frame)
        if len(letters) > 1 or len(letters) != sum(isinstance(event, Rejected) for event in events):
            raise Broken("dead letters and rejections that do not agree", frame)
        return events, letters, findings

    def _check_lost(self) -> None:
        first = self._seq
        self._seq += 3
        self._advance(Lost("r", first, self._seq - 1), b"lost")

    def _check_pickle(self, frame: bytes) -> None:
        """What a snapshot holds goes on as the line itself would."""
        restored = pickle.loads(pickle.dumps(self._line))
        record = Stored(FEED_CLOCK, 0, 0, "", b"x", self._now)
        one, two = self._line.advance(record), restored.advance(record)
        if one != two:
            raise Broken("a restored line that goes on in another way", frame)
        self._journal += sum(isinstance(each, Message) and each.topic == JOURNAL for each in one)
        self._line = restored

    def state_size(self) -> int:
        """Bytes of the line's snapshot."""
        return len(pickle.dumps(self._line))


def _detail(detail: str) -> str:
    """The kind of a rejection: its words without what stood in quotes, digits or paths."""
    words = detail.split(" - at ")[0].split(": ")[-1]
    stored = [word for word in words.split() if word.isascii() and word.isalpha()]
    return " ".join(stored[:7])


def _iso(ms: int) -> bytes:
    import datetime

    return datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


class _Hand:
    """A clock that stands where it was put."""

    speed = 1.0

    def __init__(self, now_ns: int) -> None:
        self.now = now_ns

    def now_ns(self) -> int:
        return self.now


class _Outlet:
    def __init__(self) -> None:
        self.count = 0

    def put(self, message: Message) -> None:
        self.count += 1
        decode_envelope(message.envelope)


class Doors:
    """A recorder's doors without sockets: what they do with a frame before and after it is published."""

    def __init__(self, seeds: Seeds, random: Random) -> None:
        self._random = random
        self._clock = _Hand(NOW_MS * _MS)
        self._feeds = Feeds()
        outlet = _Outlet()
        self._writer = FeedWriter("r", "sim", self._clock, outlet)
        self._watch = FeedWatch(Checks(), 20.0, 5.0)
        gamma = msgspec.json.decode(seeds.market)
        self._tokens = tuple(msgspec.json.decode(gamma["clobTokenIds"]))
        self._serving = dict.fromkeys(self._tokens, "p")
        self._watch.listed("BTC", self._tokens, START_S * 10**9, (START_S + 300) * 10**9)
        self._coinbase = CoinbaseDoor(self._feeds, self._writer, self._clock, "ws://x", self._watch)
        channel = MarketChannel(self._feeds, self._writer, self._clock, "ws://x", observer=self._watch)
        self._shard = Shard(channel._rules, self._writer, self._clock, channel.pulse, self._watch)
        self.frames = 0
        self.faults: Counter[str] = Counter()
        self.seeds = seeds

    @property
    def undecodable(self) -> int:
        """Frames that the watch could not decode."""
        return self._watch.bad

    def take(self, kind: str, frame: bytes) -> None:
        self.frames += 1
        self._clock.now += _MS
        t = self._clock.now
        if self.frames % 12 == 0:
            self._shard.admit(self.seeds.books, "p", t)
            self._watch.rest(self._tokens[0], self.seeds.kinds["rest"][0], t)
        try:
            if kind.startswith("coinbase"):
                self._coinbase.admit(frame, "c", t)
            else:
                self._shard.admit(frame, "p", t)
                self._watch.rest(self._tokens[self.frames % 2], frame, t)
            if self.frames % 7 == 0:
                self._watch.judge(t, self._serving)
        except LinkFault as cause:
            self.faults[str(cause).split(" ")[0][:20]] += 1
            self._coinbase.closed("c")
            self._coinbase._tracker = type(self._coinbase._tracker)()
            self._coinbase._level2_ns = t
        except Exception as cause:
            raise Broken(f"{type(cause).__name__} out of a door: {cause}", frame) from cause


class Markets:
    """The markets door over a transport that answers with mutated bodies."""

    def __init__(self, seeds: Seeds, random: Random) -> None:
        self._seeds = seeds
        self._random = random
        self._body = b""
        clock = _Hand((START_S + 1_000) * 10**9)
        clock.speed = 1e9
        writer = FeedWriter("r", "sim", clock, _Outlet())
        transport = httpx.MockTransport(self._answer)
        free = {"": (1e12, 10**9)}
        rests = [Rest(f"https://{name}", "fuzz", clock, transport, free) for name in ("gamma", "clob")]
        self._door = MarketsDoor(Feeds(), writer, clock, _wanted, rests[0], rests[1], self._listed)
        self.frames = 0
        self.outcomes: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        unquote(str(request.url))
        return httpx.Response(200, content=self._body)

    def _listed(self, window: object, tokens: tuple[str, ...], terms: object) -> None:
        self.outcomes["listed"] += 1

    def take(self, kind: str, frame: bytes) -> None:
        self._loop.run_until_complete(self._take(kind, frame))

    async def _take(self, kind: str, frame: bytes) -> None:
        self.frames += 1
        self._body = frame
        each = FollowedWindow(window("BTC", "5m", START_S // 300 * 300))
        try:
            if kind == "clob":
                each.condition = "0xc0"
                await self._door._ask_clob(each)
            else:
                await self._door._ask(each)
        except Exception as cause:
            raise Broken(f"{type(cause).__name__} out of the markets door: {cause}", frame) from cause
        self.outcomes[
            "resolved" if each.resolved_at is not None else "published" if each.gamma or each.clob else "refused"
        ] += 1


async def _wanted(tokens: list[str]) -> None:
    return None


class Decoders:
    """Readers of our own bytes: a value of the declared type, or the declared exception."""

    def __init__(self) -> None:
        self.frames = 0
        self.decoded = 0
        self.refused: Counter[str] = Counter()

    def take(self, kind: str, frame: bytes) -> None:
        self.frames += 1
        try:
            if kind == "own":
                own = decode_own(frame)
                if own is not None and decode_own(encode_own(own)) != own:
                    raise Broken("a record of ours that does not come back", frame)
            elif kind == "envelope":
                envelope = decode_envelope(frame)
                if decode_envelope(envelope.encode()) != envelope:
                    raise Broken("an envelope that does not come back", frame)
            else:
                event = decode_event(frame)
                if decode_event(msgspec.json.encode(event)) != event:
                    raise Broken("an event that does not come back", frame)
            self.decoded += 1
        except Broken:
            raise
        except (msgspec.DecodeError, ValueError) as cause:
            self.refused[type(cause).__name__] += 1
        except Exception as cause:
            raise Broken(f"{type(cause).__name__} out of a decoder: {cause}", frame) from cause


class Order:
    """Runs of a few records, some with broken envelopes or ticks, through the merge and the line."""

    def __init__(self, seeds: Seeds, random: Random) -> None:
        self._seeds = seeds
        self._random = random
        self._batch: list[tuple[str, bytes]] = []
        self.frames = 0
        self.lost = 0

    def take(self, kind: str, frame: bytes) -> None:
        self.frames += 1
        self._batch.append((kind, frame))
        if len(self._batch) == 20:
            batch, self._batch = self._batch, []
            self._run(batch)

    def _run(self, batch: list[tuple[str, bytes]]) -> None:
        merge, line = FeedMerge(), MarketLine(bounds_of(Checks()), "main")
        given = 0
        offsets: Counter[str] = Counter()
        seq = 0
        for kind, frame in batch:
            for broken in (False, True):
                topic = FEEDS[int(self._random.random() * 4)]
                envelope = Envelope(NOW_MS * _MS + seq, "r000", seq, "c", seq).encode()
                value = self._seeds.books if topic == FEED_POLYMARKET else self._seeds.market
                if broken and kind == "envelope":
                    envelope = frame
                elif broken:
                    topic, value = FEED_CLOCK, frame
                merge.offer(Stored(topic, 0, offsets[topic], "", value, 0, envelope=envelope))
                offsets[topic] += 1
                given += 1
                seq += 1
        for topic in merge.next_offsets():
            merge.exhaust(topic)
        journal = made = 0
        try:
            for record in merge.drain(10_000):
                if isinstance(record, Lost):
                    self.lost += 1
                else:
                    made += 1
                for out in line.advance(record):
                    if isinstance(out, Message) and out.topic == JOURNAL:
                        if out.ordinal != journal:
                            raise Broken("a gap in the journal", batch[0][1])
                        journal += 1
        except Broken:
            raise
        except Exception as cause:
            raise Broken(
                f"{type(cause).__name__} out of the merge: {cause}", b"\n".join(each for _, each in batch)
            ) from cause
        if given != made + merge.stats["duplicates"] + merge.stats["strays"]:
            raise Broken("records without a place", b"\n".join(each for _, each in batch))
