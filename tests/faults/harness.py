"""The simulated exchange, its faults and the two doors in one process, without sockets: what a recorder would have
written, as fast as it can be computed.

``play`` steps the core through the real gateway and fault stage, models what the doors do (dial, subscribe, answer to
silence, gaps and cuts with a new connection, keep away while they are refused), and writes through the real
``FeedWriter``. A frame is received ``latency`` after it was sent. Two runs with the same arguments are the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import msgspec

from connectors.clock import NS
from connectors.coinbase.door import SILENCE_S, SequenceTracker, sequence_number, subscriptions
from connectors.coinbase.fields import check_frame
from connectors.control_text import control_text
from connectors.polymarket.channel import first_frame, operation
from connectors.polymarket.definitions import Definitions
from connectors.polymarket.markets import CLOB_AFTER_S, CONFIRM_S, clob_fingerprint, gamma_fingerprint, token_ids
from connectors.polymarket.watch import FeedWatch
from connectors.recorder.link import MAX_FRAME, Backoff
from connectors.recorder.ticks import ClockDoor
from connectors.recorder.writer import FeedWriter, Line
from connectors.simulator.emission import Venue
from connectors.simulator.exchange import Exchange, ExchangeParameters
from connectors.simulator.faults.timeline import Timeline
from connectors.simulator.faults.truth import Injected, Session, Truth
from connectors.simulator.gateway import Gateway
from models.markers import Notice
from models.message import Message, Stored
from models.settings import Checks, Feeds
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET
from tests.faults.guard import Guard

START: Final = 1_795_000_200 - 1_795_000_200 % 900 + 30  # half a minute into a window of each horizon
LATENCY_NS: Final = 15_000_000
QUICK: Final = ExchangeParameters(horizons=("5m",), frames_per_s=4.0, resolution_delay_s=5.0)


class Captured:
    """An outlet that keeps what it gets."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def put(self, message: Message) -> None:
        self.messages.append(message)


class HandClock:
    """A clock that stands until it is set."""

    speed = 1.0

    def __init__(self, now_ns: int) -> None:
        self.now = now_ns

    def now_ns(self) -> int:
        return self.now


@dataclass
class Reception:
    """A frame that the recorder took: which of a session's, when it was sent, and its place in the feeds."""

    session: str
    number: int
    sent_ns: int
    recv_ns: int
    seq: int


@dataclass
class Played:
    """A run: its records in the recorder's order, and the truth behind them."""

    records: list[Stored]
    truth: Truth
    core: Exchange
    start_ns: int
    end_ns: int
    receptions: list[Reception] = field(default_factory=list)
    unread: dict[str, int] = field(default_factory=dict)  # session -> frames sent that its client never took
    asked: int = 0  # books that were asked for by REST

    @property
    def injected(self) -> list[Injected]:
        return list(self.truth.injected)

    def of_topic(self, topic: str) -> list[Stored]:
        return [record for record in self.records if record.topic == topic]


def play(
    timeline: Timeline | None = None,
    seconds: float = 60.0,
    parameters: ExchangeParameters = QUICK,
    *,
    start: int = START,
    feeds: Feeds | None = None,
    latency_ns: int = LATENCY_NS,
    seed: int = 0,
    checks: Checks | None = None,
) -> Played:
    """Run exchange, faults and doors for ``seconds`` of simulated time from Unix second ``start`` on. ``seed``: of the
    doors' back-off. ``checks``: the bounds of a guard that compares with REST; None = there is none."""
    chosen = feeds or Feeds(assets=list(parameters.assets), horizons=list(parameters.horizons))
    return _Run(timeline, parameters, start, chosen, latency_ns, seed, checks).run(round(start * NS + seconds * NS))


class _Run:
    """The loop: the exchange's step, then what the doors make of it."""

    def __init__(
        self,
        timeline: Timeline | None,
        parameters: ExchangeParameters,
        start: int,
        feeds: Feeds,
        latency: int,
        seed: int,
        checks: Checks | None,
    ) -> None:
        self.core = Exchange(parameters, start)
        self.truth = Truth(self.core, most=None, books=True)
        self.gateway = Gateway(self.core, self, timeline, self.truth)
        self.clock = HandClock(self.core.now_ns)
        self.outlet = Captured()
        self.writer = FeedWriter("run", "sim", self.clock, self.outlet)
        self.ticks = ClockDoor(feeds.clock_ms, self.writer, self.clock)
        self.latency = latency
        self.receptions: list[Reception] = []
        self.unread: dict[str, int] = {}
        self._tick_ns = feeds.clock_ms * 1_000_000
        self.guard = Guard(feeds, checks, self.writer, self._rest_book) if checks is not None else None
        self._wire: list[tuple[Session, bytes | None, int, str]] = []  # frame, or None and why the connection ended
        self.polymarket = _Polymarket(self, feeds, Random(f"{seed}/polymarket"))
        self.coinbase = _Coinbase(self, feeds, Random(f"{seed}/coinbase"))
        self.markets = _Markets(self, feeds)

    def run(self, end_ns: int) -> Played:
        core, clock = self.core, self.clock
        begin = core.now_ns
        assert self.truth.books is not None
        self.truth.books.note(core)
        self.writer.start()
        next_tick = begin // self._tick_ns * self._tick_ns + self._tick_ns
        self.markets.look()
        self._settle()
        while core.now_ns < end_ns:
            self.gateway.step()
            self.truth.books.note(core)
            clock.now = max(clock.now, core.now_ns)
            while next_tick <= core.now_ns:
                self.ticks.tick()
                if self.guard is not None:
                    self.guard.watch.tick(self.clock.now)
                next_tick += self._tick_ns
            self._settle()
            if core.part == core.given.steps_per_s:
                self.markets.look()
                self._settle()
        self.writer.end()
        asked = self.guard.asked if self.guard is not None else 0
        records = _stored(self.outlet.messages)
        return Played(records, self.truth, core, begin, end_ns, self.receptions, self.unread, asked)

    def _settle(self) -> None:
        """Receive what is on its way, and let the doors do what time asks of them."""
        if self._wire:
            self._receive()
        for door in (self.polymarket, self.coinbase):
            door.watch()
            if self._wire:
                self._receive()
        if self.guard is not None:
            self.guard.look(self.clock.now, self.polymarket, self.coinbase)
            self._receive()

    def _rest_book(self, token: str) -> bytes | None:
        """What REST says of a token now: the truth, unless a fault lies or refuses."""
        now = self.core.now_ns
        found = self.core.by_token.get(token)
        if found is None or not self.markets.answers_now("clob", now / NS):
            return None
        if self.gateway.faults.http_status("clob", now) is not None:
            return None
        return self.gateway.faults.rest_book(token) or found[0].rest_book(found[1])

    def _receive(self) -> None:
        while self._wire:
            wire, self._wire = self._wire, []
            for session, frame, number, why in wire:
                self.clock.now = max(self.clock.now, self.core.now_ns + self.latency)
                door = self.polymarket if session.venue == "polymarket" else self.coinbase
                if door.session is session:
                    if frame is None:
                        door.over(why)
                    else:
                        door.receive(frame, number)
                elif frame is not None:  # it was on its way when the client left
                    self.unread[session.id] = self.unread.get(session.id, 0) + 1

    # the gateway's carrier

    def deliver(self, session: Session, frame: bytes) -> bool:
        self._wire.append((session, frame, session.sent, ""))
        return True

    def cut(self, session: Session, frame: bytes) -> None:
        self._wire.append((session, None, 0, "closed by the server: without a word"))

    def close(self, session: Session, code: int, why: str) -> None:
        said = f"{code} {why}".strip() if code else "without a word"
        self._wire.append((session, None, 0, f"closed by the server: {said}"))


class _Door:
    """What both WebSocket doors do: dial, greet, keep watch, and come back."""

    venue: Venue
    topic: str
    settled_s: Final = 30.0

    def __init__(self, run: _Run, feeds: Feeds, rng: Random, silence_s: float) -> None:
        self.run = run
        self.session: Session | None = None
        self.line: Line | None = None
        self._silence_ns = round(silence_s * NS)
        self._backoff = Backoff(feeds.backoff_min_s, feeds.backoff_max_s, rng.uniform)
        self._dial_ns = 0
        self._last_data_ns = 0
        self._begun_ns = 0

    @property
    def now(self) -> int:
        return self.run.clock.now

    def wanted(self) -> bool:
        return True

    def greet(self) -> str:
        raise NotImplementedError

    def admit(self, frame: bytes) -> str:
        """Why the connection cannot be trusted any more, or ""."""
        raise NotImplementedError

    def observe(self, watch: FeedWatch, frame: bytes) -> None:
        """Let the guard's watch see a frame."""
        raise NotImplementedError

    def notice(self, state: Any, why: str, frames: int = 0) -> None:
        assert self.line is not None
        self.run.writer.notice(self.topic, Notice(self.line.conn, state, why, frames))

    def watch(self) -> None:
        """Dial when it is time, give up what is silent."""
        if self.session is None:
            if self.wanted() and self.now >= self._dial_ns:
                self._dial()
        elif not self.wanted():
            self._last_data_ns = self.now
        elif self.now - self._last_data_ns > self._silence_ns:
            silent = (self.now - self._last_data_ns) / NS
            self.give_up(f"no data for {silent:.1f} s although the connection is open")

    def _dial(self) -> None:
        self.line = self.run.writer.line(self.venue)
        self._begun_ns = self.now
        self.notice("connecting", "")
        session = self.run.gateway.open(self.venue)
        if session is None:
            self._ended("refused", "ConnectionRefusedError: refused")
            return
        session.conn = self.line.conn
        self.session = session
        self._last_data_ns = self.now
        self.notice("connected", "")
        self.notice("subscribed", self.greet())

    def receive(self, frame: bytes, number: int) -> None:
        """Frame ``number`` of the session."""
        assert self.line is not None and self.session is not None
        if len(frame) > MAX_FRAME:
            self.run.unread[self.session.id] = self.run.unread.get(self.session.id, 0) + 1
            self.give_up("closed by the server: 1009 frame exceeds limit")
            return
        self._last_data_ns = self.now
        if self.run.guard is not None:
            self.observe(self.run.guard.watch, frame)
        envelope = self.line.publish(self.topic, frame, recv_ns=self.now)
        sent = self.run.core.now_ns
        self.run.receptions.append(Reception(self.session.id, number, sent, envelope.recv_ns, envelope.seq))
        wrong = self.admit(frame)
        if wrong:
            self.give_up(wrong)

    def give_up(self, why: str) -> None:
        assert self.session is not None
        self.run.gateway.close(self.session, "the client left")
        self.over(why)

    def give_up_on(self, conn: str, why: str) -> None:
        """Give the connection ``conn`` up, if it still stands."""
        if self.session is not None and self.session.conn == conn:
            self.give_up(why)

    def over(self, why: str) -> None:
        """The connection is gone."""
        if self.run.guard is not None and self.session is not None:
            self.run.guard.watch.closed(self.session.conn)
        self.session = None
        self._ended("disconnected", why)

    def _ended(self, state: str, why: str) -> None:
        assert self.line is not None
        self.notice(state, why, self.line.n)
        if (self.now - self._begun_ns) / NS > self.settled_s:
            self._backoff.reset()
        self._dial_ns = self.now + round(self._backoff.next() * NS)


class _Polymarket(_Door):
    venue: Venue = "polymarket"
    topic = FEED_POLYMARKET

    def __init__(self, run: _Run, feeds: Feeds, rng: Random) -> None:
        super().__init__(run, feeds, rng, feeds.silence_s)
        self.tokens: dict[str, None] = {}

    def wanted(self) -> bool:
        return bool(self.tokens)

    def greet(self) -> str:
        assert self.session is not None
        self.run.gateway.hear(self.session, first_frame(list(self.tokens)))
        return f"{len(self.tokens)} tokens"

    def admit(self, frame: bytes) -> str:
        return ""

    def observe(self, watch: FeedWatch, frame: bytes) -> None:
        assert self.line is not None
        watch.polymarket(self.line.conn, frame, self.now)

    def serving(self) -> dict[str, str]:
        """The standing connection by token."""
        return dict.fromkeys(self.tokens, self.session.conn) if self.session is not None else {}

    def renew(self, tokens: tuple[str, ...]) -> None:
        """Subscribe anew to those of ``tokens`` that are served."""
        mine = [token for token in tokens if token in self.tokens]
        if mine and self.session is not None:
            self.run.gateway.hear(self.session, operation("unsubscribe", mine))
            self.run.gateway.hear(self.session, operation("subscribe", mine))

    def want(self, tokens: list[str]) -> None:
        gone = [token for token in self.tokens if token not in tokens]
        fresh = [token for token in tokens if token not in self.tokens]
        self.tokens = dict.fromkeys([token for token in self.tokens if token not in gone] + fresh)
        for kind, several in (("unsubscribe", gone), ("subscribe", fresh)):
            if several and self.session is not None:
                self.run.gateway.hear(self.session, operation(kind, several))


class _Coinbase(_Door):
    venue: Venue = "coinbase"
    topic = FEED_COINBASE

    def __init__(self, run: _Run, feeds: Feeds, rng: Random) -> None:
        super().__init__(run, feeds, rng, min(SILENCE_S, feeds.silence_s))
        self._products = [f"{asset}-USD" for asset in feeds.assets]
        self._tracker = SequenceTracker()

    def observe(self, watch: FeedWatch, frame: bytes) -> None:
        assert self.line is not None
        watch.coinbase(self.line.conn, frame, self.now)

    def greet(self) -> str:
        assert self.session is not None
        self._tracker = SequenceTracker()
        for message in subscriptions(self._products):
            self.run.gateway.hear(self.session, message)
        return ", ".join(self._products)

    def admit(self, frame: bytes) -> str:
        wrong = self._tracker.follow(sequence_number(frame))
        if not wrong and frame.startswith(b'{"type":"error"'):
            wrong = "the exchange answered with an error"
        if not wrong and control_text(frame) is None:
            try:
                check_frame(frame)
            except (msgspec.DecodeError, ValueError, OverflowError, RecursionError) as cause:
                wrong = f"a frame that cannot be read: {cause}"
        return wrong


class _Markets:
    """The markets door: each market is asked for once a second and published when something that matters changed."""

    def __init__(self, run: _Run, feeds: Feeds) -> None:
        self.run = run
        self._ahead_s = feeds.ahead_s
        self._gamma_line = run.writer.line("gamma")
        self._clob_line = run.writer.line("clob")
        self._marks: dict[tuple[str, str], Any] = {}
        self._known = Definitions()
        self._resolved: dict[str, float] = {}  # when the flow had a payout
        self._settled: dict[str, float] = {}  # when that was Gamma's own
        self._tokens: dict[str, tuple[str, ...]] = {}
        self._healthy = {"gamma": True, "clob": True}
        self._resume = {"gamma": 0.0, "clob": 0.0}
        self._asked: dict[str, tuple[Any, ...]] = {}

    def look(self) -> None:
        """Ask for every market of now, then say which tokens are wanted."""
        core = self.run.core
        now = core.now_ns / NS
        self.run.clock.now = max(self.run.clock.now, core.now_ns + self.run.latency)
        wanted: list[str] = []
        for slug, market in core.markets.items():
            window = market.window
            if window.start - now > self._ahead_s + 60 or now > window.end + 3 * 3600:
                continue
            if slug not in self._settled or self._settled[slug] + CONFIRM_S == now:
                self._ask_gamma(slug, now)
                if slug not in self._resolved and now > window.end + CLOB_AFTER_S:
                    self._ask_clob(slug, now)
            until = self._resolved.get(slug, math.inf) + 120
            if window.start - self._ahead_s <= now < min(until, window.end + 900):
                wanted.extend(self._tokens.get(slug, ()))
        self.run.polymarket.want(wanted)

    def _ask_gamma(self, slug: str, now: float) -> None:
        market = self.run.core.markets[slug]
        shows = now >= market.window.start + 3
        said = market.resolved_ns, market.up_won, market.resolution.proposed_up
        state = (market.fair.strike, said, market.tick, market.open, shows)
        if self._asked.get(slug) == state or not self._answers("gamma", now):
            return  # nothing that matters can have changed
        self._asked[slug] = state
        body = market.gamma(self.run.core.now_ns)
        found = msgspec.json.decode(body)
        tokens = self._tokens[slug] = token_ids(found)
        self._publish("gamma", slug, gamma_fingerprint(found), body, now)
        if self.run.guard is not None:
            window, terms = market.window, self._known.terms(tokens[0])
            self.run.guard.watch.listed(window.asset, tokens, window.start * NS, window.end * NS, terms)

    def _ask_clob(self, slug: str, now: float) -> None:
        if not self._answers("clob", now):
            return
        body = self.run.core.markets[slug].clob()
        self._publish("clob", slug, clob_fingerprint(msgspec.json.decode(body)), body, now)

    def _publish(self, host: str, slug: str, mark: Any, body: bytes, now: float) -> None:
        if self._marks.get((host, slug)) == mark:
            return
        self._marks[host, slug] = mark
        line = self._gamma_line if host == "gamma" else self._clob_line
        line.publish(FEED_MARKETS, body, key=slug, recv_ns=self.run.clock.now)
        learnt = self._known.learn(body)
        if learnt is not None and learnt[0].market.payout_up is not None:
            self._resolved.setdefault(slug, now)
            if learnt[0].truth_by == "gamma":
                self._settled.setdefault(slug, now)

    def answers_now(self, host: str, now: float) -> bool:
        """Whether the host may be asked: it is left alone for as long as it wished."""
        return now >= self._resume[host]

    def _answers(self, host: Any, now: float) -> bool:
        """Whether the host gives an answer; it is left alone for as long as it asked."""
        if not self.answers_now(host, now):
            return False
        line = self._gamma_line if host == "gamma" else self._clob_line
        refused = self.run.gateway.faults.http_status(host, self.run.core.now_ns)
        if refused is not None:
            status, wait = refused
            self._resume[host] = now + wait
            if self._healthy[host]:
                why = f"HTTP {status}, again in {wait:g} s"
                self.run.writer.notice(FEED_MARKETS, Notice(line.conn, "refused", why))
            self._healthy[host] = False
            return False
        if not self._healthy[host]:
            self.run.writer.notice(FEED_MARKETS, Notice(line.conn, "connected", f"{host} answers again", line.n))
        self._healthy[host] = True
        return True


def _stored(messages: list[Message]) -> list[Stored]:
    """The messages as a reader of the topics gets them, in the recorder's order."""
    offsets: dict[str, Iterator[int]] = {}
    counter: Callable[[str], int] = lambda topic: next(offsets.setdefault(topic, iter(range(1 << 60))))  # noqa: E731
    return [
        Stored(each.topic, 0, counter(each.topic), each.key, each.value, each.t_ns, envelope=each.envelope)
        for each in messages
    ]
