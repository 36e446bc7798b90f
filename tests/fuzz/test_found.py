"""What fuzzing found, each once, so that it stays mended."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from connectors.ordering import FeedMerge
from connectors.polymarket.markets import FollowedWindow, MarketsDoor
from connectors.polymarket.rest import Rest
from connectors.polymarket.unknown_tokens import MOST_UNKNOWN_TOKENS
from connectors.polymarket.windows import window
from connectors.recorder.writer import FeedWriter
from flows.market_line.spots import MOST_PRODUCTS
from models.envelope import Envelope, decode_envelope
from models.journal import Book, Rejected
from models.message import Lost, Message, Stored
from models.money import MICRO, NotANumber
from models.reasons import Reason
from models.settings import Feeds
from models.topics import FEED_CLOCK, FEEDS
from tests.flows.market_line.feeds import ASKS, UP, Rig

SHARES = (("0.47", "10"), ("0.48", "20"))


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.open_market()
    return rig


def test_a_snapshot_with_a_price_twice_is_refused(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, [*SHARES, SHARES[-1]], ASKS))

    assert rig.letters[-1].reason == Reason.DECODE_ERROR
    assert "twice" in rig.letters[-1].detail
    assert not rig.latest_book().up.ok  # type: ignore[union-attr]


def test_a_level_of_nothing_below_the_best_is_no_level(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, [("0.46", "0"), *SHARES], ASKS))

    up = rig.only(Book).up
    assert up is not None
    assert up.bids == ((4_800, 20_000_000), (4_700, 10_000_000))


def test_a_negative_price_is_out_of_range(rig: Rig) -> None:
    rig.poly(rig.snapshot(UP, [("-0.46", "5"), *SHARES], ASKS))

    up = rig.only(Book).up
    assert up is not None
    assert (up.ok, up.checks) == (False, (Reason.PRICE_OUT_OF_RANGE,))


def test_a_number_of_endless_digits_is_neither_taken_nor_remembered() -> None:
    text = "0" * 1_000 + "1.5"

    with pytest.raises(NotANumber):
        MICRO[text]
    assert text not in MICRO


def test_tokens_that_no_definition_names_are_forgotten(rig: Rig) -> None:
    for number in range(MOST_UNKNOWN_TOKENS + 50):
        rig.poly(rig.of_token("last_trade_price", f"9{number}", price="0.5", size="1", side="BUY"))
    rig.tick()

    stored = rig.line._tokens
    assert len(stored) <= MOST_UNKNOWN_TOKENS + 2
    assert {UP, f"9{MOST_UNKNOWN_TOKENS + 49}"} <= stored.keys()
    assert "90" not in stored


def test_products_without_end_are_refused(rig: Rig) -> None:
    for number in range(MOST_PRODUCTS + 1):
        rig.level2("snapshot", [("bid", "1", "1"), ("offer", "2", "1")], f"X{number}-USD")

    assert len(rig.line._products) == MOST_PRODUCTS
    assert isinstance(rig.made[-1], Rejected)


def test_a_loss_of_very_many_records_is_counted_at_once(rig: Rig) -> None:
    rig.take(Lost("run", 0, 10**15 - 1))

    assert [finding.count for finding in rig.findings if finding.reason == Reason.RECORDER_GAP] == [10**15]


@pytest.mark.parametrize(
    "raw",
    [b"-5 r 0 c 0", b"1_0 r 0 c 0", b"+1 r 0 c 0", b"1 r -1 c 0", b"1 r 0 c -4", b" r 0 c 0",
     b"%d r 0 c 0" % 2**63, b"1 r 1%b c 0" % (b"0" * 30)],
)  # fmt: skip
def test_an_envelope_holds_plain_numbers_of_64_bits(raw: bytes) -> None:
    """A time beyond them made a journal event that nobody could read, and all later ones with it."""
    with pytest.raises(ValueError, match="not an envelope"):
        decode_envelope(raw)


def test_the_greatest_envelope_is_read() -> None:
    greatest = Envelope(2**63 - 1, "r", 2**63 - 1, "c", 2**63 - 1)

    assert decode_envelope(greatest.encode()) == greatest


@pytest.mark.parametrize("value", [b'{"profit":"tick","\xed\xa0\x80":1}', b'{"profit":' + b"[" * 100_000])
def test_a_tick_that_cannot_be_read_counts_no_inputs(value: bytes) -> None:
    merge = FeedMerge()
    merge.offer(Stored(FEED_CLOCK, 0, 0, "", value, 0, envelope=Envelope(1, "r", 0, "c", 0).encode()))
    for topic in merge.next_offsets():
        merge.exhaust(topic)

    assert [item.value for item in merge.drain(10) if isinstance(item, Stored)] == [value]
    assert set(FEEDS) <= merge.next_offsets().keys()


class _Hand:
    speed = 1e9

    def now_ns(self) -> int:
        return 1_795_000_900 * 10**9


class _Outlet:
    def put(self, message: Message) -> None: ...


@pytest.mark.parametrize(
    "body",
    [
        b'{"conditionId":"0x\xff"}',
        b'{"conditionId":"0x\\u0000 ?#"}',
        b'{"closed":true,"outcomePrices":"[1' + b"0" * 400 + b']"}',
        b"[" * 100_000,
        b"null",
    ],
)
def test_the_markets_door_survives_any_answer(body: bytes) -> None:
    """Not UTF-8; a condition that makes no URL; a price beyond a float; nesting; no object."""
    clock = _Hand()
    writer = FeedWriter("r", "sim", clock, _Outlet())
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=body))
    gamma, clob = (Rest(f"https://{name}", "test", clock, transport) for name in ("gamma", "clob"))

    async def wanted(tokens: list[str]) -> None: ...

    async def ask() -> FollowedWindow:
        door = MarketsDoor(Feeds(), writer, clock, wanted, gamma, clob)
        each = FollowedWindow(window("BTC", "5m", 1_794_999_600))
        await door._ask(each)
        return each

    assert asyncio.run(ask()).resolved_at is None
