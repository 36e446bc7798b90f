"""The CLOB of one account on real sockets, which goes wrong as it is told to: REST with signed headers and signed
orders, and the user channel. Written after the exchange's documents; of the code that is tested it has keccak alone,
which has known values of its own.

Faults are words in ``faults``, each used up by one order: ``reject``, ``no_match``, ``425``, ``429``, ``503``,
``500_filled``, ``silent`` (nothing done, no answer), ``silent_filled`` (done, no answer), ``delayed``, ``unmatched``.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import time
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from connectors.venues.polymarket.keccak import keccak256

CONDITION = "0x" + "ab" * 32
UP = "98756637703320879198441871470345384821367334051929992047845197222571333888980"
DOWN = "52114319501245915516055106046884209969926127482827954674443846427813813222426"
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
PRIVATE_KEY = "0x" + "11" * 32
WAIT_S = 30  # that it asks for where it wants to be left alone
API_KEY, SECRET, PASSPHRASE = (
    "9180014b-33c8-9240-a14b-bdca11c0a465",
    "c2VjcmV0LW9mLXRoZS1hcGkta2V5LTA1",
    "pass-5f0c-phrase",
)
_TYPES = {
    "EIP712Domain": ("name:string", "version:string", "chainId:uint256", "verifyingContract:address"),
    "Order": (
        "salt:uint256", "maker:address", "signer:address", "tokenId:uint256", "makerAmount:uint256",
        "takerAmount:uint256", "side:uint8", "signatureType:uint8", "timestamp:uint256", "metadata:bytes32",
        "builder:bytes32",
    ),
}  # fmt: skip


def typed_hash(name: str, values: dict[str, Any]) -> bytes:
    """EIP-712's hashStruct, for the types above."""
    pairs = [each.split(":") for each in _TYPES[name]]
    packed = keccak256(f"{name}({','.join(f'{kind} {field}' for field, kind in pairs)})".encode())
    for field, kind in pairs:
        value = values[field]
        if kind == "string":
            packed += keccak256(value.encode())
        elif kind in ("address", "bytes32"):
            packed += bytes.fromhex(value[2:]).rjust(32, b"\0")
        else:
            packed += int(value).to_bytes(32, "big")
    return keccak256(packed)


DOMAIN = {"name": "Polymarket CTF Exchange", "version": "2", "chainId": 137, "verifyingContract": EXCHANGE}


def signing_hash(order: dict[str, Any]) -> bytes:
    values = order | {"side": {"BUY": 0, "SELL": 1}[order["side"]]}
    return keccak256(b"\x19\x01" + typed_hash("EIP712Domain", DOMAIN) + typed_hash("Order", values))


def wallet_hash(order: dict[str, Any], domain: bytes, contents: bytes) -> bytes:
    """What is signed for an order of a deposit wallet (signature type 3): ERC-7739's nested typed data, in which the
    wallet vouches for the order under the exchange's domain."""
    kinds = "(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)"
    fields = ",".join(" ".join(reversed(each.split(":"))) for each in _TYPES["Order"])
    packed = keccak256(f"TypedDataSign{kinds}Order({fields})".encode()) + contents
    packed += keccak256(b"DepositWallet") + keccak256(b"1") + (137).to_bytes(32, "big")
    packed += bytes.fromhex(order["signer"][2:]).rjust(32, b"\0") + bytes(32)
    return keccak256(b"\x19\x01" + domain + keccak256(packed))


#: What follows a signature that a session key made for a wallet.
SESSION_MAGIC = bytes.fromhex("6492" * 16)


class ClobStandIn:
    """``orders``, ``trades``: what it has, by id. ``refused``: requests that were not signed as they must be."""

    def __init__(self, private_key: str = PRIVATE_KEY) -> None:
        self._key = ec.derive_private_key(int(private_key, 16), ec.SECP256K1()).public_key()
        point = self._key.public_numbers()
        raw = keccak256(point.x.to_bytes(32, "big") + point.y.to_bytes(32, "big"))[12:]
        self.address = "0x" + raw.hex()
        self.orders: dict[str, dict[str, Any]] = {}
        self.trades: dict[str, dict[str, Any]] = {}
        self.posts: list[dict[str, Any]] = []
        self.faults: list[str] = []
        self.refused: list[str] = []
        self.cancel_alls = 0
        self.heartbeats = 0
        self.fill = Decimal(1)  # of each order that takes
        self.price: str | None = None  # fills are at the limit where it says nothing
        self.repeat = 1  # how often the user channel says everything
        self.is_down = False
        self.balance = 50_000_000
        self.closed_only = False
        self.resolved: set[str] = set()
        self.skew_s = 0.0
        self._clients: set[ServerConnection] = set()
        self._servers: list[asyncio.Server | Server] = []

    async def start(self) -> None:
        http = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        channel = await serve(self._channel, "127.0.0.1", 0)
        self._servers = [http, channel]
        self.url = f"http://127.0.0.1:{http.sockets[0].getsockname()[1]}"
        self.user_ws = f"ws://127.0.0.1:{next(iter(channel.sockets)).getsockname()[1]}"

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for client in list(self._clients):
            await client.close()

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
                body = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
                answer = await self._answer(method, target, headers, body)
                if answer is None:  # silence: the connection stays open and says nothing
                    await asyncio.sleep(30)
                    break
                status, value, more = answer
                raw = json.dumps(value).encode()
                extra = "".join(f"{name}: {text}\r\n" for name, text in more.items())
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{extra}"
                    f"Content-Length: {len(raw)}\r\n\r\n".encode()
                    + raw
                )
                await writer.drain()
        writer.close()

    async def _answer(
        self, method: str, target: str, headers: dict[str, str], body: str
    ) -> tuple[int, Any, dict[str, str]] | None:
        place = urlsplit(target)
        path, query = place.path, {name: values[0] for name, values in parse_qs(place.query).items()}
        if self.is_down:
            return 425, {"error": "the matching engine is restarting"}, {}
        open_to_all = self._public(path)
        if open_to_all is not None:
            return 200, open_to_all, {}
        if not self._is_signed(method, path, headers, body):
            self.refused.append(f"{method} {path}")
            return 401, {"error": "Unauthorized/Invalid api key"}, {}
        said = json.loads(body) if body else None
        if (method, path) == ("POST", "/order"):
            return await self._post(said)
        return self._private(method, path, query, said)

    def _public(self, path: str) -> Any:
        if path == "/time":
            return int(time.time() + self.skew_s)
        if path.startswith("/markets-by-token/"):
            return {"condition_id": CONDITION}
        if path.startswith("/clob-markets/"):
            return {"t": [{"t": UP, "o": "Up"}, {"t": DOWN, "o": "Down"}], "mts": 0.01, "mos": 5, "nr": False,
                    "fd": {"r": 0.07, "e": 1, "to": True}}  # fmt: skip
        if path.startswith("/markets/"):
            over = path.rpartition("/")[2] in self.resolved
            return {"closed": over, "tokens": [{"token_id": UP, "winner": over}, {"token_id": DOWN, "winner": False}]}
        if path == "/api/geoblock":
            return {"blocked": False, "country": "IE", "region": "L"}
        return None

    def _private(self, method: str, path: str, query: dict[str, str], said: Any) -> tuple[int, Any, dict[str, str]]:
        if path == "/auth/api-keys":
            return 200, {"apiKeys": [API_KEY]}, {}
        if path == "/data/orders":
            return 200, {"data": [o for o in self.orders.values() if o["status"] == "LIVE"], "next_cursor": "LTE="}, {}
        if path.startswith("/data/order/"):
            order = self.orders.get(path.rpartition("/")[2])
            return (200, order, {}) if order is not None else (404, {"error": "not found"}, {})
        if path == "/data/trades":
            after = int(query.get("after", 0))
            found = [t | {"status": f"TRADE_STATUS_{t['status']}"} for t in self.trades.values()]
            return 200, {"data": [t for t in found if int(t["match_time"]) >= after], "next_cursor": "LTE="}, {}
        if (method, path) == ("DELETE", "/order"):
            return 200, self._cancelled([said["orderID"]]), {}
        if (method, path) == ("DELETE", "/cancel-all"):
            self.cancel_alls += 1
            return 200, self._cancelled([name for name, o in self.orders.items() if o["status"] == "LIVE"]), {}
        if path == "/v1/heartbeats":
            if said["heartbeat_id"] != (f"hb{self.heartbeats}" if self.heartbeats else ""):
                return 400, {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": f"hb{self.heartbeats}"}, {}
            self.heartbeats += 1
            return 200, {"heartbeat_id": f"hb{self.heartbeats}"}, {}
        if path == "/balance-allowance":
            return 200, {"balance": str(self.balance), "allowances": {EXCHANGE: str(10**15)}}, {}
        if path == "/auth/ban-status/closed-only":
            return 200, {"closed_only": self.closed_only}, {}
        return 404, {"error": f"no {method} {path}"}, {}

    def _is_signed(self, method: str, path: str, headers: dict[str, str], body: str) -> bool:
        stamp = headers.get("poly_timestamp", "0")
        secret = base64.urlsafe_b64decode(SECRET + "=" * (-len(SECRET) % 4))
        wanted = hmac.new(secret, f"{stamp}{method}{path}{body}".encode(), hashlib.sha256).digest()
        return (
            headers.get("poly_address", "").lower() == self.address
            and headers.get("poly_api_key") == API_KEY
            and headers.get("poly_passphrase") == PASSPHRASE
            and abs(time.time() - int(stamp)) < 60
            and headers.get("poly_signature") == base64.urlsafe_b64encode(wanted).decode()
        )

    # --- orders -------------------------------------------------------------------------------------------------------

    async def _post(self, said: dict[str, Any]) -> tuple[int, Any, dict[str, str]] | None:
        order = said["order"]
        digest = signing_hash(order)
        venue_id = "0x" + digest.hex()
        raw = bytes.fromhex(order["signature"][2:])
        if int(order["signatureType"]) == 3:
            raw, digest = self._of_wallet(order, raw)
        try:
            pair = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"))
            self._key.verify(pair, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        except InvalidSignature:
            self.refused.append("POST /order: signature")
            return 400, {"error": "invalid signature"}, {}
        self.posts.append(said)
        if venue_id in self.orders:
            return 400, {"error": f"order {venue_id} is invalid. Duplicated."}, {}
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "reject":
            return 400, {"error": "not enough balance / allowance: the balance is not enough"}, {}
        if fault == "no_match":
            why = "FAK orders are partially filled or killed if no match is found."
            return 400, {"error": f"no orders found to match with FAK order. {why}"}, {}
        if fault in ("425", "429", "503"):
            return int(fault), {"error": "wait", "code": "post_only_mode"}, {"Retry-After": str(WAIT_S)}
        if fault == "silent":
            return None
        seen = self._place(venue_id, order, said["orderType"], fault)
        if fault == "silent_filled":
            return None
        if fault == "500_filled":
            return 500, {"error": "internal"}, {}
        await self._tell_order(seen, "PLACEMENT")
        for trade in [t for t in self.trades.values() if t["taker_order_id"] == venue_id]:
            await self._tell(trade | {"event_type": "trade", "type": "TRADE"})
        got = Decimal(seen["size_matched"])
        paid = got * Decimal(seen["price"])
        making, taking = (paid, got) if order["side"] == "BUY" else (got, paid)
        status = fault if fault in ("delayed", "unmatched") else "matched" if got else "live"
        delayed = status in ("delayed", "unmatched")
        return (
            200,
            {
                "success": True,
                "errorMsg": "",
                "orderID": venue_id,
                "status": "delayed" if delayed else status,
                "makingAmount": "" if delayed else str(making),
                "takingAmount": "" if delayed else str(taking),
                "tradeIDs": [] if delayed else [t["id"] for t in self.trades.values()],
            },
            {},
        )

    def _of_wallet(self, order: dict[str, Any], raw: bytes) -> tuple[bytes, bytes]:
        """The session key's own signature of an order for a wallet, and what it must be of. What the wrapping says of
        the order is not believed: it is computed anew."""
        words = [raw[start : start + 32] for start in range(0, 128, 32)]
        length = int.from_bytes(words[3], "big")
        inner = raw[128 : 128 + length]
        values = order | {"side": {"BUY": 0, "SELL": 1}[order["side"]]}
        domain = typed_hash("EIP712Domain", DOMAIN)
        contents = typed_hash("Order", values)
        fields = ",".join(" ".join(reversed(each.split(":"))) for each in _TYPES["Order"])
        described = f"Order({fields})".encode()
        whole = (
            raw.endswith(SESSION_MAGIC)
            and words[0][12:].hex() == self.address[2:]
            and not any(words[1])
            and int.from_bytes(words[2], "big") == 96
            and inner[65:] == domain + contents + described + len(described).to_bytes(2, "big")
        )
        return inner if whole else bytes(65), wallet_hash(order, domain, contents)

    def _place(self, venue_id: str, order: dict[str, Any], kind: str, fault: str) -> dict[str, Any]:
        buys = order["side"] == "BUY"
        money, shares = int(order["makerAmount"]), int(order["takerAmount"])
        if not buys:
            money, shares = shares, money
        size, limit = Decimal(shares).scaleb(-6), (Decimal(money) / Decimal(shares)).quantize(Decimal("0.0001"))
        takes = kind in ("FAK", "FOK")
        matched = (size * self.fill).quantize(Decimal("0.01")) if takes and fault not in ("delayed", "unmatched") else 0
        self.orders[venue_id] = seen = {
            "id": venue_id, "market": CONDITION, "asset_id": order["tokenId"], "owner": API_KEY, "outcome": "Up",
            "maker_address": order["maker"], "side": order["side"], "price": str(limit), "original_size": str(size),
            "size_matched": str(matched), "order_type": kind, "created_at": int(time.time()), "expiration": "0",
            "associate_trades": [], "status": "MATCHED" if takes else "LIVE",
        }  # fmt: skip
        if fault in ("delayed", "unmatched"):
            seen["status"] = "DELAYED"
        if matched:
            self.trade(venue_id, str(matched))
        return seen

    def trade(self, venue_id: str, size: str, status: str = "MATCHED", as_maker: bool = False) -> str:
        """Match so much of an order; the trade's id. A taker meets two makers: one of its token, one of the other."""
        order, name = self.orders[venue_id], f"trade-{len(self.trades) + 1}"
        price, total = Decimal(self.price or order["price"]), Decimal(size)
        half = (total / 2).quantize(Decimal("0.01"))
        mine = {"order_id": venue_id, "asset_id": order["asset_id"], "price": str(price), "matched_amount": size}
        direct = {"order_id": "0xm1", "asset_id": order["asset_id"], "price": str(price), "matched_amount": str(half)}
        minted = {"order_id": "0xm2", "asset_id": DOWN, "price": str(1 - price), "matched_amount": str(total - half)}
        rest = {"owner": "x", "maker_address": "0x5", "side": "SELL", "outcome": "Up", "fee_rate_bps": "0"}
        makers = [mine | rest] if as_maker else [direct | rest, minted | rest]
        self.trades[name] = {
            "id": name, "market": CONDITION, "asset_id": order["asset_id"], "owner": API_KEY, "outcome": "Up",
            "taker_order_id": "0xother" if as_maker else venue_id, "side": order["side"], "size": size,
            "price": str(price), "status": status, "maker_address": self.address, "fee_rate_bps": "0",
            "bucket_index": 0, "transaction_hash": "", "trader_side": "MAKER" if as_maker else "TAKER",
            "match_time": str(int(time.time())), "last_update": str(int(time.time())), "maker_orders": makers,
        }  # fmt: skip
        return name

    async def settle(self, status: str, trade: str | None = None) -> None:
        """Bring a trade, or all of them, to this state."""
        for name, each in self.trades.items():
            if trade in (None, name):
                each["status"] = status
                await self._tell(each | {"event_type": "trade", "type": "TRADE"})

    async def end_delay(self, venue_id: str, matched: bool) -> None:
        """The taker delay is over."""
        order = self.orders[venue_id]
        order["status"] = "MATCHED" if matched else "UNMATCHED"
        if matched:
            order["size_matched"] = order["original_size"]
            name = self.trade(venue_id, order["original_size"])
            await self._tell(self.trades[name] | {"event_type": "trade", "type": "TRADE"})
        await self._tell_order(order, "UPDATE" if matched else "CANCELLATION")

    async def end_order(self, venue_id: str, status: str) -> None:
        """The exchange ends a resting order."""
        self.orders[venue_id]["status"] = status
        await self._tell_order(self.orders[venue_id], "CANCELLATION")

    def _cancelled(self, names: list[str]) -> dict[str, Any]:
        done = [name for name in names if self.orders.get(name, {}).get("status") == "LIVE"]
        for name in done:
            self.orders[name]["status"] = "CANCELED"
        return {"canceled": done, "not_canceled": {n: "already canceled or matched" for n in names if n not in done}}

    # --- the user channel ---------------------------------------------------------------------------------------------

    async def _channel(self, client: ServerConnection) -> None:
        first = json.loads(await client.recv())
        if first["auth"] != {"apiKey": API_KEY, "secret": SECRET, "passphrase": PASSPHRASE} or first["type"] != "user":
            self.refused.append("user channel")
            await client.close()
            return
        self._clients.add(client)
        with contextlib.suppress(ConnectionClosed):
            async for message in client:
                if message == "PING":
                    await client.send("PONG")
        self._clients.discard(client)

    async def _tell_order(self, order: dict[str, Any], kind: str) -> None:
        await self._tell(order | {"event_type": "order", "type": kind, "created_at": str(order["created_at"])})

    async def _tell(self, event: dict[str, Any]) -> None:
        for client in list(self._clients):
            for _ in range(self.repeat):
                with contextlib.suppress(ConnectionClosed):
                    await client.send(json.dumps(event))

    async def drop(self) -> None:
        """Cut the user channel's connections."""
        for client in list(self._clients):
            await client.close(1012)
