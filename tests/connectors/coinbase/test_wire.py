"""Coinbase Advanced Trade's frames as they were seen, decoded."""

from __future__ import annotations

import msgspec
import pytest

from connectors.coinbase.wire import decode_frame

SNAPSHOT = b"""{"channel":"l2_data","timestamp":"2026-09-26T04:14:54.777523902Z","sequence_num":0,"events":[
{"type":"snapshot","product_id":"SOL-USD","updates":[
{"side":"bid","event_time":"2026-09-26T04:14:54.693295Z","price_level":"120.7","new_quantity":"110.06502693"},
{"side":"offer","event_time":"2026-09-26T04:14:54.693295Z","price_level":"120.72","new_quantity":"31.20476988"}]}]}"""
TRADES = b"""{"channel":"market_trades","client_id":"","timestamp":"2026-04-07T14:30:02.789012Z","sequence_num":5,
"events":[{"type":"update","trades":[{"trade_id":"995098700","product_id":"BTC-USD","price":"68900.50",
"size":"0.00150000","side":"BUY","time":"2026-04-07T14:30:02.789012Z"}]}]}"""
TICKER = b"""{"channel":"ticker","client_id":"","timestamp":"2026-04-07T14:30:03.000000Z","sequence_num":12,"events":[
{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"68900.50","volume_24_h":"15328.1",
"best_bid":"68900.00","best_ask":"68901.00"}]}]}"""


def test_a_snapshot() -> None:
    message = decode_frame(SNAPSHOT)
    assert (message.channel, message.sequence_num, message.timestamp) == (
        "l2_data",
        0,
        "2026-09-26T04:14:54.777523902Z",
    )
    (event,) = message.events or []
    assert (event.type, event.product_id) == ("snapshot", "SOL-USD")
    assert [(each.side, each.price_level, each.new_quantity) for each in event.updates or ()] == [
        ("bid", "120.7", "110.06502693"),
        ("offer", "120.72", "31.20476988"),
    ]


def test_trades_and_tickers() -> None:
    (trade,) = (decode_frame(TRADES).events or [])[0].trades or []
    assert (trade.product_id, trade.price, trade.size, trade.side) == ("BTC-USD", "68900.50", "0.00150000", "BUY")
    (ticker,) = (decode_frame(TICKER).events or [])[0].tickers or []
    assert (ticker.product_id, ticker.price, ticker.best_bid) == ("BTC-USD", "68900.50", "68900.00")


@pytest.mark.parametrize("counter", [b"42", b'"42"'])
def test_the_heartbeat_counter_is_a_number_or_a_string(counter: bytes) -> None:
    frame = b'{"channel":"heartbeats","sequence_num":0,"events":[{"heartbeat_counter":%b}]}' % counter
    (event,) = decode_frame(frame).events or []
    assert int(event.heartbeat_counter or 0) == 42


def test_subscriptions_and_channels_of_tomorrow_pass() -> None:
    frame = b'{"channel":"subscriptions","sequence_num":0,"events":[{"subscriptions":{"level2":["BTC-USD"]}}]}'
    assert decode_frame(frame).channel == "subscriptions"
    assert decode_frame(b'{"channel":"of tomorrow"}').sequence_num == -1


@pytest.mark.parametrize(
    "frame",
    [b"", b"{", b"[]", b"null", b"{}", b'{"channel":1}', b'{"channel":"x","sequence_num":"0"}', SNAPSHOT[:-1], b"\xff"],
)
def test_what_is_no_frame_is_refused(frame: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_frame(frame)
