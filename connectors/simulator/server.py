"""The simulated exchange's servers: they carry what the core says, at the pace of the simulated clock.

Three ports on the loopback address: Polymarket's market channel and Coinbase's feed over WebSocket, and Gamma and
CLOB over HTTP. A client cannot tell them from the real ones; ``/sim/clock`` tells the recorder the simulated time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Response
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

from connectors.clock import NS, ScaledClock
from connectors.simulator.addresses import Urls
from connectors.simulator.emission import Emission
from connectors.simulator.exchange import Exchange, Parameters
from connectors.simulator.times import nano_time
from models.failures import Failure

BURST: Final = 8  # grid steps without a look at the sockets while the core catches up
SLIP_REAL_S: Final = 0.1  # at a raised speed, time slips when the core is this far behind
SLOW_BYTES: Final = 64 * 1024 * 1024  # a client this far behind is sent away, as on the real exchange
COINBASE_CHANNELS: Final = {"level2": "l2_data", "market_trades": "market_trades", "ticker": "ticker"}


@dataclass
class Faults:
    """What a test can switch on. ``mute_polymarket``: PING is answered and nothing else is sent; likewise
    ``mute_coinbase``. ``skip_coinbase``: so many sequence numbers are left out before the next message."""

    mute_polymarket: bool = False
    mute_coinbase: bool = False
    skip_coinbase: int = 0
    gamma_status: int = 200


class PolymarketSession:
    """One client of the market channel."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.tokens: set[str] = set()
        self.custom = False


class CoinbaseSession:
    """One client of the Coinbase feed, with the numbering of its messages."""

    def __init__(self, socket: ServerConnection) -> None:
        self.socket = socket
        self.sequence = 0
        self.products: dict[str, set[str]] = {}
        self.heartbeats = False


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class SimulatedExchange:
    """The core and its servers. ``start`` of simulated time is a Unix second; None = now."""

    def __init__(
        self,
        given: Parameters,
        speed: float = 1.0,
        start: int | None = None,
        host: str = "127.0.0.1",
        ports: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        self.faults = Faults()
        self.behind_s = 0.0
        self.slipped_s = 0.0
        self._host = host
        self._ports = ports
        real = time.time_ns()
        first = real // NS if start is None else start
        self.clock = ScaledClock(first * NS if start is None else real, first * NS, speed)
        self.core = Exchange(given, first)
        self._polymarket: set[PolymarketSession] = set()
        self._by_token: dict[str, set[PolymarketSession]] = {}
        self._coinbase: set[CoinbaseSession] = set()
        self._servers: list[Server] = []
        self._http: QuietServer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> Urls:
        """Listen and begin. Raises Failure when a port is taken."""
        self._tasks.append(asyncio.create_task(self._drive()))
        await self.listen()
        return self.urls

    async def listen(self) -> None:
        """Open the servers, on the ports they had before if they had any."""
        options: dict[str, Any] = {"ping_interval": None, "compression": None, "close_timeout": 0.3}
        sockets = [bind(self._host, port) for port in self._ports]
        polymarket = await serve(self._serve_polymarket, sock=sockets[0], **options)
        coinbase = await serve(self._serve_coinbase, sock=sockets[1], **options)
        self._servers = [polymarket, coinbase]
        config = uvicorn.Config(
            http_app(self), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
        )
        self._http = QuietServer(config)
        self._tasks.append(asyncio.create_task(self._http.serve([sockets[2]])))
        self._ports = tuple(each.getsockname()[1] for each in sockets)
        while not self._http.started:
            await asyncio.sleep(0.005)

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
        for server in self._servers:
            server.close()
        for server in self._servers:
            await server.wait_closed()
        self._servers = []
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

    async def wait(self) -> None:
        """Returns when the exchange can go on no more; raises what went wrong."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def _drive(self) -> None:
        """Step the core along the clock; when it is behind, in bursts that leave the sockets their turn."""
        core, clock = self.core, self.clock
        while True:
            burst = 0
            while core.next_ns <= clock.now_ns() and burst < BURST:
                for emission in core.step():
                    self._carry(emission)
                burst += 1
            wait = (core.next_ns - clock.now_ns()) / NS / clock.speed
            self.behind_s = max(0.0, -wait * clock.speed)
            if -wait > SLIP_REAL_S and clock.speed > 1:
                # What cannot be reached is given up: a slower exchange is still a true one, a late one looks stale.
                self.slipped_s += self.behind_s
                clock.rebase(time.time_ns(), core.now_ns)
            await asyncio.sleep(max(wait, 0.0))

    def _carry(self, emission: Emission) -> None:
        if emission.venue == "polymarket":
            self._carry_polymarket(emission)
        else:
            self._carry_coinbase(emission)

    # -- Polymarket's market channel ----------------------------------------------------------------------------------

    def _carry_polymarket(self, emission: Emission) -> None:
        if self.faults.mute_polymarket:
            return
        if not emission.keys:
            sessions = [session for session in self._polymarket if session.custom]
        else:
            reached: set[PolymarketSession] = set()
            for token in emission.keys:
                reached |= self._by_token.get(token, set())
            sessions = [each for each in reached if each.custom or emission.channel != "best_bid_ask"]
        if sessions:
            self._send([session.socket for session in sessions], emission.frame)

    async def _serve_polymarket(self, socket: ServerConnection) -> None:
        session = PolymarketSession(socket)
        self._polymarket.add(session)
        try:
            async for message in socket:
                if message == "PING":
                    await socket.send("PONG")
                else:
                    self._hear_polymarket(session, message)
        except ConnectionClosed:
            pass
        finally:
            self._polymarket.discard(session)
            self._leave(session, set(session.tokens))

    def _hear_polymarket(self, session: PolymarketSession, message: str | bytes) -> None:
        try:
            body = json.loads(message)
            tokens = [str(token) for token in body.get("assets_ids") or ()]
        except (ValueError, AttributeError, TypeError):
            self._send([session.socket], b"INVALID OPERATION")
            return
        if body.get("operation") == "unsubscribe":
            self._leave(session, set(tokens))
            return
        session.custom = session.custom or body.get("custom_feature_enabled") is True
        for token in tokens:
            session.tokens.add(token)
            self._by_token.setdefault(token, set()).add(session)
        if body.get("initial_dump", True) and not self.faults.mute_polymarket:
            known = [self.core.by_token[token] for token in tokens if token in self.core.by_token]
            books = ",".join(market.snapshot(index) for market, index in known)
            self._send([session.socket], f"[{books}]".encode())

    def _leave(self, session: PolymarketSession, tokens: set[str]) -> None:
        for token in tokens:
            session.tokens.discard(token)
            served = self._by_token.get(token)
            if served is not None:
                served.discard(session)
                if not served:
                    del self._by_token[token]

    # -- Coinbase -----------------------------------------------------------------------------------------------------

    def _carry_coinbase(self, emission: Emission) -> None:
        if self.faults.mute_coinbase:
            return
        for session in list(self._coinbase):
            if emission.channel == "heartbeats":
                wanted = session.heartbeats
            else:
                wanted = emission.keys[0] in session.products.get(emission.channel, ())
            if wanted:
                self._number(session, emission.channel, emission.frame, emission.t_ns)

    def _number(self, session: CoinbaseSession, channel: str, events: bytes, t_ns: int) -> None:
        """Put the connection's envelope around ``events`` and send it."""
        if self.faults.skip_coinbase:
            session.sequence += self.faults.skip_coinbase
            self.faults.skip_coinbase = 0
        head = (
            f'{{"channel":"{channel}","client_id":"","timestamp":"{nano_time(t_ns + 1_234_567)}",'
            f'"sequence_num":{session.sequence},"events":'
        )
        session.sequence += 1
        self._send([session.socket], b"".join((head.encode(), events, b"}")))

    async def _serve_coinbase(self, socket: ServerConnection) -> None:
        session = CoinbaseSession(socket)
        self._coinbase.add(session)
        try:
            async for message in socket:
                self._hear_coinbase(session, message)
        except ConnectionClosed:
            pass
        finally:
            self._coinbase.discard(session)

    def _hear_coinbase(self, session: CoinbaseSession, message: str | bytes) -> None:
        try:
            body = json.loads(message)
            kind, channel = str(body["type"]), str(body["channel"])
            products = [str(product) for product in body.get("product_ids") or ()]
        except (ValueError, KeyError, TypeError, AttributeError):
            self._refuse(session, "failed to parse the subscription")
            return
        unknown = [product for product in products if product not in self.core.spots]
        if unknown:
            self._refuse(session, f"{unknown[0]} is not a valid product")
            return
        if channel == "heartbeats":
            session.heartbeats = kind == "subscribe"
        elif channel not in COINBASE_CHANNELS:
            self._refuse(session, f"channel {channel} is not supported")
            return
        else:
            kept = session.products.setdefault(COINBASE_CHANNELS[channel], set())
            if kind == "subscribe":
                kept.update(products)
            else:
                kept.difference_update(products)
        if self.faults.mute_coinbase:
            return
        now = self.core.now_ns
        standing: dict[str, list[str]] = {
            name: sorted(session.products[wire])
            for name, wire in COINBASE_CHANNELS.items()
            if session.products.get(wire)
        }
        if session.heartbeats:
            standing["heartbeats"] = ["heartbeats"]
        events = json.dumps([{"subscriptions": standing}], separators=(",", ":")).encode()
        self._number(session, "subscriptions", events, now)
        if kind != "subscribe":
            return
        for product in products:
            spot = self.core.spots[product]
            if channel == "level2":
                first = spot.snapshot(now)
            elif channel == "market_trades":
                first = spot.past_trades()
            else:
                first = spot.ticker("snapshot")
            self._number(session, COINBASE_CHANNELS[channel], first, now)

    def _refuse(self, session: CoinbaseSession, why: str) -> None:
        self._send([session.socket], json.dumps({"type": "error", "message": why}, separators=(",", ":")).encode())

    def _send(self, sockets: list[ServerConnection], frame: bytes) -> None:
        """As a text frame, without waiting; a client that does not read is sent away."""
        broadcast(sockets, frame, text=True)
        for each in sockets:
            if each.transport.get_write_buffer_size() > SLOW_BYTES:
                each.transport.abort()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Failure when the port is taken."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
        bound.listen(64)
    except OSError as cause:
        bound.close()
        raise Failure(
            f"the simulated exchange cannot listen on {host}:{port}: {cause.strerror}.",
            "Choose another port, or 0 for a free one.",
        ) from None
    return bound


def http_app(exchange: SimulatedExchange) -> FastAPI:
    """Gamma under ``/gamma``, CLOB under ``/clob``, and the simulated clock."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    core, clock = exchange.core, exchange.clock

    def answer(body: bytes | None, what: str) -> Response:
        if body is None:
            error = json.dumps({"type": "not found error", "error": f"{what} not found"})
            return Response(error, 404, media_type="application/json")
        return Response(body, media_type="application/json")

    @app.get("/gamma/markets/slug/{slug}")
    async def gamma_market(slug: str) -> Response:
        if exchange.faults.gamma_status != 200:
            return Response(b"{}", exchange.faults.gamma_status, {"Retry-After": "0.2"})
        market = core.markets.get(slug)
        return answer(market.gamma(core.now_ns) if market else None, "market")

    @app.get("/clob/book")
    async def clob_book(token_id: str) -> Response:
        found = core.by_token.get(token_id)
        return answer(found[0].rest_book(found[1]) if found else None, "orderbook")

    @app.get("/clob/markets/{condition}")
    async def clob_market(condition: str) -> Response:
        market = core.by_condition.get(condition)
        return answer(market.clob() if market else None, "market")

    @app.get("/clob/time")
    async def clob_time() -> Response:
        return answer(str(clock.now_ns() // NS).encode(), "time")

    @app.get("/api/geoblock")
    @app.get("/clob/api/geoblock")
    async def geoblock() -> dict[str, Any]:
        return {"blocked": False, "ip": "127.0.0.1", "country": "ZZ", "region": ""}

    @app.get("/sim/clock")
    async def sim_clock() -> dict[str, Any]:
        return {
            "epoch_ns": clock.epoch_ns,
            "sim_epoch_ns": clock.sim_epoch_ns,
            "speed": clock.speed,
            "now_ns": clock.now_ns(),
            "behind_s": exchange.behind_s,
            "slipped_s": exchange.slipped_s,
        }

    return app
