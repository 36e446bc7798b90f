"""A recording of the simulated exchange without sockets: the recorder's own doors, called instead of connected.

Exchange, protocols, doors, numbering and stamps are those of a run over sockets. What stands in for the network is a
fixed ``LATENCY_NS`` between what the exchange does and its receipt, and a fixed order of what happens at one moment:
clock tick, the exchange's step, the markets door's round, the guard's look. Over sockets, that moment is a matter of
scheduling: so receive times, and with them what a snapshot that was asked for shows, differ from run to run there, and
the frames in between do not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from connectors.clock import NS, FeedClock
from connectors.coinbase.door import CoinbaseDoor
from connectors.polymarket.channel import MarketChannel
from connectors.polymarket.markets import MarketsDoor
from connectors.recorder.guard import FeedGuard
from connectors.recorder.link import FeedAdapter, LinkFault, LinkRules
from connectors.recorder.pulse import ModulePulse
from connectors.recorder.ticks import ClockDoor
from connectors.recorder.writer import FeedWriter, Line, Outlet
from connectors.simulator.answers import CalledClob, CalledGamma
from connectors.simulator.emission import Venue
from connectors.simulator.exchange import Exchange, ExchangeParameters
from connectors.simulator.faults.truth import Session
from connectors.simulator.gateway import Gateway
from models.markers import Notice
from models.settings import Checks, Feeds

LATENCY_NS: Final = 15_000_000
LOOK_NS: Final = 500_000_000
ROUND_NS: Final = NS
_VENUES: Final[dict[str, Venue]] = {"polymarket": "polymarket", "coinbase": "coinbase"}
Watch = Callable[[Exchange], None]
_TURNS: Final = 4  # of the event loop until what was asked of a door has come about


class SteppedClock:
    """A feed's time that stands where it was set, in Unix nanoseconds."""

    speed = 1.0

    def __init__(self, t_ns: int) -> None:
        self.t_ns = t_ns

    def now_ns(self) -> int:
        return self.t_ns


class DirectRecording:
    """The exchange from Unix second ``start`` on, and what a recorder run of it hands to ``outlet``.

    ``guarded``: with the recorder's guard, which compares books with REST and doubts what is silent. ``watch``: shown
    the exchange after each step. The run's first second is the exchange's."""

    def __init__(
        self,
        given: ExchangeParameters,
        start: int,
        feeds: Feeds,
        outlet: Outlet,
        run: str,
        checks: Checks | None = None,
        guarded: bool = True,
        watch: Watch | None = None,
    ) -> None:
        feeds = feeds.model_copy(update={"assets": list(given.assets), "horizons": list(given.horizons)})
        self.core = Exchange(given, start)
        self.clock = SteppedClock(self.core.now_ns + LATENCY_NS)
        self.gateway = Gateway(self.core, self)
        self.writer = FeedWriter(run, "sim", self.clock, outlet)
        clob = CalledClob(self.core)
        self.unsettled = False  # whether a connection's task has something to do
        self._watch = watch
        self._links: dict[str, CalledLink] = {}
        self.ticks = ClockDoor(feeds.clock_ms, self.writer, self.clock)
        self._guard = FeedGuard(feeds, checks or Checks(), self.writer, self.clock, clob) if guarded else None
        observer = self._guard.watch if self._guard is not None else None
        if observer is not None:
            self.ticks.on_tick = observer.tick
        self.channel = MarketChannel(feeds, self.writer, self.clock, observer=observer, dial=self._dial)
        self.markets = MarketsDoor(
            feeds,
            self.writer,
            self.clock,
            self.channel.want,
            CalledGamma(self.core),
            clob,
            *((self._guard.listed,) if self._guard is not None else ()),
        )
        self.coinbase = CoinbaseDoor(feeds, self.writer, self.clock, observer=observer, dial=self._dial)
        self._every_ns = feeds.clock_ms * 1_000_000
        self._tick_ns = (self.core.now_ns // self._every_ns + 1) * self._every_ns
        self._round_ns = self.core.now_ns
        self._look_ns = self.core.now_ns + LOOK_NS

    async def run(self, until: int, each_second: Callable[[int], bool | None] = lambda second: None) -> None:
        """Record up to Unix second ``until``, with the markers of a run. ``each_second`` is called as it goes; False
        from it ends the recording there."""
        self.writer.start()
        coinbase = asyncio.create_task(self.coinbase.run())
        try:
            await self._settle()
            await self._rounds()
            while self.core.now_ns < until * NS:
                await self.step()
                if self.core.now_ns % NS == 0:
                    if each_second(self.core.now_ns // NS) is False:
                        break
                    if coinbase.done():
                        coinbase.result()
        finally:
            coinbase.cancel()
            await asyncio.gather(coinbase, return_exceptions=True)
            await self.channel.close()
        self.writer.end()

    async def step(self) -> None:
        """One step of the exchange, and what the doors do by then."""
        core, clock = self.core, self.clock
        due = core.next_ns
        while self._tick_ns <= due:
            clock.t_ns = max(clock.t_ns, self._tick_ns)
            self.ticks.tick()
            self._tick_ns += self._every_ns
        clock.t_ns = max(clock.t_ns, due + LATENCY_NS)
        self.gateway.step()
        if self._watch is not None:
            self._watch(core)
        if core.now_ns >= self._round_ns:
            await self._rounds()
        if self._guard is not None and core.now_ns >= self._look_ns:
            self._look_ns += LOOK_NS
            await self._guard.look(self.channel, self.coinbase)
            await self._guard.answered()
            await self._settle()

    async def _rounds(self) -> None:
        self._round_ns += ROUND_NS
        await self.markets.round()
        await self._settle()

    async def _settle(self) -> None:
        """Let connections that were begun or ended have their turns; they wait for nothing outside."""
        while self.unsettled:
            self.unsettled = False
            for _ in range(_TURNS):
                await asyncio.sleep(0)

    # -- connections --------------------------------------------------------------------------------------------------

    def _dial(
        self,
        name: str,
        topic: str,
        rules: LinkRules,
        protocol: FeedAdapter,
        writer: FeedWriter,
        clock: FeedClock,
        pulse: ModulePulse,
    ) -> CalledLink:
        self.unsettled = True
        return CalledLink(name, topic, rules, protocol, self, pulse)

    def connect(self, link: CalledLink, venue: Venue) -> Session:
        """A session of the exchange whose frames go to ``link``."""
        session = self.gateway.open(venue)
        assert session is not None  # without faults it refuses nobody
        self._links[session.id] = link
        return session

    def hang_up(self, session: Session) -> None:
        """The client leaves."""
        self._links.pop(session.id, None)
        self.gateway.close(session, "the client left")

    # -- the gateway's carrier ----------------------------------------------------------------------------------------

    def deliver(self, session: Session, frame: bytes) -> bool:
        link = self._links.get(session.id)
        return link is not None and link.take(frame)

    def cut(self, session: Session, frame: bytes) -> None:
        """Never: there are no faults."""

    def close(self, session: Session, code: int, why: str) -> None:
        """Never: there are no faults."""


class _Greeting:
    """Collects what a door says first: it is heard when all of it is said, as over a socket."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def send(self, message: str, /) -> None:
        self.said.append(message)


class CalledLink:
    """A connection of a door that is a call. The next one follows a broken one at once."""

    def __init__(
        self,
        name: str,
        topic: str,
        rules: LinkRules,
        protocol: FeedAdapter,
        recording: DirectRecording,
        pulse: ModulePulse,
    ) -> None:
        self._name = name
        self._topic = topic
        self._rules = rules
        self._protocol = protocol
        self._recording = recording
        self._pulse = pulse
        self._line: Line | None = None
        self._session: Session | None = None
        self._greeted = False
        self._over = asyncio.Event()
        self._why = ""

    @property
    def conn(self) -> str:
        """Id of the connection that stands and was greeted; empty without one."""
        return self._line.conn if self._greeted and self._line is not None else ""

    async def run(self) -> None:
        """Ends only by cancellation."""
        while True:
            await self._protocol.ready()
            line = self._line = self._recording.writer.line(self._name)
            self._over.clear()
            self._notice(line, "connecting", self._rules.url)
            session = self._session = self._recording.connect(self, _VENUES[self._name])
            self._notice(line, "connected", "")
            try:
                greeting = _Greeting()
                asked = await self._protocol.greet(greeting)
                self._greeted = True
                self._notice(line, "subscribed", asked)
                for message in greeting.said:
                    self._recording.gateway.hear(session, message)
                await self._over.wait()
            except asyncio.CancelledError:
                self._why = "the recorder ends"
                raise
            finally:
                self._greeted, self._session = False, None
                self._recording.hang_up(session)
                self._notice(line, "disconnected", self._why, line.n)
                self._protocol.closed(line.conn)
            self._pulse.count("reconnects")

    async def send(self, text: str) -> None:
        if self._greeted and self._session is not None:
            self._recording.gateway.hear(self._session, text)

    async def give_up(self, why: str) -> None:
        if self._session is not None:
            self._end(why)

    def take(self, frame: bytes) -> bool:
        """A frame from the exchange, received now; False where the connection is at its end."""
        line = self._line
        if self._session is None or line is None or self._over.is_set():
            return False
        now = self._recording.clock.t_ns
        line.publish(self._topic, frame, recv_ns=now)
        self._pulse.frame(len(frame), now)
        try:
            self._protocol.admit(frame, line.conn, now)
        except LinkFault as cause:
            self._end(str(cause))
        return True

    def _end(self, why: str) -> None:
        self._why = why
        self._over.set()
        self._recording.unsettled = True

    def _notice(self, line: Line, state: str, why: str, frames: int = 0) -> None:
        self._recording.writer.notice(self._topic, Notice(line.conn, state, why, frames))  # type: ignore[arg-type]
        self._pulse.count(state)
