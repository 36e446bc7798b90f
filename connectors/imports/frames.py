"""The exchanges' wire format, written: what a recorder would have received for a recorded quote, price or market."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from connectors.imports.summary import RefusedRow
from connectors.imports.values import tidy

MIN_SIZE = "5"
NOTES: Final = "_import"  # in a Gamma object that an import made: what it assumed
DERIVED: Final = "_derived"  # in a resolved one: what its outcome was taken from
_PIP: Final = Decimal("0.0001")
_FLOAT_ERROR: Final = Decimal("0.0000001")
_ABSURD: Final = Decimal(10**9)
_MOST_SHARES: Final = Decimal(10**9)  # more is no size on the wire


class Frame(NamedTuple):
    """A frame before its envelope. ``source`` names the connection: "polymarket", "binance", "gamma", …"""

    recv_ns: int
    topic: str
    source: str
    key: str
    value: bytes


class BookSnapshot(NamedTuple):
    """One token's book at a moment of the exchange's time. Levels are (price, size) texts, best last as on the wire."""

    market: str
    token: str
    t_ms: int
    bids: Sequence[tuple[str, str]]
    asks: Sequence[tuple[str, str]]
    tick: str


def plain(value: Decimal) -> str:
    """Digits without exponent and without zeros at the end."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def price_text(value: Decimal) -> str:
    """A token price in dollars on the wire, 0 and 1 included; what a binary float (of 32 bits, too) adds to a price
    of the exchange is taken off. Raises RefusedRow outside or finer than 0.0001."""
    price = value
    if abs(value) < _ABSURD:
        nearest = value.quantize(_PIP)
        if abs(nearest - value) <= _FLOAT_ERROR and nearest != value:
            price = nearest
    if not 0 <= price <= 1:
        raise RefusedRow("price_out_of_range", value)
    if price * 10_000 % 1:
        raise RefusedRow("price_too_fine", value)
    return plain(price)


def size_text(value: Decimal) -> str:
    """Shares on the wire. Raises RefusedRow for a negative number."""
    if value < 0:
        raise RefusedRow("negative_size", value)
    if value > _MOST_SHARES:
        raise RefusedRow("size_out_of_range", value)
    return plain(tidy(value))


def _levels(levels: Sequence[tuple[str, str]]) -> str:
    return "[" + ",".join(f'{{"price":"{price}","size":"{size}"}}' for price, size in levels) + "]"


def book_object(book: BookSnapshot) -> str:
    """A `book` message in the form of an initial snapshot, with the hash the exchange would give it."""
    bids, asks = _levels(book.bids), _levels(book.asks)
    head = f'{{"market":"{book.market}","asset_id":"{book.token}","timestamp":"{book.t_ms}",'
    hashed = (
        f'{head}"hash":"","bids":{bids},"asks":{asks},"min_order_size":"{MIN_SIZE}","tick_size":"{book.tick}",'
        '"neg_risk":false,"last_trade_price":""}'
    )
    digest = hashlib.sha1(hashed.encode(), usedforsecurity=False).hexdigest()
    return (
        f'{head}"hash":"{digest}","bids":{bids},"asks":{asks},"tick_size":"{book.tick}",'
        '"event_type":"book","last_trade_price":""}'
    )


def books(several: Sequence[BookSnapshot]) -> bytes:
    """Books in one frame: an object for one, an array for more."""
    objects = [book_object(book) for book in several]
    return (objects[0] if len(objects) == 1 else "[" + ",".join(objects) + "]").encode()


def tick_size_change(market: str, token: str, t_ms: int, old: str, new: str) -> bytes:
    return (
        f'{{"event_type":"tick_size_change","asset_id":"{token}","market":"{market}","old_tick_size":"{old}",'
        f'"new_tick_size":"{new}","timestamp":"{t_ms}"}}'
    ).encode()


def iso(t_ns: int) -> str:
    """RFC 3339 in UTC, with the fraction only where there is one."""
    seconds, rest = divmod(t_ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def ticker(product: str, price: str, t_ns: int, sequence: int) -> bytes:
    """A Coinbase Advanced Trade `ticker` frame with what a bare price tells: no quantities, no statistics."""
    return (
        f'{{"channel":"ticker","client_id":"","timestamp":"{iso(t_ns)}","sequence_num":{sequence},"events":'
        f'[{{"type":"update","tickers":[{{"type":"ticker","product_id":"{product}","price":"{price}"}}]}}]}}'
    ).encode()


def last_trade(market: str, token: str, price: str, size: str, side: str, t_ms: int) -> bytes:
    """A `last_trade_price` message; ``side`` is the taker's."""
    return (
        f'{{"market":"{market}","asset_id":"{token}","price":"{price}","size":"{size}","fee_rate_bps":"0",'
        f'"side":"{side}","timestamp":"{t_ms}","event_type":"last_trade_price"}}'
    ).encode()


def synthetic_condition(seed: str) -> str:
    """A condition id for a market whose own was not recorded."""
    return "0x" + hashlib.sha256(f"condition {seed}".encode()).hexdigest()


def synthetic_token(seed: str) -> str:
    """A token id for a token whose own was not recorded."""
    return str(int(hashlib.sha256(f"token {seed}".encode()).hexdigest(), 16))


class Definition(NamedTuple):
    """What is known of a market. Times in Unix ns; ``fee_rate`` as in Gamma's feeSchedule."""

    slug: str
    question: str
    condition: str
    up_token: str
    down_token: str
    start_ns: int
    end_ns: int
    fee_rate: float
    tick: float
    notes: tuple[str, ...]

    def gamma(
        self, payouts: tuple[str, str] | None = None, closed_ns: int = 0, strike: str = "", derived: str = ""
    ) -> bytes:
        """A Gamma market object; with ``payouts`` (Up, Down) a resolved one, closed at ``closed_ns``; with its
        ``strike``, in dollars, where that is known. ``derived``: what the outcome was taken from where none was
        recorded."""
        return msgspec.json.encode(self._object(payouts, closed_ns, strike, derived))

    def _object(self, payouts: tuple[str, str] | None, closed_ns: int, strike: str, derived: str) -> dict[str, Any]:
        closed = payouts is not None
        fields: dict[str, Any] = {
            "slug": self.slug,
            "question": self.question,
            "conditionId": self.condition,
            "outcomes": json.dumps(["Up", "Down"]),
            "outcomePrices": json.dumps(list(payouts or ("0.5", "0.5"))),
            "clobTokenIds": json.dumps([self.up_token, self.down_token]),
            "eventStartTime": iso(self.start_ns),
            "endDate": iso(self.end_ns),
            "active": True,
            "closed": closed,
            "acceptingOrders": not closed,
            "enableOrderBook": True,
            "negRisk": False,
            "orderPriceMinTickSize": self.tick,
            "orderMinSize": int(MIN_SIZE),
            "feesEnabled": self.fee_rate > 0,
            "feeSchedule": {"rate": self.fee_rate, "exponent": 1, "takerOnly": True, "rebateRate": 0.2},
        }
        if closed:
            fields["closedTime"] = iso(closed_ns).replace("T", " ").replace("Z", "+00")
            fields["umaResolutionStatus"] = "resolved"
        if strike:
            fields["events"] = [{"eventMetadata": {"priceToBeat": msgspec.Raw(strike.encode())}}]
        fields[NOTES] = list(self.notes)
        if derived:
            fields[DERIVED] = derived
        return fields
