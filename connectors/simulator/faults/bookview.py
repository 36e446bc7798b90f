"""Books shown wrongly: edits of the market channel's frames that keep to themselves. Pure.

What the exchange says of a token is moved, halved or hidden in every frame alike, and its checksums are made anew: the
content is wrong and nothing else, so that each check is tried by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from connectors.simulator.ladder import ONE
from connectors.simulator.texts import book_hash, levels_text, price_text
from connectors.simulator.updown import UpDownMarket

Message = dict[str, Any]


@dataclass(frozen=True)
class TokenDisplay:
    """How one token is shown. Shifts in pips; ``without``: a side that is left out; ``hidden``: not at all;
    ``false_hash``: with a checksum of nothing."""

    bid_shift: int = 0
    ask_shift: int = 0
    without: Literal["", "bids", "asks"] = ""
    hidden: bool = False
    false_hash: bool = False

    def over(self, other: TokenDisplay) -> TokenDisplay:
        """Both at once."""
        return TokenDisplay(
            self.bid_shift + other.bid_shift,
            self.ask_shift + other.ask_shift,
            self.without or other.without,
            self.hidden or other.hidden,
            self.false_hash or other.false_hash,
        )


Find = Callable[[str], tuple[UpDownMarket, int] | None]


def whole_book(market: UpDownMarket, index: int, ms: int) -> bytes:
    """A ``book`` object that states everything its checksum covers, stamped ``ms``."""
    b = market.book(index, ms)
    return (
        f'{{"market":"{b["market"]}","asset_id":"{b["asset_id"]}","timestamp":"{b["timestamp"]}",'
        f'"hash":"{b["hash"]}","bids":{b["bids"]},"asks":{b["asks"]},"tick_size":"{b["tick_size"]}",'
        f'"event_type":"book","last_trade_price":"{b["last_trade_price"]}"}}'
    ).encode()


def shown(frame: bytes, views: Mapping[str, TokenDisplay], skew_ms: int, find: Find) -> tuple[bytes | None, set[str]]:
    """The frame as it is shown (None: not at all), and the tokens that were shown otherwise than they are."""
    if frame[:1] not in (b"{", b"["):
        return frame, set()  # plain text shows no book
    body = json.loads(frame)
    messages: list[Message] = body if isinstance(body, list) else [body]
    touched: set[str] = set()
    left = [
        new
        for message in messages
        if (new := _message(message, views, skew_ms, find, touched) if isinstance(message, dict) else message)
        is not None
    ]
    if not touched and not skew_ms:
        return frame, touched
    if not left:
        return (b"[]" if isinstance(body, list) else None), touched
    text = json.dumps(left if isinstance(body, list) else left[0], separators=(",", ":"))
    return text.encode(), touched


def _message(
    message: Message, views: Mapping[str, TokenDisplay], skew_ms: int, find: Find, touched: set[str]
) -> Message | None:
    kind = message.get("event_type")
    token = str(message.get("asset_id", ""))
    view = views.get(token)
    if kind == "price_change":
        message = _change(message, views, touched)
        if not message["price_changes"]:
            return None
    elif view is not None and view.hidden:
        touched.add(token)
        return None
    elif kind == "book":
        return _book(message, view, skew_ms, find(token), touched)
    elif kind == "best_bid_ask" and view is not None:
        bid, ask = _best(message["best_bid"], message["best_ask"], view)
        if (bid, ask) != (message["best_bid"], message["best_ask"]):
            touched.add(token)
            spread = price_text(_pips(ask) - _pips(bid)) if _pips(bid) and _pips(ask) < ONE else ""
            message = message | {"best_bid": bid, "best_ask": ask, "spread": spread}
    if skew_ms and "timestamp" in message:
        message = message | {"timestamp": str(int(message["timestamp"]) + skew_ms)}
    return message


def _book(
    message: Message, view: TokenDisplay | None, skew_ms: int, found: tuple[UpDownMarket, int] | None, touched: set[str]
) -> Message:
    """The checksum is made anew only where the old one is known to be right; else it is left out."""
    before = _checksum(message, found)
    after = dict(message)
    if view is not None:
        for side, shift in (("bids", view.bid_shift), ("asks", view.ask_shift)):
            if shift:
                after[side] = _moved(message[side], shift)
        if view.without:
            after[view.without] = []
        if view.false_hash or after != message:
            touched.add(str(message["asset_id"]))
    if skew_ms:
        after["timestamp"] = str(int(message["timestamp"]) + skew_ms)
    if after != message:
        after["hash"] = _checksum(after, found) if before and before == message.get("hash") else ""
    if view is not None and view.false_hash:
        after["hash"] = "0" * 40
    return after


def _checksum(message: Message, found: tuple[UpDownMarket, int] | None) -> str:
    if found is None:
        return ""
    market, index = found
    pieces = market.book(index)
    pieces["timestamp"] = message["timestamp"]
    for side in ("bids", "asks"):
        pieces[side] = levels_text([(_pips(each["price"]), round(float(each["size"]) * 100)) for each in message[side]])
    return book_hash(pieces)


def _change(message: Message, views: Mapping[str, TokenDisplay], touched: set[str]) -> Message:
    entries = []
    for entry in message["price_changes"]:
        token = entry["asset_id"]
        view = views.get(token)
        if view is None:
            entries.append(entry)
            continue
        side, shift = ("bids", view.bid_shift) if entry["side"] == "BUY" else ("asks", view.ask_shift)
        price = _pips(entry["price"]) + shift
        if view.hidden or view.without == side or not 0 < price < ONE:
            touched.add(token)
            continue
        bid, ask = _best(entry["best_bid"], entry["best_ask"], view)
        new = entry | {"best_bid": bid, "best_ask": ask}
        if shift:
            new["price"] = price_text(price)
        if new != entry:
            touched.add(token)
        entries.append(new)
    return message | {"price_changes": entries}


def _best(bid: str, ask: str, view: TokenDisplay) -> tuple[str, str]:
    """The best prices as shown: "0" and "1" where a side is empty."""
    bid_pips, ask_pips = _pips(bid), _pips(ask)
    if view.without == "bids":
        bid = "0"
    elif view.bid_shift and bid_pips > 0:
        bid = price_text(bid_pips + view.bid_shift)
    if view.without == "asks":
        ask = "1"
    elif view.ask_shift and ask_pips < ONE:
        ask = price_text(ask_pips + view.ask_shift)
    return bid, ask


def _moved(levels: list[dict[str, str]], shift: int) -> list[dict[str, str]]:
    moved = [(_pips(level["price"]) + shift, level["size"]) for level in levels]
    return [{"price": price_text(price), "size": size} for price, size in moved if 0 < price < ONE]


def _pips(text: str) -> int:
    return round(float(text) * ONE)
