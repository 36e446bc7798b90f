"""Orders and trades as the exchange writes them, by the examples of its documents and of other programs' captures."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.venues.polymarket.exchange import OrderSeen, TradeSeen
from connectors.venues.polymarket.reading import order_seen, trades_seen

PLACED = {
    "event_type": "order", "id": "0xff", "asset_id": "52114", "side": "SELL", "original_size": "10", "price": "0.57",
    "size_matched": "0", "type": "PLACEMENT", "status": "LIVE",
}  # fmt: skip
TRADE: dict[str, Any] = {
    "event_type": "trade", "type": "TRADE", "id": "28c4d2eb", "taker_order_id": "0x06", "asset_id": "52114",
    "side": "BUY", "size": "10", "price": "0.57", "status": "MATCHED", "trader_side": "TAKER",
    "maker_orders": [{"order_id": "0xff", "matched_amount": "10", "price": "0.57", "asset_id": "52114"}],
}  # fmt: skip


@pytest.mark.parametrize(
    "change, is_open, matched",
    [
        ({}, True, 0),
        ({"type": "UPDATE", "size_matched": "4"}, True, 4_000_000),
        ({"type": "UPDATE", "size_matched": "10", "status": "MATCHED"}, False, 10_000_000),
        ({"type": "CANCELLATION", "status": "CANCELED"}, False, 0),
        ({"type": "CANCELLATION", "status": "CANCELED_order couldn't be fully filled.", "size_matched": ""}, False, 0),
        ({"status": "DELAYED"}, True, 0),
        ({"type": "UPDATE", "status": "UNMATCHED"}, False, 0),
        ({"status": "INVALID"}, False, 0),
    ],
    ids=["placed", "matched in part", "matched", "cancelled", "killed", "held", "unmatched", "invalid"],
)
def test_orders(change: dict[str, Any], is_open: bool, matched: int) -> None:
    seen = order_seen(PLACED | change)
    assert isinstance(seen, OrderSeen)
    assert (seen.venue_id, seen.open, seen.matched) == ("0xff", is_open, matched)


def test_a_trade_is_its_takers_and_its_makers() -> None:
    assert trades_seen(TRADE) == [
        TradeSeen("28c4d2eb", "0x06", ((5_700, 10_000_000),), True, "MATCHED"),
        TradeSeen("28c4d2eb", "0xff", ((5_700, 10_000_000),), False, "MATCHED"),
    ]


def test_a_taker_got_each_makers_price() -> None:
    makers = [
        {"order_id": "a", "matched_amount": "4", "price": "0.55", "asset_id": "52114"},
        {"order_id": "b", "matched_amount": "6", "price": "0.42", "asset_id": "71321"},
    ]
    taker = trades_seen(TRADE | {"maker_orders": makers, "status": "TRADE_STATUS_CONFIRMED"})[0]
    assert taker.fills == ((5_500, 4_000_000), (5_800, 6_000_000))
    assert taker.status == "CONFIRMED"


def test_makers_that_are_not_all_shown_leave_the_trades_own_price() -> None:
    makers = [{"order_id": "a", "matched_amount": "4", "price": "0.55", "asset_id": "52114"}]
    assert trades_seen(TRADE | {"maker_orders": makers})[0].fills == ((5_700, 10_000_000),)
    assert trades_seen(TRADE | {"maker_orders": None})[0].fills == ((5_700, 10_000_000),)


def test_a_state_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="no state of a trade"):
        trades_seen(TRADE | {"status": "SETTLED_SOMEHOW"})
