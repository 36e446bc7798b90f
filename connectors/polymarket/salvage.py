"""A frame of the market channel of which not all can be used: what of it can, and what the rest may have changed.

What cannot be read invalidates exactly what it may have changed. A bad element of an array takes nothing from its
siblings, a bad entry of a ``price_change`` nothing from the other token, and a message that names only other tokens or
markets nothing of ours. Only what speaks of books and names nobody may have changed any of them.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from connectors.polymarket.fields import check_message
from connectors.polymarket.wire import Change, MarketMessage, decode_frame, objects

UNREADABLE: Final = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
_OF_BOOKS: Final = frozenset({"book", "price_change", "tick_size_change"})
_OF_TRADES: Final = "last_trade_price"
_BOOKISH: Final = frozenset({"bids", "asks", "price_changes", "changes", "new_tick_size"})
_TRADISH: Final = frozenset({"price", "size"})


class Odd(msgspec.Struct, frozen=True):
    """An element that cannot be used, and ``why``. It may have changed the books of ``tokens``, of all tokens of
    ``market``, or with ``anything`` of all of the connection; without these none. ``is_trade``: what traded last, not
    the levels."""

    why: str
    tokens: tuple[str, ...] = ()
    market: str = ""
    anything: bool = False
    is_trade: bool = False


Element = tuple[int, MarketMessage | Odd]  # with its place in the frame


def salvage(frame: bytes) -> list[Element]:
    """The frame's elements in order. Raises msgspec.DecodeError or RecursionError for a frame that is no JSON: it may
    have been anything."""
    found: list[Element] = []
    for at, raw in enumerate(objects(frame)):
        try:
            (message,) = decode_frame(raw)
            check_message(message)
            found.append((at, message))
        except UNREADABLE as cause:
            found.extend((at, each) for each in _take_apart(_read(raw), str(cause)))
    return found


def about(message: MarketMessage, why: str) -> Odd:
    """What a message that turned out to be unusable may have changed."""
    if message.event_type in ("book", "tick_size_change"):
        return Odd(why, (message.asset_id,))
    if message.event_type == "price_change":
        return Odd(why, tuple(dict.fromkeys(change.asset_id for change in message.price_changes or ())))
    return Odd(why)


def _read(raw: bytes) -> Any:
    """Any JSON; text that is no UTF-8 is read as far as it goes. Raises msgspec.DecodeError and RecursionError."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return msgspec.json.decode(raw.decode(errors="replace"))


def _take_apart(value: Any, why: str) -> list[MarketMessage | Odd]:
    if isinstance(value, list):  # an array in an array is no message, whatever stands in it
        return [odd for each in value for odd in _take_apart(each, why) if isinstance(odd, Odd)] or [Odd(why)]
    if not isinstance(value, dict):
        return [Odd(why)]
    stated = value.get("event_type")
    kind = stated if isinstance(stated, str) else ""
    typeless = not kind
    if kind == "price_change":
        return _changes(value, why)
    if kind in _OF_BOOKS or (typeless and _BOOKISH.intersection(value)):
        if typeless and isinstance(value.get("price_changes"), list):
            return [_changed(value, value["price_changes"], why)]
        token = _text(value.get("asset_id"))
        return [_about(value, (token,) if token else (), not token, why)]
    if kind == _OF_TRADES or (typeless and value.keys() >= _TRADISH):
        token = _text(value.get("asset_id"))
        about = _about(value, (token,) if token else (), not token, why)
        return [Odd(why, about.tokens, about.market, about.anything, is_trade=True)]
    return [Odd(why)]


def _changes(value: dict[str, Any], why: str) -> list[MarketMessage | Odd]:
    """The entries that can be used, as a message of their own, and what the others may have changed."""
    entries = value.get("price_changes")
    if not isinstance(entries, list):
        token = _text(value.get("asset_id"))  # the old form, of one token
        return [_about(value, (token,) if token else (), not token, why)]
    good: list[Change] = []
    bad: list[Any] = []
    for entry in entries:
        one = value | {"price_changes": [entry]}
        try:
            message = msgspec.convert(one, MarketMessage, strict=False)
            check_message(message)
            good.extend(message.price_changes or ())
        except UNREADABLE:
            bad.append(entry)
    odd = _changed(value, bad, why)
    sound = [change for change in good if change.asset_id not in odd.tokens]
    if not sound or odd.market or odd.anything:
        return [odd if odd.market or odd.anything else _changed(value, entries, why)]
    message = msgspec.convert(value | {"price_changes": []}, MarketMessage, strict=False)
    message.price_changes = sound
    return [message, odd]


def _changed(value: dict[str, Any], entries: list[Any], why: str) -> Odd:
    names = [_text(entry.get("asset_id")) if isinstance(entry, dict) else "" for entry in entries]
    return _about(value, tuple(dict.fromkeys(name for name in names if name)), not all(names), why)


def _about(value: dict[str, Any], tokens: tuple[str, ...], unnamed: bool, why: str) -> Odd:
    """``unnamed``: it may speak of more than ``tokens``, at most of its market."""
    if not unnamed:
        return Odd(why, tokens)
    market = _text(value.get("market"))
    return Odd(why, tokens, market, anything=not market)


def _text(value: Any) -> str:
    """A name as it may have been meant."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""
