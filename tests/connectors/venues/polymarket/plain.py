"""A plain client of the exchange, so that the live venue meets real sockets where the official client is not installed.
It signs with ``cryptography`` and knows only the simplest kind of account."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from connectors.venues.polymarket.exchange import (
    Built,
    ExchangeWaits,
    LiveOrder,
    Money,
    NoAnswer,
    OrderRefused,
    OrderSeen,
    OrderTaken,
    TradeSeen,
)
from connectors.venues.polymarket.order_hash import OrderFields, order_hash
from connectors.venues.polymarket.reading import order_seen, trades_seen
from tests.connectors.venues.polymarket.standin import API_KEY, PASSPHRASE, PRIVATE_KEY, SECRET, ClobStandIn


class PlainExchange:
    """``connectors.venues.polymarket.exchange.LiveExchange``."""

    def __init__(self, standin: ClobStandIn) -> None:
        self._address = standin.address
        self._http = httpx.AsyncClient(base_url=standin.url, timeout=60.0)
        self._user_ws = standin.user_ws
        self._key = ec.derive_private_key(int(PRIVATE_KEY, 16), ec.SECP256K1())
        self._beat = ""

    async def _call(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        text = json.dumps(body, separators=(",", ":")) if body is not None else ""
        stamp = str(int(time.time()))
        secret = base64.urlsafe_b64decode(SECRET + "=" * (-len(SECRET) % 4))
        mac = hmac.new(secret, f"{stamp}{method}{path}{text}".encode(), hashlib.sha256).digest()
        headers = {
            "POLY_ADDRESS": self._address, "POLY_API_KEY": API_KEY, "POLY_PASSPHRASE": PASSPHRASE,
            "POLY_TIMESTAMP": stamp, "POLY_SIGNATURE": base64.urlsafe_b64encode(mac).decode(),
        }  # fmt: skip
        try:
            answer = await self._http.request(method, path, content=text or None, headers=headers, params=query)
        except httpx.HTTPError as cause:
            raise NoAnswer(type(cause).__name__) from None
        if answer.status_code in (425, 429, 503):
            raise ExchangeWaits(f"HTTP {answer.status_code}", float(answer.headers.get("Retry-After", 1)))
        if answer.status_code >= 500:
            raise NoAnswer(f"HTTP {answer.status_code}")
        if answer.status_code >= 400:
            text = str(answer.json().get("error", ""))
            raise OrderRefused(text, "fak_not_filled" if "FAK orders" in text else "")
        return answer.json()

    async def build(self, order: LiveOrder) -> Built:
        money = order.limit * order.size // 10_000
        pays, gets = (money, order.size) if order.side == "buy" else (order.size, money)
        fields = OrderFields(
            order.salt, self._address, self._address, int(order.token), pays, gets, order.side, 0, order.stamp
        )
        name = order_hash(fields)
        raw = self._key.sign(bytes.fromhex(name[2:]), ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        r, s = utils.decode_dss_signature(raw)
        signature = "0x" + (r.to_bytes(32, "big") + s.to_bytes(32, "big") + b"\x1b").hex()
        body = {
            "order": {
                "salt": order.salt, "maker": self._address, "signer": self._address, "tokenId": order.token,
                "makerAmount": str(pays), "takerAmount": str(gets), "side": order.side.upper(), "signatureType": 0,
                "timestamp": str(order.stamp), "metadata": fields.metadata, "builder": fields.builder,
                "signature": signature, "expiration": "0",
            },
            "owner": API_KEY, "orderType": order.kind,
        }  # fmt: skip
        return Built(name, pays, gets, body)

    async def post(self, built: Built) -> OrderTaken:
        said = await self._call("POST", "/order", built.signed)
        buys = built.signed["order"]["side"] == "BUY"  # type: ignore[index]
        shares = float(said["takingAmount" if buys else "makingAmount"] or 0)
        return OrderTaken(said["orderID"], said["status"], round(shares * 1e6))

    async def cancel(self, venue_id: str) -> bool:
        return venue_id in (await self._call("DELETE", "/order", {"orderID": venue_id}))["canceled"]

    async def cancel_all(self) -> None:
        await self._call("DELETE", "/cancel-all")

    async def open_orders(self) -> list[OrderSeen]:
        return [order_seen(each) for each in (await self._call("GET", "/data/orders"))["data"]]

    async def order(self, venue_id: str) -> OrderSeen | None:
        try:
            return order_seen(await self._call("GET", f"/data/order/{venue_id}"))
        except OrderRefused:
            return None

    async def trades(self, after: int) -> list[TradeSeen]:
        found = (await self._call("GET", "/data/trades", after=str(after)))["data"]
        return [seen for each in found for seen in trades_seen(each)]

    async def heartbeat(self) -> None:
        self._beat = (await self._call("POST", "/v1/heartbeats", {"heartbeat_id": self._beat}))["heartbeat_id"]

    async def money(self) -> Money:
        said = await self._call("GET", "/balance-allowance")
        return Money(int(said["balance"]), max(map(int, said["allowances"].values())))

    async def closed_only(self) -> bool:
        return bool((await self._call("GET", "/auth/ban-status/closed-only"))["closed_only"])

    async def resolved(self, condition: str) -> bool:
        return any(each["winner"] for each in (await self._call("GET", f"/markets/{condition}"))["tokens"])

    async def time(self) -> float:
        return float(await self._call("GET", "/time"))

    async def updates(self) -> AsyncIterator[OrderSeen | TradeSeen | None]:
        async for socket in connect(self._user_ws):
            auth = {"apiKey": API_KEY, "secret": SECRET, "passphrase": PASSPHRASE}
            await socket.send(json.dumps({"type": "user", "auth": auth}))
            yield None
            try:
                async for message in socket:
                    said = json.loads(message)
                    for seen in [order_seen(said)] if said["event_type"] == "order" else trades_seen(said):
                        yield seen
            except ConnectionClosed:
                continue

    async def close(self) -> None:
        await self._http.aclose()
