from __future__ import annotations

import json

import pytest

from connectors.coinbase.door import SequenceTracker, sequence_number, subscriptions


@pytest.mark.parametrize(
    ("frame", "number"),
    [
        (b'{"channel":"l2_data","timestamp":"t","sequence_num":0,"events":[]}', 0),
        (b'{"channel":"l2_data","sequence_num": 1234 ,"events":[]}', 1234),
        (b'{"events":[],"sequence_num":77}', 77),
        (b'{"type":"error","message":"x"}', None),
        (b'{"sequence_num":"5"}', None),
        (b"", None),
    ],
)
def test_sequence_number(frame: bytes, number: int | None) -> None:
    assert sequence_number(frame) == number


def test_tracker_names_what_is_wrong() -> None:
    tracker = SequenceTracker()
    assert [tracker.follow(number) for number in (0, 1, None, 2)] == ["", "", "", ""]
    assert tracker.follow(4) == "sequence_num 4 after 2"
    assert tracker.follow(3) == "sequence_num 3 after 4"


def test_one_message_a_channel() -> None:
    messages = [json.loads(text) for text in subscriptions(["BTC-USD", "ETH-USD"])]
    assert [message["channel"] for message in messages] == ["heartbeats", "level2", "market_trades", "ticker"]
    assert "product_ids" not in messages[0]
    assert all(message["product_ids"] == ["BTC-USD", "ETH-USD"] for message in messages[1:])
