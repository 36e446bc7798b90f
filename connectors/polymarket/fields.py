"""Whether a message has all it needs, before anything of it is applied: it is taken whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.polymarket.wire import MarketMessage
from models.decoding import MissingField
from models.money import MICRO, PIPS, TICKS
from models.timestamps import parse_epoch_ms


def check_message(message: MarketMessage) -> None:
    """Raises MissingField, NotANumber or ValueError for a message that must not be applied."""
    check = _CHECKS.get(message.event_type)
    if check is not None:
        check(message)


def check_messages(messages: Sequence[MarketMessage]) -> None:
    """The same for all messages of a frame."""
    for message in messages:
        check_message(message)


def check_book(message: MarketMessage) -> None:
    """``book``: token, time and both sides. Prices and sizes are checked when they are taken."""
    if not message.asset_id or message.bids is None or message.asks is None or not message.timestamp:
        raise MissingField(_lacks(message, ("asset_id", "timestamp", "bids", "asks")))


def _changes(message: MarketMessage) -> None:
    if message.price_changes is None:
        raise MissingField(_lacks(message, ("price_changes",)))
    _time(message)
    for change in message.price_changes:
        if not change.asset_id:
            raise MissingField("'price_change' with an entry without asset_id")
        PIPS[change.price], MICRO[change.size]
        if change.side not in ("BUY", "SELL"):
            raise ValueError(f"side {change.side[:20]!r} is neither BUY nor SELL")
        if change.best_bid:
            PIPS[change.best_bid]
        if change.best_ask:
            PIPS[change.best_ask]


def _best(message: MarketMessage) -> None:
    _token(message)
    for stated in (message.best_bid, message.best_ask):
        if stated:
            PIPS[stated]


def _trade(message: MarketMessage) -> None:
    _token(message)
    if not message.price or not message.size or message.side not in ("BUY", "SELL"):
        raise MissingField(_lacks(message, ("price", "size", "side")))
    PIPS[message.price], MICRO[message.size]


def _tick(message: MarketMessage) -> None:
    _token(message)
    if not message.new_tick_size:
        raise MissingField(_lacks(message, ("new_tick_size",)))
    if PIPS[message.new_tick_size] not in TICKS:
        raise ValueError(f"tick {message.new_tick_size[:20]!r} is none of the exchange's")


def _resolved(message: MarketMessage) -> None:
    if not message.market or not message.winning_asset_id:
        raise MissingField(_lacks(message, ("market", "winning_asset_id")))


def _new_market(message: MarketMessage) -> None:
    if not message.market or not message.slug or not message.assets_ids or not message.outcomes:
        raise MissingField(_lacks(message, ("market", "slug", "assets_ids", "outcomes")))


def _token(message: MarketMessage) -> None:
    if not message.asset_id:
        raise MissingField(_lacks(message, ("asset_id",)))
    _time(message)


def _time(message: MarketMessage) -> None:
    if not message.timestamp:
        raise MissingField(_lacks(message, ("timestamp",)))
    parse_epoch_ms(message.timestamp)


def _lacks(message: MarketMessage, names: Sequence[str]) -> str:
    missing = [name for name in names if getattr(message, name) in ("", None)]
    return f"{message.event_type!r} without {', '.join(missing) or 'a usable side'}"


def _book(message: MarketMessage) -> None:
    check_book(message)
    parse_epoch_ms(message.timestamp)
    for level in (*(message.bids or ()), *(message.asks or ())):
        PIPS[level.price]
    if message.tick_size and PIPS[message.tick_size] not in TICKS:
        raise ValueError(f"tick {message.tick_size[:20]!r} is none of the exchange's")


def _typeless(message: MarketMessage) -> None:
    raise MissingField("a message of the stream without event_type")


_CHECKS: dict[str, Callable[[MarketMessage], None]] = {
    "": _typeless,
    "book": _book,
    "price_change": _changes,
    "best_bid_ask": _best,
    "last_trade_price": _trade,
    "tick_size_change": _tick,
    "market_resolved": _resolved,
    "new_market": _new_market,
}
