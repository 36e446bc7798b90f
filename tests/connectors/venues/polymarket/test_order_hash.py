"""Ids and digests against values that other programs computed: the reference of Keccak, and ``eth-account`` 0.13."""

from __future__ import annotations

import pytest

from connectors.venues.polymarket.exchange import LiveOrder
from connectors.venues.polymarket.keccak import keccak256
from connectors.venues.polymarket.order_hash import OrderFields, order_hash
from models.contracts import VenueCommand

MAKER = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"


@pytest.mark.parametrize(
    "data, digest",
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"a" * 135, "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446"),
        (b"b" * 136, "121b76d0b19f3c2c7632310b92c54cddd59d16a6b5aafe84696426f10e5733bf"),
        (b"c" * 1000, "d18e711ba1c8113eac3c5eea22382bc77cddaac14f308891f45e2de8e55d3870"),
    ],
    ids=["empty", "abc", "one short of a block", "a block", "several blocks"],
)
def test_keccak(data: bytes, digest: str) -> None:
    assert keccak256(data).hex() == digest


@pytest.mark.parametrize(
    "token, wanted",
    [
        (
            98756637703320879198441871470345384821367334051929992047845197222571333888980,
            "0x15e0c35746ee26b4d0189eb31d404a66ddbf0333242e59178a18765d6a6fa18f",
        ),
        ((1 << 248) | (7 << 104) | 1, "0x4bc85d7e826bf9acac4d15d5be1bc4dc29528e7fe47abbe831057f27e0753e35"),
    ],
    ids=["standard", "protocol v2"],
)
def test_order_ids(token: int, wanted: str) -> None:
    fields = OrderFields(123456789, MAKER, MAKER, token, 5_200_000, 10_000_000, "buy", 0, 1_796_000_000_123)
    assert order_hash(fields) == wanted
    assert order_hash(fields, negative_risk=True) != wanted or token >> 248 == 1


def test_an_order_is_the_same_one_whenever_it_is_made() -> None:
    command = VenueCommand(
        "v1", 1, 1_796_000_000_123_456_789, "send", "LIVE_ARMED", "main-7", "0xc", "5", "buy", "FAK", 5_000, 9
    )
    first, again = LiveOrder.of(command, "evening"), LiveOrder.of(command, "evening")
    assert first == again
    assert 0 <= first.salt < 2**53
    assert LiveOrder.of(command, "morning").salt != first.salt, "the same id in another run is another order"
