"""Polymarket's frames as they were seen, decoded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.control_text import control_text
from connectors.polymarket.wire import (
    Change,
    ClobMarket,
    GammaMarket,
    decode_frame,
    decode_market,
    decode_strings,
    is_rest_line,
)

BOOK = b"""{"market":"0x9b","asset_id":"988","bids":[{"price":"0.01","size":"10924.61"},{"price":".48","size":"3"}],
"asks":[{"price":"0.99","size":"11060.88"}],"hash":"a753","timestamp":"1776323405081","event_type":"book"}"""
CHANGE = b"""{"market":"0x5f","price_changes":[{"asset_id":"71","price":"0.5","size":"200","side":"BUY","hash":"56",
"best_bid":"0.5","best_ask":"1"},{"asset_id":"52","price":"0.5","size":"0","side":"SELL","hash":"18"}],
"timestamp":"1757908892351","event_type":"price_change"}"""
NEW_MARKET = b"""{"id":"5196322","question":"Bitcoin Up or Down","market":"0x96","slug":"btc-updown-5m-1790994600",
"assets_ids":["29","11"],"outcomes":["Up","Down"],"event_message":{"id":"1117051"},"timestamp":"1790908720778",
"event_type":"new_market","tags":[],"order_price_min_tick_size":"0.01","fees_enabled":true,
"fee_schedule":{"exponent":"1","rate":"0.07","taker_only":true,"rebate_rate":"0.2"}}"""


def test_a_frame_is_one_message_or_an_array() -> None:
    (one,) = decode_frame(BOOK)
    assert [message.event_type for message in decode_frame(b"[" + BOOK + b"," + CHANGE + b"]")] == [
        "book",
        "price_change",
    ]
    assert (one.market, one.asset_id, one.timestamp, one.tick_size) == ("0x9b", "988", "1776323405081", "")
    assert [(level.price, level.size) for level in one.bids or ()] == [("0.01", 10924.61), (".48", 3.0)]
    assert one.last_trade_price is None
    assert decode_frame(b"[]") == []


REST_BOOK = b"""{"market":"0x9b","asset_id":"988","timestamp":"1776323405081","hash":"a753","bids":[{"price":"0.01",
"size":"10924.61"}],"asks":[],"min_order_size":"5","tick_size":"0.01","neg_risk":false,"last_trade_price":"0.45"}"""


def test_the_answer_of_rest_is_a_message_without_event_type() -> None:
    (message,) = decode_frame(REST_BOOK)
    assert message.is_rest_book
    assert (message.event_type, message.min_order_size, message.last_trade_price) == ("", "5", "0.45")
    assert [level.price for level in message.bids or ()] == ["0.01"]
    assert message.asks == []


@pytest.mark.parametrize("field", [b'"asset_id":"988",', b'"timestamp":"1776323405081",', b'"asks":[],'])
def test_half_an_answer_of_rest_is_none(field: bytes) -> None:
    with pytest.raises(msgspec.DecodeError, match="without event_type"):
        decode_frame(REST_BOOK.replace(field, b""))


def test_a_frame_of_the_stream_is_no_answer_of_rest() -> None:
    assert not decode_frame(BOOK)[0].is_rest_book


@pytest.mark.parametrize(
    ("conn", "rest"),
    [("rest", True), ("r0abc.rest0", True), ("r0abc.rest12", True), ("r0abc.polymarket0", False), ("arrest", False)],
)
def test_the_line_of_rest_answers_is_known_by_its_name(conn: str, rest: bool) -> None:
    assert is_rest_line(conn) is rest


def test_price_changes_with_and_without_best_prices() -> None:
    (message,) = decode_frame(CHANGE)
    first, second = message.price_changes or []
    assert (first.side, first.size, first.best_bid, first.best_ask) == ("BUY", "200", "0.5", "1")
    assert (second.side, second.size, second.best_bid, second.best_ask) == ("SELL", "0", None, None)


def test_a_new_market_with_its_fee_schedule() -> None:
    (message,) = decode_frame(NEW_MARKET)
    assert (message.slug, message.outcomes, message.assets_ids) == (
        "btc-updown-5m-1790994600",
        ["Up", "Down"],
        ["29", "11"],
    )
    assert message.fee_schedule is not None
    assert (message.fee_schedule.rate, message.fee_schedule.exponent) == ("0.07", "1")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        (b'{"event_type":"tick_size_change","old_tick_size":"0.01","new_tick_size":"0.001"}', "new_tick_size", "0.001"),
        (b'{"event_type":"best_bid_ask","best_bid":"0.73","best_ask":""}', "best_ask", ""),
        (b'{"event_type":"last_trade_price","price":"0.456","size":"219.217767","side":"BUY"}', "price", "0.456"),
        (b'{"event_type":"market_resolved","winning_asset_id":"76","tags":["x"]}', "winning_asset_id", "76"),
        (b'{"event_type":"of tomorrow","anything":[1,2]}', "event_type", "of tomorrow"),
    ],
)
def test_the_other_messages(text: bytes, field: str, value: str) -> None:
    (message,) = decode_frame(text)
    assert getattr(message, field) == value


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"PONG",
        b"null",
        b"3",
        b"[3]",
        b"{}",
        b'{"event_type":5}',
        b'{"event_type":"book","bids":[{"price":0.5,"size":"1"}]}',
        b'{"event_type":"book","bids":{}}',
        b'{"event_type":"\xff"}',
        BOOK[:-1],
    ],
)
def test_what_is_no_frame_is_refused(frame: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        decode_frame(frame)


def test_gammas_market_with_its_nested_lists() -> None:
    body = json.dumps(
        {
            "slug": "btc-updown-5m-1784850900",
            "conditionId": "0x11",
            "outcomes": '["Up", "Down"]',
            "outcomePrices": '["1", "0"]',
            "clobTokenIds": '["72", "57"]',
            "closed": True,
            "orderPriceMinTickSize": 0.001,
            "orderMinSize": 5,
            "feeSchedule": {"rate": 0.07, "exponent": 1, "takerOnly": True},
            "cryptoMarketConfig": {"id": "btc-5m-twap-60", "twapEnabled": True, "twapLookbackSeconds": 60},
            "events": [{"eventMetadata": {"priceToBeat": 65048.078902260626}}],
            "unknown": None,
        }
    )
    market = decode_market(body.encode())
    assert isinstance(market, GammaMarket)
    assert decode_strings(market.clob_token_ids) == ["72", "57"]
    assert market.crypto_market_config is not None
    assert market.crypto_market_config.twap_lookback_seconds == 60
    assert market.events is not None
    assert market.events[0].event_metadata is not None
    assert market.events[0].event_metadata.price_to_beat == 65048.078902260626


def test_the_clobs_market_is_told_from_gammas() -> None:
    market = decode_market(b'{"condition_id":"0x11","closed":true,"tokens":[{"token_id":"72","winner":true}]}')
    assert isinstance(market, ClobMarket)
    assert [token.winner for token in market.tokens or ()] == [True]


@pytest.mark.parametrize("body", [b"{}", b'{"slug":5}', b"[]", b"<html>"])
def test_what_is_no_market_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_market(body)


@pytest.mark.parametrize("text", ["{}", "[1.5]", '["a"', '["a", null]', "[[]]", "[true]", "nonsense"])
def test_what_is_no_list_of_strings_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        decode_strings(text)


@pytest.mark.parametrize(
    ("listed", "texts"),
    [
        (None, []), ("", []), ("null", []), ("[]", []), ([], []), ('["Up", "Down"]', ["Up", "Down"]),
        (["Up", "Down"], ["Up", "Down"]), ([1, 2], ["1", "2"]), (f"[{9 * 10**76}]", [str(9 * 10**76)]),
    ],
)  # fmt: skip
def test_lists_stand_in_strings_or_for_themselves_or_are_not_known(listed: Any, texts: list[str]) -> None:
    assert decode_strings(listed) == texts


def test_token_ids_may_be_numbers_of_any_length() -> None:
    market = decode_market(f'{{"slug":"a","clobTokenIds":[{7 * 10**76 + 1}, {7 * 10**76 + 2}]}}'.encode())
    assert isinstance(market, GammaMarket)
    assert decode_strings(market.clob_token_ids) == [str(7 * 10**76 + 1), str(7 * 10**76 + 2)]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, ""), ({"umaResolutionStatus": None}, ""), ({"umaResolutionStatus": "proposed"}, "proposed"),
        ({"umaResolutionStatuses": "[]"}, ""), ({"umaResolutionStatuses": '["proposed","disputed"]'}, "disputed"),
        ({"umaResolutionStatuses": ["proposed", "resolved"]}, "resolved"),
        ({"umaResolutionStatus": "resolved", "umaResolutionStatuses": '["proposed"]'}, "resolved"),
    ],
)  # fmt: skip
def test_the_oracles_last_word_is_the_status(fields: dict[str, Any], status: str) -> None:
    market = decode_market(json.dumps({"slug": "a"} | fields).encode())
    assert isinstance(market, GammaMarket) and market.status == status


@pytest.mark.parametrize(
    "frame",
    [b"", b"PONG", b"INVALID OPERATION", b"NO NEW ASSETS\n", b"{}", b" {} ", b"null", "später".encode()],
)
def test_plain_text_is_no_message(frame: bytes) -> None:
    assert control_text(frame) == frame.decode().strip()


@pytest.mark.parametrize("frame", [b"[]", b"{", b"[", b'{"a":1}', b'x{"asset_id":"1"}', b"\x00\x01", b"\xff", b"[{}]"])
def test_what_may_have_been_a_message_is_no_plain_text(frame: bytes) -> None:
    assert control_text(frame) is None


def test_the_old_form_of_a_change_is_read_as_the_new_one() -> None:
    entry = b'{"price":"0.4","side":"BUY","size":"7"}'
    (message,) = decode_frame(b'{"event_type":"price_change","asset_id":"1","timestamp":"5","changes":[%b]}' % entry)
    assert message.price_changes == [Change("1", "0.4", "7", "BUY")]


def test_recorded_frames_decode_with_the_best_level_last(recordings: Path) -> None:
    path = sorted((recordings / "polymarket_ws_btc5m").glob("*.jsonl.gz"))[0]
    seen = 0
    with gzip.open(path, "rb") as lines:
        for line, _ in zip(lines, range(300), strict=False):
            for message in decode_frame(line[line.index(b'"raw":') + 6 : line.rindex(b"}")]):
                assert message.event_type == "book"
                bids = [float(level.price) for level in message.bids or ()]
                asks = [float(level.price) for level in message.asks or ()]
                assert bids == sorted(bids)
                assert asks == sorted(asks, reverse=True)
                seen += 1
    assert seen >= 300
