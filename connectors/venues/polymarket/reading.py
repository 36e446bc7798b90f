"""Orders and trades of the account as the exchange writes them, by REST or the user channel, as what the live venue
hears. Raises ValueError and KeyError for what is none."""

from __future__ import annotations

from typing import Any, Final, cast

from connectors.venues.polymarket.exchange import OrderSeen, TradeSeen, TradeState
from models.money import PIP, parse_price, parse_size

_PREFIX: Final = "TRADE_STATUS_"
#: What an order is called that may still be matched. ``DELAYED``: it is held for the taker delay; ``MATCHED``: it was
#: matched, in part where its sizes say so.
_OPEN: Final = frozenset({"LIVE", "DELAYED", "MATCHED"})
_STATES: Final = frozenset({"MATCHED", "MATCHED_NOT_BROADCASTED", "MINED", "RETRYING", "CONFIRMED", "FAILED"})


def order_seen(said: dict[str, Any]) -> OrderSeen:
    """An order: an element of the list of open orders, an answer to the question for one, or an event."""
    size, matched = (_shares(said.get(name)) for name in ("original_size", "size_matched"))
    status = str(said.get("status") or "").upper().removeprefix("ORDER_STATUS_")
    kind = said.get("type") or said.get("order_event_type")
    over = kind == "CANCELLATION" or (bool(status) and status not in _OPEN) or (size > 0 and matched >= size)
    return OrderSeen(str(said["id"]), not over, matched, status or str(kind or ""))


def trades_seen(said: dict[str, Any]) -> list[TradeSeen]:
    """A trade, once for each order in it: as its taker's, and as each of its makers'. Which of them are ours, the ids
    say. What the taker got is the sum of its makers' parts, each at its own price: one of the other token at p was
    matched at 1 − p."""
    trade, token = str(said["id"]), str(said["asset_id"])
    state = str(said["status"]).removeprefix(_PREFIX)
    if state not in _STATES:
        raise ValueError(f"trade {trade}: {state[:40]} is no state of a trade")
    status = cast(TradeState, state)
    found: list[TradeSeen] = []
    parts: list[tuple[int, int]] = []
    for maker in said.get("maker_orders") or ():
        price, size = parse_price(str(maker["price"])), _shares(maker["matched_amount"])
        found.append(TradeSeen(trade, str(maker["order_id"]), ((price, size),), False, status))
        parts.append((price if str(maker["asset_id"]) == token else PIP - price, size))
    whole = _shares(said["size"])
    if sum(size for _, size in parts) != whole:  # not all of them are shown: the trade's own price has to do
        parts = [(parse_price(str(said["price"])), whole)]
    return [TradeSeen(trade, str(said["taker_order_id"]), tuple(sorted(parts)), True, status), *found]


def _shares(text: object) -> int:
    return parse_size(str(text)) if text not in (None, "") else 0
