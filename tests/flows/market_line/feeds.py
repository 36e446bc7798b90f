"""Hand-made feed records for the market line: what a recorder would have written, one call a frame."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from connectors.imports.frames import Definition, iso
from flows.beat import Beat
from flows.market_line.findings import Finding
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.contracts import DeadLetter
from models.envelope import Envelope
from models.journal import AnyEvent, Book, Spot, decode_event
from models.markers import Marker, Notice, Tick, encode_own
from models.message import Lost, Message, Stored
from models.settings import Checks
from models.timestamps import MILLISECOND, SECOND
from models.topics import (
    CONTROL,
    DEAD_LETTER,
    FEED_CLOCK,
    FEED_COINBASE,
    FEED_MARKETS,
    FEED_POLYMARKET,
    JOURNAL,
)

START_S = 1_795_000_200
START = START_S * SECOND
END = START + 300 * SECOND
SLUG = f"btc-updown-5m-{START_S}"
CONDITION = "0xc0"
UP, DOWN = "1111", "2222"
POLY, COIN = "poly-1", "coin-1"

Levels = Sequence[tuple[str, str]]
BIDS: Levels = (("0.47", "30"), ("0.48", "20"), ("0.49", "10"))
ASKS: Levels = (("0.52", "30"), ("0.51", "20"), ("0.50", "10"))

E = TypeVar("E", bound=AnyEvent)


def definition(**changes: Any) -> Definition:
    fields: dict[str, Any] = {
        "slug": SLUG, "question": "?", "condition": CONDITION, "up_token": UP, "down_token": DOWN, "start_ns": START,
        "end_ns": END, "fee_rate": 0.07, "tick": 0.01, "notes": (),
    }  # fmt: skip
    return Definition(**{**fields, **changes})


def levels(several: Levels) -> list[dict[str, str]]:
    return [{"price": price, "size": size} for price, size in several]


def book_hash(message: dict[str, Any], last_trade_price: str, tick: str = "0.01", min_size: str = "5") -> str:
    """The exchange's checksum, by the documented rule and with the standard library alone."""
    content = {
        "market": message["market"],
        "asset_id": message["asset_id"],
        "timestamp": message["timestamp"],
        "hash": "",
        "bids": message["bids"],
        "asks": message["asks"],
        "min_order_size": min_size,
        "tick_size": tick,
        "neg_risk": False,
        "last_trade_price": last_trade_price,
    }
    return hashlib.sha1(json.dumps(content, separators=(",", ":")).encode(), usedforsecurity=False).hexdigest()


class Rig:
    """A market line and a recorder's numbering. ``now`` is receive time; frames are stamped 20 ms before it."""

    def __init__(self, checks: Checks | None = None) -> None:
        self.line = MarketLine(bounds_of(checks or Checks()), "main")
        self.now = START + SECOND
        self.seq = 0
        self.ticks = 0
        self.offsets: dict[str, int] = {}
        self.numbers: dict[str, int] = {}
        self.sequences: dict[str, int] = {}
        self.events: list[AnyEvent] = []
        self.findings: list[Finding] = []
        self.letters: list[DeadLetter] = []
        self.beats: list[Beat] = []
        self.made: list[AnyEvent] = []  # by the last record

    # --- records ---

    def record(self, topic: str, value: bytes, conn: str = "", envelope: bytes | None = None) -> list[AnyEvent]:
        """Feed one record; the events it made."""
        offset = self.offsets.get(topic, 0)
        self.offsets[topic] = offset + 1
        if envelope is None:
            number = self.numbers.get(conn, 0)
            self.numbers[conn] = number + 1
            envelope = Envelope(self.now, "run", self.seq, conn, number).encode()
            self.seq += 1
        return self.take(Stored(topic, 0, offset, conn, value, self.now, envelope=envelope))

    def take(self, record: Stored | Lost) -> list[AnyEvent]:
        self.made = []
        for out in self.line.advance(record):
            if isinstance(out, Finding):
                self.findings.append(out)
            elif isinstance(out, Beat):
                self.beats.append(out)
            else:
                self._message(out)
        self.events.extend(self.made)
        return self.made

    def _message(self, message: Message) -> None:
        if message.topic == JOURNAL:
            self.made.append(decode_event(message.value))
        elif message.topic == DEAD_LETTER:
            self.letters.append(DeadLetter.read(message.value))

    def pass_time(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    # --- Polymarket ---

    def exchange_ms(self, ms: int | None) -> str:
        return str(self.now // MILLISECOND - 20 if ms is None else ms)

    def poly(self, *messages: dict[str, Any], conn: str = POLY) -> list[AnyEvent]:
        value = json.dumps(messages[0] if len(messages) == 1 else list(messages), separators=(",", ":"))
        return self.record(FEED_POLYMARKET, value.encode(), conn)

    def snapshot(
        self, token: str = UP, bids: Levels = BIDS, asks: Levels = ASKS, ms: int | None = None, **more: Any
    ) -> dict[str, Any]:
        return {
            "market": CONDITION, "asset_id": token, "timestamp": self.exchange_ms(ms), "bids": levels(bids),
            "asks": levels(asks), "event_type": "book", **more,
        }  # fmt: skip

    def change(self, *changes: tuple[str, ...] | dict[str, Any], ms: int | None = None) -> dict[str, Any]:
        """A price_change message of (token, side, price, size) entries."""
        entries = [
            each if isinstance(each, dict) else dict(zip(("asset_id", "side", "price", "size"), each, strict=True))
            for each in changes
        ]
        return {"market": CONDITION, "price_changes": entries, "timestamp": self.exchange_ms(ms),
                "event_type": "price_change"}  # fmt: skip

    def of_token(self, kind: str, token: str = UP, ms: int | None = None, **more: Any) -> dict[str, Any]:
        return {"event_type": kind, "market": CONDITION, "asset_id": token, "timestamp": self.exchange_ms(ms), **more}

    def open_market(self) -> None:
        """The definition and a mirrored snapshot of both tokens."""
        self.define()
        self.both()

    def both(self, conn: str = POLY) -> list[AnyEvent]:
        return self.poly(self.snapshot(UP), self.snapshot(DOWN), conn=conn)

    # --- the other feeds ---

    def define(self, payouts: tuple[str, str] | None = None, **changes: Any) -> list[AnyEvent]:
        body = definition(**changes).gamma(payouts, self.now)
        return self.record(FEED_MARKETS, body, "gamma")

    def coin(
        self, channel: str, events: list[dict[str, Any]], conn: str = COIN, number: int | None = None, t: int = 0
    ) -> list[AnyEvent]:
        sequence = self.sequences.get(conn, 0) if number is None else number
        self.sequences[conn] = sequence + 1
        body = {"channel": channel, "timestamp": iso(t or self.now - 10 * MILLISECOND), "sequence_num": sequence,
                "events": events}  # fmt: skip
        return self.record(FEED_COINBASE, json.dumps(body).encode(), conn)

    def level2(
        self, kind: str, updates: Sequence[tuple[str, str, str]], product: str = "BTC-USD", **more: Any
    ) -> list[AnyEvent]:
        rows = [{"side": side, "price_level": price, "new_quantity": size} for side, price, size in updates]
        return self.coin("l2_data", [{"type": kind, "product_id": product, "updates": rows}], **more)

    def spot(self, bid: str = "60000", ask: str = "60001", **more: Any) -> list[AnyEvent]:
        return self.level2("snapshot", [("bid", bid, "1"), ("offer", ask, "2")], **more)

    def ticker(self, price: str, **more: Any) -> list[AnyEvent]:
        return self.coin("ticker", [{"type": "update", "tickers": [{"product_id": "BTC-USD", "price": price}]}], **more)

    def tick(self) -> list[AnyEvent]:
        self.ticks += 1
        return self.own(FEED_CLOCK, Tick(self.ticks - 1, self.now, {}))

    def own(self, topic: str, record: Marker | Tick | Notice) -> list[AnyEvent]:
        return self.record(topic, encode_own(record), "recorder")

    def control(self, value: bytes) -> list[AnyEvent]:
        return self.record(CONTROL, value, envelope=b"")

    # --- reading ---

    def reasons(self) -> list[str]:
        return [finding.reason for finding in self.findings for _ in range(finding.count)]

    def only(self, kind: type[E]) -> E:
        """The one event of this kind that the last record made."""
        (event,) = [each for each in self.made if isinstance(each, kind)]
        return event

    def latest_book(self) -> Book:
        return next(event for event in reversed(self.events) if isinstance(event, Book) and event.key == SLUG)

    def latest_spot(self) -> Spot:
        return next(event for event in reversed(self.events) if isinstance(event, Spot))
