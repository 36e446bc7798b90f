"""Coinbase Advanced Trade's wire format: the public channels, decoded and nothing more."""

from __future__ import annotations

import msgspec


class LevelUpdate(msgspec.Struct, gc=False):
    """``new_quantity`` is absolute; zero removes the level. ``side``: ``bid`` or ``offer``."""

    side: str
    price_level: str
    new_quantity: str


class TradeEntry(msgspec.Struct, gc=False):
    """``side`` is the maker's: the aggressor is the opposite."""

    product_id: str
    price: str
    size: str
    side: str
    trade_id: str = ""
    time: str = ""


class TickerEntry(msgspec.Struct, gc=False):
    product_id: str
    price: str
    best_bid: str = ""
    best_ask: str = ""


class ChannelEvent(msgspec.Struct, gc=False):
    """One entry of ``events``; which fields are set depends on the channel."""

    type: str = ""
    product_id: str = ""
    updates: list[LevelUpdate] | None = None
    trades: list[TradeEntry] | None = None
    tickers: list[TickerEntry] | None = None
    heartbeat_counter: int | str | None = None


class ChannelMessage(msgspec.Struct, gc=False):
    """A frame. ``sequence_num`` is contiguous per connection over all channels, from 0."""

    channel: str
    timestamp: str = ""
    sequence_num: int = -1
    events: list[ChannelEvent] | None = None


_decoder = msgspec.json.Decoder(ChannelMessage)


def decode_frame(frame: bytes) -> ChannelMessage:
    """Raises msgspec.DecodeError for a frame that is not as the wire format says."""
    return _decoder.decode(frame)
