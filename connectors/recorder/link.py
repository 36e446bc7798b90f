"""A WebSocket connection that comes back: the part every WebSocket door shares.

One ``Link`` keeps one connection up. It dials, lets the door greet the server, publishes each frame verbatim on
receipt, and watches two clocks: how long nothing useful came, and whether keep-alives are answered. Whatever ends
the connection is reported in the feed topic as a Notice, and the next dial waits a random part of a growing bound (full
jitter), so that many recorders do not return in step.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CloseCode

from connectors.clock import NS, FeedClock, patience, real_seconds, sleep
from connectors.recorder.pacing import RateLimiter
from connectors.recorder.pulse import ModulePulse
from connectors.recorder.writer import FeedWriter, Line
from models.markers import Notice

MAX_FRAME: Final = 24 * 1024 * 1024  # a full-depth Coinbase snapshot is several megabytes; Kafka takes 32
CLOSE_WAIT_S: Final = 0.3  # a frozen server does not answer the close; the recorder must end within 2 s
SETTLED_S: Final = 30.0  # a connection that lived this long starts the back-off anew
State = Literal["connecting", "connected", "subscribed", "disconnected", "refused"]


class LinkFault(Exception):
    """A reason of our own to give a connection up."""


@dataclass(frozen=True)
class LinkRules:
    """Bounds of one connection, in seconds of the feed's clock. ``ping_s`` 0: no text keep-alive."""

    url: str
    user_agent: str
    silence_s: float
    backoff_min_s: float
    backoff_max_s: float
    ping_s: float = 0.0
    pong_timeout_s: float = 0.0
    open_timeout_s: float = 10.0
    dials: RateLimiter | None = None  # shared by the connections to one host


class Hearer(Protocol):
    """What a greeting needs of a connection."""

    async def send(self, message: str, /) -> None: ...


class FeedAdapter(Protocol):
    """What a door knows of its exchange."""

    async def ready(self) -> None:
        """Returns when there is something to connect for."""
        ...

    async def greet(self, socket: Hearer) -> str:
        """Send the first messages; returns what was asked for, for the notice."""
        ...

    def admit(self, frame: bytes, conn: str, t: int) -> None:
        """Look at a frame that was just published, received at ``t`` (Unix ns). Raises LinkFault when the connection
        cannot be trusted any more, and nothing else, whatever the frame is."""
        ...

    def closed(self, conn: str) -> None:
        """The connection ended."""
        ...

    def expects_data(self) -> bool:
        """Whether silence is suspicious now."""
        ...


class DoorConnection(Protocol):
    """One connection of a door that comes back, whatever carries it: sockets (``Link``), or nothing but a call."""

    @property
    def conn(self) -> str:
        """Id of the connection that stands and was greeted; empty without one."""
        ...

    async def run(self) -> None:
        """Ends only by cancellation."""
        ...

    async def send(self, text: str) -> None:
        """Send on the standing connection; without one nothing happens."""
        ...

    async def give_up(self, why: str) -> None:
        """Close the standing connection; the next one follows by itself."""
        ...


class Dialler(Protocol):
    """Makes the connections of a door: name, feed topic, rules, what the door knows, where frames go, time, pulse."""

    def __call__(
        self,
        name: str,
        topic: str,
        rules: LinkRules,
        protocol: FeedAdapter,
        writer: FeedWriter,
        clock: FeedClock,
        pulse: ModulePulse,
        /,
    ) -> DoorConnection: ...


class Backoff:
    """Full-jitter exponential back-off in seconds: uniform in [0, min(most, least * 2 ** failures)]."""

    def __init__(self, least: float, most: float, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._least = least
        self._most = most
        self._uniform = uniform
        self.failures = 0

    def reset(self) -> None:
        self.failures = 0

    def next(self) -> float:
        """The wait before the next try; counts one more failure."""
        bound = min(self._most, self._least * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return self._uniform(0.0, bound)


class Link:
    """Keeps one connection of a door up until it is cancelled."""

    def __init__(
        self,
        name: str,
        topic: str,
        rules: LinkRules,
        protocol: FeedAdapter,
        writer: FeedWriter,
        clock: FeedClock,
        pulse: ModulePulse,
    ) -> None:
        self._name = name
        self._topic = topic
        self._rules = rules
        self._protocol = protocol
        self._writer = writer
        self._clock = clock
        self._pulse = pulse
        self._backoff = Backoff(rules.backoff_min_s, rules.backoff_max_s)
        self._socket: ClientConnection | None = None
        self._line: Line | None = None
        self._up_since_ns = 0
        self._last_data_ns = 0
        self._last_pong_ns = 0
        self._why = ""

    @property
    def conn(self) -> str:
        """Id of the connection that stands and was greeted; empty without one."""
        return self._line.conn if self._socket is not None and self._line is not None else ""

    @property
    def up_since_ns(self) -> int:
        """When the standing connection was made, feed clock."""
        return self._up_since_ns

    async def send(self, text: str) -> None:
        """Send on the standing connection; without one nothing happens, for the next greeting says it all."""
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):
                await self._socket.send(text)

    async def give_up(self, why: str) -> None:
        """Close the standing connection, for a reason that stands in the notice; the next one follows by itself."""
        if self._socket is not None:
            self._why = why
            await self._socket.close(1000)

    async def run(self) -> None:
        """Dial, read and come back for ever."""
        while True:
            await self._protocol.ready()
            if self._rules.dials is not None and await self._rules.dials.wait():
                self._pulse.count("paced_dials")
            line = self._line = self._writer.line(self._name)
            await self._live(line)
            self._pulse.count("reconnects")
            await sleep(self._clock, self._backoff.next())

    async def _live(self, line: Line) -> None:
        rules = self._rules
        started = self._clock.now_ns()
        connected = False
        self._why = "closed"
        self._notice(line, "connecting", rules.url)
        try:
            async with connect(
                rules.url,
                user_agent_header=rules.user_agent,
                compression=None,
                max_size=MAX_FRAME,
                max_queue=1024,
                ping_interval=None,
                open_timeout=patience(self._clock, rules.open_timeout_s, 5.0),
                close_timeout=CLOSE_WAIT_S,
            ) as socket:
                connected = True
                self._notice(line, "connected", "")
                self._last_data_ns = self._last_pong_ns = self._up_since_ns = self._clock.now_ns()
                # Reading goes on beside all else: what came before the end is published, also when the end came
                # while we were still asking.
                beside = [asyncio.create_task(self._greet(socket, line)), asyncio.create_task(self._watch(socket))]
                try:
                    await self._read(socket, line)
                finally:
                    self._socket = None
                    for task in beside:
                        task.cancel()
                    await asyncio.gather(*beside, return_exceptions=True)
        except ConnectionClosed as cause:
            if cause.sent is not None and cause.rcvd_then_sent is not True and self._why == "closed":
                self._why = self._protest(cause.sent.code, cause.sent.reason)
            elif self._why == "closed":
                self._why = f"closed by the server: {_close_reason(cause)}"
        except LinkFault as cause:
            self._why = str(cause)
        except (OSError, TimeoutError, EOFError, WebSocketException) as cause:
            self._why = f"{type(cause).__name__}: {cause}"
        except asyncio.CancelledError:
            self._why = "the recorder ends"
            raise
        finally:
            self._notice(line, "disconnected" if connected else "refused", self._why, line.n)
            self._protocol.closed(line.conn)
            self._pulse.note("waiting", self._why)
        if (self._clock.now_ns() - started) / NS > SETTLED_S:
            self._backoff.reset()

    async def _greet(self, socket: ClientConnection, line: Line) -> None:
        with contextlib.suppress(ConnectionClosed):  # the reader tells
            asked = await self._protocol.greet(socket)
            self._socket = socket
            self._notice(line, "subscribed", asked)

    async def _read(self, socket: ClientConnection, line: Line) -> None:
        topic, publish, admit, pulse, clock = self._topic, line.publish, self._protocol.admit, self._pulse, self._clock
        conn = line.conn
        while True:
            frame = await socket.recv(decode=False)
            now = clock.now_ns()
            if frame == b"PONG":  # the keep-alive's answer is transport, not data: counted, not published
                self._last_pong_ns = now
                pulse.count("pongs")
                continue
            self._last_data_ns = now
            publish(topic, frame, recv_ns=now)
            pulse.frame(len(frame), now)
            admit(frame, conn, now)

    async def _watch(self, socket: ClientConnection) -> None:
        """Ping, and close the connection when it is silent or does not answer."""
        rules, clock = self._rules, self._clock
        silence = patience(clock, rules.silence_s)
        pong = patience(clock, rules.pong_timeout_s)
        ping = real_seconds(clock, rules.ping_s)
        if ping and clock.speed > 1:
            ping = max(ping, 0.2)
        look = min(silence / 4, ping / 2 if ping else silence / 4, 1.0)
        since_ping = ping
        while True:
            if ping and since_ping >= ping:
                with contextlib.suppress(ConnectionClosed):
                    await socket.send("PING")
                since_ping = 0.0
            await asyncio.sleep(look)
            since_ping += look
            now = clock.now_ns()
            if not self._protocol.expects_data():
                self._last_data_ns = now
            if real_seconds(clock, (now - self._last_data_ns) / NS) > silence:
                self._why = f"no data for {(now - self._last_data_ns) / NS:.1f} s although the connection is open"
                self._pulse.count("silences")
            elif ping and real_seconds(clock, (now - self._last_pong_ns) / NS) > pong:
                self._why = f"no PONG for {(now - self._last_pong_ns) / NS:.1f} s"
                self._pulse.count("pong_timeouts")
            else:
                continue
            await socket.close(1000)
            return

    def _protest(self, code: int, reason: str) -> str:
        """We ended the connection ourselves, over what came."""
        self._pulse.count("oversized" if code == CloseCode.MESSAGE_TOO_BIG else "protocol_errors")
        if code == CloseCode.MESSAGE_TOO_BIG:
            return f"{code} a frame of more than {MAX_FRAME // 1024 // 1024} MiB"
        return f"{code} {reason}".strip()

    def _notice(self, line: Line, state: State, why: str, frames: int = 0) -> None:
        self._writer.notice(self._topic, Notice(line.conn, state, why, frames))
        self._pulse.count(state)


def _close_reason(cause: ConnectionClosed) -> str:
    if cause.rcvd is None:
        return "without a word"
    return f"{cause.rcvd.code} {cause.rcvd.reason}".strip()
