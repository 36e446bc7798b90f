"""Frames of the market channel in the exchange's own writing, where a recorder wrote them in another one.

The first version's `changes`; ids, times, prices and sizes as numbers, where the exchange writes text; and what a float
adds to a price.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from connectors.imports.frames import price_text, size_text
from connectors.imports.reading import decode_json
from connectors.imports.summary import ImportSummary, RefusedRow
from connectors.imports.values import identity, number
from connectors.polymarket.fields import check_messages
from connectors.polymarket.wire import MarketMessage, decode_frame

UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, ValueError, OverflowError, RecursionError)
#: The finding that a frame goes on as it was recorded, and the market line will make nothing of a part of it.
DEAD: Final = "frames_with_a_part_that_cannot_be_used"
_CONVERTED: Final = "price_change messages of the first version (changes) are written as the second (price_changes)"
_RESTATED: Final = "numbers in frames are written as text, prices without what floats add: as the exchange writes them"
_PRICES: Final = frozenset({"price", "best_bid", "best_ask", "last_trade_price"})
_SIZES: Final = frozenset({"size"})
_IDS: Final = frozenset(
    {"asset_id", "market", "timestamp", "hash", "id", "winning_asset_id", "tick_size", "old_tick_size", "new_tick_size",
     "min_order_size", "fee_rate_bps", "assets_ids"}
)  # fmt: skip


def as_the_exchange_writes(frame: bytes, where: str, summary: ImportSummary) -> tuple[bytes, list[MarketMessage]]:
    """A frame and its messages: as recorded where it can be used so, else in the exchange's writing, else as recorded
    with a finding. Raises one of ``UNREADABLE`` for what is no frame, and RefusedRow for changes that are none."""
    if b'"changes"' in frame:
        frame = _second_version(frame, summary)
    try:
        messages = decode_frame(frame)
        check_messages(messages)
        return frame, messages
    except UNREADABLE as cause:
        why = cause
    try:
        again = msgspec.json.encode(_restated(decode_json(frame)))
        messages = decode_frame(again)
        check_messages(messages)
    except UNREADABLE:
        messages = decode_frame(frame)
        summary.find(DEAD, f"{where}: {str(why)[:200]}")
        return frame, messages
    summary.count("frames_written_as_the_exchange_does")
    summary.note(_RESTATED)
    return again, messages


def _restated(value: Any, key: str = "") -> Any:
    """Raises RefusedRow for a price or a size that is none."""
    if isinstance(value, dict):
        return {name: _restated(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_restated(inner, key) for inner in value]
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        return value
    if key in _PRICES:
        return price_text(number(value))
    if key in _SIZES:
        return size_text(number(value))
    return identity(value) if key in _IDS else value


def _second_version(frame: bytes, summary: ImportSummary) -> bytes:
    """A frame whose `price_change` messages state their token once, as the exchange writes them today.

    Raises msgspec.DecodeError, and RefusedRow for changes that are none."""
    whole = decode_json(frame)
    found = False
    for message in whole if isinstance(whole, list) else [whole]:
        if not isinstance(message, dict) or message.get("event_type") != "price_change" or "changes" not in message:
            continue
        changes = message.pop("changes")
        if "price_changes" in message:
            continue
        if isinstance(changes, str):
            changes = decode_json(changes.encode())
        token, digest = message.pop("asset_id", ""), message.pop("hash", "")
        try:
            message["price_changes"] = [
                {
                    "asset_id": str(change.get("asset_id", token)),
                    "price": str(change["price"]),
                    "size": str(change["size"]),
                    "side": str(change["side"]).upper(),
                    "hash": str(change.get("hash", digest)),
                }
                for change in changes
            ]
        except (KeyError, TypeError, AttributeError):
            raise RefusedRow("not_a_price_change", str(changes)) from None
        found = True
    if not found:
        return frame
    summary.count("price_changes_of_the_first_version")
    summary.note(_CONVERTED)
    return msgspec.json.encode(whole)
