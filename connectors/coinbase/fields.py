"""Whether a Coinbase frame has all it needs, before anything of it is applied: it is taken whole or not at all."""

from __future__ import annotations

from connectors.coinbase.wire import ChannelMessage, decode_frame
from models.decoding import MissingField
from models.money import MICRO
from models.timestamps import parse_iso


def check_channel(message: ChannelMessage) -> None:
    """A Coinbase frame. Raises MissingField."""
    if message.sequence_num < 0 or not message.timestamp:
        raise MissingField(
            f"{message.channel[:40]!r} without {'timestamp' if not message.timestamp else 'sequence_num'}"
        )
    if message.channel == "l2_data":
        for event in message.events or ():
            if not event.product_id or event.updates is None or event.type not in ("snapshot", "update"):
                raise MissingField("'l2_data' with an event without product_id, updates or known type")
    elif message.channel == "ticker":
        for event in message.events or ():
            if event.tickers is None or not all(each.product_id for each in event.tickers):
                raise MissingField("'ticker' with an event without tickers or product_id")
    elif message.channel == "market_trades":
        for event in message.events or ():
            if event.trades is None or not all(each.product_id for each in event.trades):
                raise MissingField("'market_trades' with an event without trades or product_id")
            for trade in event.trades:
                if trade.side.upper() not in ("BUY", "SELL"):
                    raise ValueError(f"side {trade.side[:20]!r} of a trade is neither BUY nor SELL")


def check_frame(frame: bytes) -> None:
    """A frame as it came, prices and quantities included. Raises msgspec.DecodeError or ValueError where it cannot be
    used: what it said of its products is lost."""
    message = decode_frame(frame)
    if message.timestamp:
        parse_iso(message.timestamp)
    check_channel(message)
    for event in message.events or ():
        for update in event.updates or ():
            MICRO[update.price_level], MICRO[update.new_quantity]
            if update.side not in ("bid", "offer", "ask"):
                raise ValueError(f"side {update.side[:20]!r} is neither bid nor offer")
        for ticker in event.tickers or ():
            MICRO[ticker.price]
        for trade in event.trades or ():
            MICRO[trade.price], MICRO[trade.size]
