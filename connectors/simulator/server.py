"""The simulated exchange's servers: they carry what the gateway sends, at the pace of the simulated clock.

Three ports on the loopback address: Polymarket's market channel and Coinbase's feed over WebSocket, and Gamma and
CLOB over HTTP. A client cannot tell them from the real ones; ``/sim/clock`` tells the recorder the simulated time,
``/sim/truth`` what was sent and what went wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any, Final

import uvicorn
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from connectors.clock import NS, ScaledClock
from connectors.listening import listen
from connectors.simulator.addresses import Urls
from connectors.simulator.emission import Emission, Venue
from connectors.simulator.exchange import Exchange, ExchangeParameters
from connectors.simulator.faults.stage import FaultStage
from connectors.simulator.faults.timeline import KINDS, Timeline, make_fault
from connectors.simulator.faults.truth import Session, Truth
from connectors.simulator.gateway import Gateway
from connectors.simulator.rest import http_app
from connectors.simulator.standing import ExchangeStanding
from connectors.simulator.tally import ExchangeTally

BURST: Final = 8  # grid steps without a look at the sockets while the core catches up
SLIP_REAL_S: Final = 0.1  # at a raised speed, time slips when the core is this far behind
SLOW_BYTES: Final = 64 * 1024 * 1024  # a client this far behind is sent away, as on the real exchange
VENUES: Final[tuple[Venue, Venue]] = ("polymarket", "coinbase")
FOR_GOOD_S: Final = 1e9


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class SimulatedExchange:
    """The core and its servers. ``start`` of simulated time is a Unix second; None = now. ``timeline``: the faults of
    the run; more can be put to work by hand. ``truth_file``: where the frames sent are counted so that the counts
    outlive the process (``tally``). ``before``: where the exchange stood that it goes on from."""

    def __init__(
        self,
        given: ExchangeParameters,
        speed: float = 1.0,
        start: int | None = None,
        host: str = "127.0.0.1",
        ports: tuple[int, int, int] = (0, 0, 0),
        timeline: Timeline | None = None,
        truth_file: Path | None = None,
        before: ExchangeStanding | None = None,
    ) -> None:
        self.behind_s = 0.0
        self.slipped_s = 0.0
        self._host = host
        self._ports = ports
        real = self.born_ns = time.time_ns()  # tells one exchange from its successor
        first = real // NS if start is None else start
        self.clock = ScaledClock(first * NS if start is None else real, first * NS, speed)
        self.core = Exchange(given, first, before)
        self.gateway = Gateway(self.core, self, timeline)
        self._tally = None if truth_file is None else ExchangeTally(truth_file, str(self.born_ns))
        self._sockets: dict[str, ServerConnection] = {}
        self._outgoing: dict[str, tuple[Session, list[bytes]]] = {}  # by session, between two looks at the sockets
        self._servers: dict[Venue, Server] = {}
        self._up = False
        self._clock_moved = asyncio.Event()
        self._shut: frozenset[Venue] = frozenset()  # venues that do not listen because of a fault
        self._http: QuietServer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._closing: set[asyncio.Task[None]] = set()

    # -- faults -------------------------------------------------------------------------------------------------------

    @property
    def truth(self) -> Truth:
        """What was sent to whom, and which faults struck."""
        return self.gateway.truth

    @property
    def faults(self) -> FaultStage:
        """The timeline at work."""
        return self.gateway.faults

    def inject(self, kind: str, **keys: Any) -> int:
        """Put a fault to work now, for good unless ``for_s`` or ``count`` is given. Returns the number to ``lift`` it
        by. Raises TimelineError."""
        model = KINDS.get(kind)
        if model is not None and not model.once and not keys.keys() & {"for_s", "count"}:
            keys["for_s"] = FOR_GOOD_S
        return self.faults.add(make_fault(kind=kind, **{"at_s": 0, **keys}))

    def lift(self, number: int) -> None:
        """End a fault that was put to work by hand."""
        self.faults.lift(number)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> Urls:
        """Listen and begin. Raises Failure when a port is taken."""
        self._tasks.append(asyncio.create_task(self._drive()))
        await self.listen()
        return self.urls

    async def listen(self) -> None:
        """Open the servers, on the ports they had before if they had any."""
        sockets = [_bind(self._host, port) for port in self._ports]
        self._ports = tuple(each.getsockname()[1] for each in sockets)
        for venue, bound in zip(VENUES, sockets, strict=False):
            await self._listen(venue, bound)
        config = uvicorn.Config(
            http_app(self), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._http = QuietServer(config)
        self._tasks.append(asyncio.create_task(self._http.serve([sockets[2]])))
        while not self._http.started:
            await asyncio.sleep(0.005)
        self._up, self._shut = True, frozenset()

    async def _listen(self, venue: Venue, bound: socket.socket) -> None:
        options: dict[str, Any] = {"ping_interval": None, "compression": None, "close_timeout": 0.3}
        self._servers[venue] = await serve(self._handler(venue), sock=bound, **options)

    @property
    def urls(self) -> Urls:
        one, two, three = self._ports
        http = f"http://{self._host}:{three}"
        return Urls(
            polymarket_ws=f"ws://{self._host}:{one}/ws/market",
            clob_rest=f"{http}/clob",
            gamma_rest=f"{http}/gamma",
            coinbase_ws=f"ws://{self._host}:{two}",
            clock=f"{http}/sim/clock",
        )

    async def hang_up(self) -> None:
        """Close the servers and every connection; simulated time goes on. ``listen`` opens them again."""
        self._up = False
        self._tell_followers()
        servers, self._servers = self._servers, {}
        for server in servers.values():
            server.close()
        for server in servers.values():
            await server.wait_closed()
        if self._http is not None:
            self._http.should_exit = True
            await self._tasks.pop()
            self._http = None

    async def stop(self) -> None:
        """End everything."""
        await self.hang_up()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks = []
        if self._tally is not None:
            self._tally.close()
            self._tally = None

    async def wait(self) -> None:
        """Returns when the exchange can go on no more; raises what went wrong."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _drive(self) -> None:
        """Step the core along the clock; when it is behind, in bursts that leave the sockets their turn."""
        core, clock, gateway = self.core, self.clock, self.gateway
        while True:
            burst = 0
            while core.next_ns <= clock.now_ns() and burst < BURST:
                for emission in core.step():
                    self._carry(emission)
                gateway.after_step()
                burst += 1
            self._write_all()
            if self._shut != self.faults.refusing:
                await self._keep_doors()
            wait = (core.next_ns - clock.now_ns()) / NS / clock.speed
            self.behind_s = max(0.0, -wait * clock.speed)
            if -wait > SLIP_REAL_S and clock.speed > 1:
                # What cannot be reached is given up: a slower exchange is still a true one, a late one looks stale.
                self.slipped_s += self.behind_s
                clock.rebase(time.time_ns(), core.now_ns)
                self._tell_followers()
            await asyncio.sleep(max(wait, 0.0))

    @property
    def listening(self) -> bool:
        """Whether the servers are up."""
        return self._up

    async def clock_moves(self, at_most_s: float) -> None:
        """Returns when the clock counts from another moment or the servers close, after ``at_most_s`` real seconds
        at the latest."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._clock_moved.wait(), at_most_s)

    def _tell_followers(self) -> None:
        self._clock_moved.set()
        self._clock_moved = asyncio.Event()

    def _carry(self, emission: Emission) -> None:
        self.gateway.carry(emission)

    async def _keep_doors(self) -> None:
        """Stop listening for a venue that refuses connections, and listen again when it takes them."""
        if not self._up:
            return
        refusing, self._shut = self.faults.refusing, self.faults.refusing
        for venue, port in zip(VENUES, self._ports, strict=False):
            server = self._servers.get(venue)
            if venue in refusing and server is not None:
                del self._servers[venue]
                server.close(close_connections=False)
            elif venue not in refusing and server is None:
                await self._listen(venue, _bind(self._host, port))

    # -- the gateway's carrier ----------------------------------------------------------------------------------------

    def deliver(self, session: Session, frame: bytes) -> bool:
        """As a text frame, with all others that a session gets before the sockets have their turn: a call to the
        operating system for each would be nearly half of this process's work."""
        connection = self._sockets.get(session.id)
        if connection is None or connection.state is not State.OPEN:
            return False
        self._outgoing.setdefault(session.id, (session, []))[1].append(frame)
        return True

    def _write_all(self) -> None:
        while self._outgoing:
            self._write(next(iter(self._outgoing)))

    def _write(self, session_id: str) -> None:
        """Hand a session's frames to its socket, without waiting; a client that does not read is sent away."""
        outgoing = self._outgoing.pop(session_id, None)
        if outgoing is None:
            return
        session, frames = outgoing
        if self._tally is not None:
            for frame in frames:
                self._tally.count(session, frame)
        transport = self._sockets[session_id].transport
        transport.write(b"".join(map(_on_wire, frames)))
        if transport.get_write_buffer_size() > SLOW_BYTES:
            transport.abort()
            self.gateway.close(session, "it did not read")

    def cut(self, session: Session, frame: bytes) -> None:
        """A frame's header and half of its payload, and no more: what was sent before arrives, the rest never will."""
        self._write(session.id)
        connection = self._sockets.get(session.id)
        if connection is not None and connection.state is State.OPEN:
            whole = _on_wire(frame)
            connection.transport.write(whole[: len(whole) - max(1, len(frame) // 2)])
            connection.transport.close()

    def close(self, session: Session, code: int, why: str) -> None:
        """With a close frame, or with code 0 without a word."""
        self._write(session.id)
        connection = self._sockets.get(session.id)
        if connection is None:
            return
        if not code:
            connection.transport.close()
            return
        task = asyncio.create_task(connection.close(code, why))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _handler(self, venue: Venue) -> Callable[[ServerConnection], Awaitable[None]]:
        async def handle(connection: ServerConnection) -> None:
            session = self.gateway.open(venue)
            if session is None:
                connection.transport.abort()
                return
            self._sockets[session.id] = connection
            try:
                async for message in connection:
                    if message == "PING" and venue == "polymarket":
                        session.pongs += 1
                        await connection.send("PONG")
                    else:
                        self.gateway.hear(session, message)
                        self._write_all()
            except ConnectionClosed:
                pass
            finally:
                self._outgoing.pop(session.id, None)
                del self._sockets[session.id]
                self.gateway.close(session, "the client left")
                if self._tally is not None:
                    self._tally.closed(session)

        return handle


def _on_wire(frame: bytes) -> bytes:
    return Frame(Opcode.TEXT, frame).serialize(mask=False)


def _bind(host: str, port: int) -> socket.socket:
    return listen(host, port, "the simulated exchange", "Choose another port, or 0 for a free one.")
