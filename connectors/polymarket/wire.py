"""Polymarket's wire format: CLOB market-channel frames and Gamma or CLOB market objects, decoded and nothing more.

A market-channel frame is one JSON object or an array of them; every number is a string. One permissive struct serves
all event types: ``event_type`` stands last in the largest frames, so that a tagged union would have to read them twice.
"""

from __future__ import annotations

import json
from typing import Annotated, Final

import msgspec

from models.money import MICRO, SHARE, NotANumber

REST_LINE: Final = "rest"  # name of the recorder's numbering that carries answers of REST ``/book``
_MOST_SHARES = 1e9  # what a float holds to the micro-share; far beyond any book


class Level(msgspec.Struct, gc=False):
    """A price level: dollars a share as the decimal string it came as, and shares. A float holds a size of up to a
    thousand million shares to the micro-share, and is had three times faster than the string's exact value."""

    price: str
    size: Annotated[float, msgspec.Meta(ge=0, le=_MOST_SHARES)]


class _TextLevel(msgspec.Struct, gc=False):
    price: str
    size: str


class Change(msgspec.Struct, gc=False):
    """One entry of ``price_changes``; ``size`` is the level's new total, "0" removes it."""

    asset_id: str
    price: str
    size: str
    side: str
    hash: str = ""
    best_bid: str | None = None
    best_ask: str | None = None


class OldChange(msgspec.Struct, gc=False):
    """One entry of ``changes``, the form ``price_change`` had for one token before September 2025."""

    price: str
    size: str
    side: str


class FeeSchedule(msgspec.Struct, gc=False):
    """Fee parameters; strings on the socket, numbers on Gamma."""

    rate: float | str = 0.0
    exponent: float | str = 1
    taker_only: bool = True
    rebate_rate: float | str | None = None


class MarketMessage(msgspec.Struct, gc=False):
    """Any message of the market channel, or the body of REST ``/book``. Which fields are set depends on
    ``event_type``; the REST body has none, see ``is_rest_book``."""

    event_type: str = ""
    timestamp: str = ""
    market: str = ""
    asset_id: str = ""
    bids: list[Level] | None = None
    asks: list[Level] | None = None
    hash: str = ""
    tick_size: str = ""
    min_order_size: str = ""
    last_trade_price: str | None = None
    price_changes: list[Change] | None = None
    changes: list[OldChange] | None = None
    price: str = ""
    side: str = ""
    size: str = ""
    best_bid: str | None = None
    best_ask: str | None = None
    old_tick_size: str = ""
    new_tick_size: str = ""
    slug: str = ""
    assets_ids: list[str] | None = None
    outcomes: list[str] | None = None
    winning_asset_id: str = ""
    winning_outcome: str = ""
    order_price_min_tick_size: str = ""
    fees_enabled: bool = False
    fee_schedule: FeeSchedule | None = None

    @property
    def is_rest_book(self) -> bool:
        """Whether this is a whole ``/book`` answer of the CLOB's REST side."""
        return bool(
            not self.event_type and self.asset_id and self.timestamp and self.bids is not None and self.asks is not None
        )


class _TextMessage(MarketMessage, gc=False):
    """As it is on the wire: levels of two strings."""

    bids: list[_TextLevel] | None = None  # type: ignore[assignment]
    asks: list[_TextLevel] | None = None  # type: ignore[assignment]


# lax: a number may stand in a string, as all of them do on this wire
_one = msgspec.json.Decoder(MarketMessage, strict=False)
_many = msgspec.json.Decoder(list[MarketMessage], strict=False)
_one_text = msgspec.json.Decoder(_TextMessage)
_many_text = msgspec.json.Decoder(list[_TextMessage])
_raw = msgspec.json.Decoder(list[msgspec.Raw])


def decode_frame(frame: bytes) -> list[MarketMessage]:
    """The messages of a frame, in order.

    Raises msgspec.DecodeError (ValidationError is one) for a frame that is not as the wire format says, and NotANumber
    for a size that is none."""
    try:
        messages = _many.decode(frame) if frame[:1] == b"[" else [_one.decode(frame)]
    except msgspec.ValidationError:
        messages = _decode_text(frame)  # ".5" and "5." are numbers on this wire and none in JSON
    for message in messages:
        if not message.event_type and not message.is_rest_book:
            raise msgspec.ValidationError("a message without event_type that is no whole answer of /book either")
        if message.changes is not None:
            _modernise(message)
    return messages


def _modernise(message: MarketMessage) -> None:
    """A ``price_change`` of one token in the form of today."""
    if message.event_type == "price_change" and message.price_changes is None and message.asset_id:
        message.price_changes = [
            Change(message.asset_id, each.price, each.size, each.side) for each in message.changes or ()
        ]
    message.changes = None


def _decode_text(frame: bytes) -> list[MarketMessage]:
    texts = _many_text.decode(frame) if frame[:1] == b"[" else [_one_text.decode(frame)]
    messages: list[MarketMessage] = []
    for text in texts:
        fields = {name: getattr(text, name) for name in MarketMessage.__struct_fields__}
        for side in ("bids", "asks"):
            if fields[side] is not None:
                fields[side] = [Level(level.price, _shares(level.size)) for level in fields[side]]
        messages.append(MarketMessage(**fields))
    return messages


def _shares(text: str) -> float:
    shares = MICRO[text] / SHARE
    if shares > _MOST_SHARES:
        raise NotANumber(f"a size of {text!r} shares is out of bounds")
    return shares


def is_rest_line(conn: str) -> bool:
    """Whether the connection id is of the numbering that carries REST ``/book`` answers: ``rest``, or ``RUN.restN``."""
    return conn.rpartition(".")[2].rstrip("0123456789") == REST_LINE


def objects(frame: bytes) -> list[bytes]:
    """The bytes of each element of the frame, as they stand, which may be any JSON. Raises msgspec.DecodeError."""
    if frame.lstrip()[:1] == b"[":
        return [bytes(each) for each in _raw.decode(frame)]
    msgspec.json.decode(frame, type=msgspec.Raw)
    return [frame]


def object_at(frame: bytes, number: int) -> bytes:
    """The bytes of the frame's object ``number``, as they stand. Raises msgspec.DecodeError."""
    return bytes(_raw.decode(frame)[number]) if frame[:1] == b"[" else frame


def level_runs(book: bytes) -> tuple[bytes, bytes]:
    """The levels of a ``book`` object in the wire's own digits, compact: the runs between the brackets.

    Raises msgspec.DecodeError."""
    bids = book.find(b'"bids":[') + 8
    asks = book.find(b'"asks":[') + 8
    if bids >= 8 and asks >= 8:
        runs = book[bids : book.find(b"]", bids)], book[asks : book.find(b"]", asks)]
        if b" " not in runs[0] and b" " not in runs[1]:
            return runs
    text = _one_text.decode(book)
    return _run(text.bids), _run(text.asks)


def _run(levels: list[_TextLevel] | None) -> bytes:
    return b",".join(b'{"price":"%b","size":"%b"}' % (x.price.encode(), x.size.encode()) for x in levels or ())


class EventMetadata(msgspec.Struct, gc=False, rename="camel"):
    price_to_beat: float | str | None = None
    final_price: float | str | None = None


class GammaEvent(msgspec.Struct, gc=False, rename="camel"):
    event_metadata: EventMetadata | None = None


class GammaFees(msgspec.Struct, gc=False, rename="camel"):
    rate: float | str | None = 0.0
    exponent: float | str | None = 1
    rebate_rate: float | str | None = None


class CryptoConfig(msgspec.Struct, gc=False, rename="camel"):
    twap_enabled: bool | None = None
    twap_lookback_seconds: float | str | None = None


Listed = str | list[str | int | float | None] | None


class GammaMarket(msgspec.Struct, gc=False, rename="camel"):
    """A Gamma market object, the fields that matter. Lists are JSON-encoded strings on the wire, or real ones; null
    where it is not known yet."""

    slug: str
    condition_id: str | None = None
    clob_token_ids: Listed = None
    outcomes: Listed = None
    outcome_prices: Listed = None
    event_start_time: str | None = None
    end_date: str | None = None
    closed: bool | None = None
    uma_resolution_status: str | None = None
    uma_resolution_statuses: Listed = None
    order_price_min_tick_size: float | str | None = None
    order_min_size: float | str | None = None
    accepting_orders: bool | None = None
    seconds_delay: float | str | None = None
    fees_enabled: bool | None = None
    fee_schedule: GammaFees | None = None
    crypto_market_config: CryptoConfig | None = None
    events: list[GammaEvent | None] | None = None
    derived: str | None = msgspec.field(name="_derived", default=None)  # by an import: what its outcome was taken from

    @property
    def status(self) -> str:
        """The oracle's word on the resolution, "" where there is none: the last of several."""
        if self.uma_resolution_status:
            return self.uma_resolution_status
        several = decode_list(self.uma_resolution_statuses)
        return str(several[-1] or "") if several else ""


class ClobToken(msgspec.Struct, gc=False):
    token_id: str
    outcome: str | None = None
    winner: bool | None = None


class ClobMarket(msgspec.Struct, gc=False):
    """``GET /markets/{condition_id}`` of the CLOB: the second source for a resolution."""

    condition_id: str
    tokens: list[ClobToken | None] | None = None
    closed: bool | None = None
    accepting_orders: bool | None = None
    seconds_delay: float | str | None = None
    itode: bool | None = None
    is_50_50_outcome: bool | None = None


_gamma = msgspec.json.Decoder(GammaMarket)
_clob = msgspec.json.Decoder(ClobMarket)


def decode_market(body: bytes) -> GammaMarket | ClobMarket:
    """A market object from Gamma or the CLOB. Raises msgspec.DecodeError when it is neither."""
    try:
        return _gamma.decode(body)
    except msgspec.ValidationError:
        if b'"condition_id"' in body and b'"conditionId"' not in body:
            return _clob.decode(body)
        raise


def decode_list(listed: Listed) -> list[str | int | float | None] | None:
    """A list as Gamma has it: JSON-encoded in a string, or a real one; None where it is not known. Raises ValueError
    for anything else."""
    if listed is None or isinstance(listed, list):
        return listed
    if not listed.strip():
        return None
    found = json.loads(listed)  # token ids may be numbers of 77 digits
    if found is None:
        return None
    if not isinstance(found, list) or not all(each is None or isinstance(each, (str, int, float)) for each in found):
        raise ValueError(f"{listed[:60]!r} is no list of texts or numbers")
    return found


def decode_strings(listed: Listed) -> list[str]:
    """The texts of such a list, whole numbers as their digits; empty where it, or all of it, is not known. Raises
    ValueError."""
    texts = decode_list(listed) or []
    if all(each is None for each in texts):
        return []
    if any(each is None or isinstance(each, (float, bool)) for each in texts):
        raise ValueError(f"{str(listed)[:60]!r} is no list of texts")
    return [str(each) for each in texts]
