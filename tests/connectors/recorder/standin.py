"""An exchange of one market at a time on real sockets, which goes wrong as it is told to: Polymarket's market channel,
Gamma and CLOB, and Coinbase. Its frames are written by hand after the documented wire format; it shares no code with
the simulator or the doors."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from connectors.clock import NS, FeedClock

ASSET = "btc-updown-5m"
EVERY_S = 0.2  # between two changes


def iso(second: float) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def mirror(price: str) -> str:
    """The other token's price."""
    return str(1 - Decimal(price))


class StandIn:
    """``withheld``: subscriptions that get no first book: "first" of each connection, "all", or none. ``steady``:
    whether changes go on by themselves."""

    def __init__(self, clock: FeedClock) -> None:
        self.withheld = ""
        self.steady = True
        self.tick = "0.01"
        self.connections = 0
        self.subscriptions: list[int] = []
        self.asked: list[str] = []
        self.odd_spot: bytes | None = None  # sent in place of the next level2 update
        self._clock = clock
        self._clients: dict[ServerConnection, set[str]] = {}
        self._size = 10

    # --- what it is ---------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self._clock.now_ns() / NS

    @property
    def ms(self) -> str:
        return str(self._clock.now_ns() // 1_000_000)

    def tokens(self, slug: str) -> tuple[str, str]:
        start = slug.rpartition("-")[2]
        return f"{start}1", f"{start}2"

    def market(self, slug: str) -> dict[str, Any] | None:
        if not slug.startswith(ASSET):
            return None
        start = int(slug.rpartition("-")[2])
        return {
            "slug": slug, "conditionId": f"0x{start}", "outcomes": '["Up", "Down"]', "outcomePrices": None,
            "clobTokenIds": json.dumps(self.tokens(slug)), "eventStartTime": iso(start), "endDate": iso(start + 300),
            "active": True, "closed": False, "acceptingOrders": True, "orderPriceMinTickSize": self.tick,
            "orderMinSize": 5, "feesEnabled": True, "feeSchedule": {"rate": 0.07, "exponent": 1, "takerOnly": True},
            "events": [{"eventMetadata": {"priceToBeat": 60000.0}}] if self.now > start + 3 else [],
        }  # fmt: skip

    def book(self, token: str, **more: Any) -> dict[str, Any]:
        """Up 0.49/0.51, Down its mirror, ten levels' worth of three."""
        prices = (("0.47", "0.48", "0.49"), ("0.53", "0.52", "0.51"))
        bids, asks = ([{"price": p, "size": str(self._size)} for p in side] for side in prices)
        return {"market": f"0x{token[:-1]}", "asset_id": token, "timestamp": self.ms, "hash": "", "bids": bids,
                "asks": asks, **more}  # fmt: skip

    # --- what it says -------------------------------------------------------------------------------------------------

    async def say(self, *frames: str | bytes | dict[str, Any] | list[Any]) -> None:
        """To all clients of the market channel."""
        for frame in frames:
            text = frame if isinstance(frame, (str, bytes)) else json.dumps(frame)
            for client in list(self._clients):
                with contextlib.suppress(ConnectionClosed):
                    await client.send(text)

    def change(self, up: str, price: str = "0.49", size: str | None = None, best_bid: str = "0.49") -> dict[str, Any]:
        """A bid of Up, and its mirror."""
        self._size += 1
        total = str(self._size) if size is None else size
        best = {"hash": "h", "best_bid": best_bid, "best_ask": "0.51"}
        other = {"hash": "h", "best_bid": "0.49", "best_ask": mirror(best_bid)}
        return {
            "event_type": "price_change", "market": f"0x{up[:-1]}", "timestamp": self.ms,
            "price_changes": [
                {"asset_id": up, "price": price, "size": total, "side": "BUY", **best},
                {"asset_id": f"{up[:-1]}2", "price": mirror(price), "size": total, "side": "SELL", **other},
            ],
        }  # fmt: skip

    async def _change(self) -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            for client, served in list(self._clients.items()):
                for token in [each for each in served if each.endswith("1")] if self.steady else ():
                    with contextlib.suppress(ConnectionClosed):
                        await client.send(json.dumps(self.change(token)))

    async def _polymarket(self, client: ServerConnection) -> None:
        self._clients[client] = set()
        number, self.connections = self.connections, self.connections + 1
        try:
            while True:
                message = await client.recv()
                if message == "PING":
                    await client.send("PONG")
                    continue
                body = json.loads(message)
                tokens = body["assets_ids"]
                if body.get("operation") == "unsubscribe":
                    self._clients[client].difference_update(tokens)
                    continue
                self.subscriptions.append(number)
                self._clients[client].update(tokens)
                is_first = "operation" not in body
                if (
                    self.withheld == "all"
                    or (self.withheld == "first" and is_first)
                    or (self.withheld == "connection" and number == 0)
                ):
                    continue
                books = [self.book(token, event_type="book", tick_size=self.tick) for token in tokens]
                await client.send(json.dumps(books))
        except ConnectionClosed:
            pass
        finally:
            del self._clients[client]

    async def _coinbase(self, client: ServerConnection) -> None:
        number = 0

        async def send(channel: str, events: list[dict[str, Any]]) -> None:
            nonlocal number
            frame = json.dumps(
                {"channel": channel, "timestamp": iso(self.now), "sequence_num": number, "events": events}
            )
            if channel == "l2_data" and number > 10 and self.odd_spot is not None:
                frame, self.odd_spot = self.odd_spot.replace(b"$N", str(number).encode()).decode(), None
            number += 1
            await client.send(frame)

        def level(side: str, price: str, size: str) -> dict[str, str]:
            return {"side": side, "event_time": iso(self.now), "price_level": price, "new_quantity": size}

        async def talk() -> None:
            both = [level("bid", "60000.00", "1"), level("offer", "60000.01", "1")]
            await send("l2_data", [{"type": "snapshot", "product_id": "BTC-USD", "updates": both}])
            while True:
                await asyncio.sleep(EVERY_S)
                size = f"1.{number}"
                one = [level("bid", "60000.00", size)]
                await send("l2_data", [{"type": "update", "product_id": "BTC-USD", "updates": one}])
                await send("heartbeats", [{"current_time": iso(self.now), "heartbeat_counter": number}])

        talking = asyncio.create_task(talk())
        try:
            await client.wait_closed()
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split()[1].decode()
                self.asked.append(path)
                body: Any = None
                if "/slug/" in path:
                    body = self.market(path.rpartition("/")[2])
                elif path.startswith("/book?token_id="):
                    body = self.book(path.partition("=")[2], tick_size=self.tick, min_order_size="5", neg_risk=False)
                text = json.dumps(body).encode()
                status = b"200 OK" if body is not None else b"404 Not Found"
                writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(text), text))
                await writer.drain()
        writer.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[str, str, str]]:
        """Addresses of the market channel, Coinbase and HTTP."""
        quiet: dict[str, Any] = {"compression": None, "ping_interval": None, "close_timeout": 0.2}
        http = await asyncio.start_server(self._http, "127.0.0.1", 0)
        async with (
            serve(self._polymarket, "127.0.0.1", 0, **quiet) as market,
            serve(self._coinbase, "127.0.0.1", 0, **quiet) as coinbase,
        ):
            changing = asyncio.create_task(self._change())
            one, two, three = (next(iter(each.sockets)).getsockname()[1] for each in (market, coinbase, http))
            try:
                yield f"ws://127.0.0.1:{one}", f"ws://127.0.0.1:{two}", f"http://127.0.0.1:{three}"
            finally:
                changing.cancel()
                await asyncio.gather(changing, return_exceptions=True)
                http.close()
