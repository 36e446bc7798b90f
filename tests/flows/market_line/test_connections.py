"""What ends a connection's books, junk, and that every record leaves its mark in the journal."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.control import Command, Pause, encode, sign
from models.envelope import Envelope
from models.journal import Book, Clock, Feed, Input, Rejected, Spot
from models.markers import Marker, Notice, Tick, encode_own
from models.message import Lost, Stored
from models.reasons import Reason
from models.topics import CONTROL, EXECUTIONS, FEED_CLOCK, FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, FEEDS, MODELS
from tests.flows.market_line.feeds import COIN, DOWN, POLY, UP, Rig, book_hash, definition


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.open_market()
    rig.spot()
    return rig


def skip_a_number(rig: Rig) -> None:
    rig.numbers[POLY] += 1
    rig.poly({"event_type": "best_bid_ask", "asset_id": "999", "timestamp": "1"})


def disconnect(rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Notice(POLY, "disconnected", "closed", 3))


def refuse(rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Notice(POLY, "refused", "403", 3))


def lose(rig: Rig) -> None:
    rig.take(Lost("run", 7, 9))


def restart(rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Marker("start", "another", "live"))


def junk(rig: Rig) -> None:
    rig.record(FEED_POLYMARKET, b'{"event_type":', POLY)


ENDINGS = [
    (skip_a_number, Reason.CONNECTION_GAP),
    (disconnect, Reason.DISCONNECTED),
    (refuse, Reason.DISCONNECTED),
    (lose, Reason.RECORDER_GAP),
    (restart, Reason.DISCONNECTED),
    (junk, Reason.DECODE_ERROR),
]


@pytest.mark.parametrize(("end", "reason"), ENDINGS, ids=lambda each: getattr(each, "__name__", None))
def test_books_are_invalid_from_then_until_a_snapshot(end: Callable[[Rig], None], reason: Reason, rig: Rig) -> None:
    end(rig)
    rig.poly(rig.change((UP, "BUY", "0.49", "11"), (DOWN, "SELL", "0.51", "11")))
    book = rig.latest_book()
    for side in (book.up, book.down):
        assert side is not None
        assert (side.ok, side.bids, side.asks) == (False, (), ())
        assert reason in side.checks
    rig.poly(rig.snapshot(UP))
    book = rig.latest_book()
    assert book.up is not None
    assert book.down is not None
    assert (book.up.ok, book.down.ok, book.pair_ok) == (True, False, False)


def test_a_notice_says_what_happened(rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Notice(POLY, "disconnected", "closed by the server: 1006", 3))
    event = next(each for each in rig.made if isinstance(each, Feed))
    assert (event.conn, event.what, event.note) == (POLY, "disconnected", "closed by the server: 1006")
    assert event.checks == (Reason.DISCONNECTED,)


@pytest.mark.parametrize("state", ["connecting", "connected", "subscribed"])
def test_other_notices_change_nothing(state: Any, rig: Rig) -> None:
    rig.own(FEED_POLYMARKET, Notice("poly-2", state, ""))
    assert isinstance(rig.made[0], Feed)
    assert rig.reasons() == []
    rig.poly(rig.change((UP, "BUY", "0.49", "11")))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]


def test_a_gap_is_counted_once_and_the_numbering_goes_on(rig: Rig) -> None:
    skip_a_number(rig)
    rig.both()
    assert rig.reasons().count(Reason.CONNECTION_GAP) == 1
    assert rig.latest_book().pair_ok


def test_each_lost_record_is_counted(rig: Rig) -> None:
    lose(rig)
    assert rig.reasons().count(Reason.RECORDER_GAP) == 3
    event = next(each for each in rig.made if isinstance(each, Feed))
    assert (event.what, event.checks) == ("lost", (Reason.RECORDER_GAP,))
    assert "records 7 to 9" in event.note


def test_after_a_loss_spot_is_invalid_too(rig: Rig) -> None:
    lose(rig)
    rig.level2("update", [("bid", "60000.5", "1")])
    assert (rig.only(Spot).ok, rig.only(Spot).checks) == (False, (Reason.RECORDER_GAP,))


def test_the_markers_of_one_run_in_all_topics_start_it_once(rig: Rig) -> None:
    rig.own(FEEDS[0], Marker("start", "another", "live"))
    rig.both()
    for topic in FEEDS[1:]:
        rig.own(topic, Marker("start", "another", "live"))
    rig.poly(rig.change((UP, "BUY", "0.49", "11")))
    assert rig.latest_book().up.ok  # type: ignore[union-attr]


def last_valid(rig: Rig) -> tuple[bool, bool, bool]:
    """What a reader of the journal believes now: up, down and spot usable."""
    book, spot = rig.latest_book(), rig.latest_spot()
    return bool(book.up and book.up.ok), bool(book.down and book.down.ok), spot.ok


@pytest.mark.parametrize(("end", "reason"), ENDINGS, ids=lambda each: getattr(each, "__name__", None))
def test_the_journal_says_at_once_that_the_books_are_invalid(
    end: Callable[[Rig], None], reason: Reason, rig: Rig
) -> None:
    """Nobody downstream knows which connection a book came from: the journal must tell, not the next frame."""
    assert last_valid(rig)[:2] == (True, True)
    end(rig)
    assert last_valid(rig)[:2] == (False, False)


@pytest.mark.parametrize("way", ["disconnected", "gap", "junk", "lost", "sequence"])
def test_the_journal_says_at_once_that_the_spot_is_invalid(way: str, rig: Rig) -> None:
    if way == "disconnected":
        rig.own(FEED_COINBASE, Notice(COIN, "disconnected", "closed", 3))
    elif way == "gap":
        rig.numbers[COIN] += 1
        rig.coin("heartbeats", [{"heartbeat_counter": 1}])
    elif way == "junk":
        rig.record(FEED_COINBASE, b"{", COIN)
    elif way == "lost":
        lose(rig)
    else:
        rig.coin("heartbeats", [{"heartbeat_counter": 1}], number=9)
    assert last_valid(rig)[2] is False


# --- junk -------------------------------------------------------------------------------------------------------------

JUNK = [
    b"",
    b"\xff\xfe",
    b"{",
    b"[{}]",
    b"null",
    b"<html>502</html>",
    b'{"profit":"tick"}',
    b'{"profit":"of tomorrow"}',
    b'{"event_type":"book"}',
    b'{"event_type":"book","asset_id":"1111","timestamp":"soon"}',
    b'{"event_type":"book","asset_id":"1111","timestamp":"1","bids":[{"price":"x","size":"1"}]}',
    b'{"event_type":"book","asset_id":"1111","timestamp":"1","bids":[{"price":"0.5","size":"1e999999"}]}',
    b'{"event_type":"price_change","timestamp":"1","price_changes":[{"asset_id":"1111","price":"0.5","size":"-1",'
    b'"side":"BUY"}]}',
    b'{"event_type":"price_change","timestamp":"1","price_changes":[{"asset_id":"1111","price":"0.5","size":"1",'
    b'"side":"MAYBE"}]}',
    b'{"event_type":"last_trade_price","asset_id":"1111","timestamp":"1","price":"Infinity","size":"1"}',
    b'{"event_type":"tick_size_change","asset_id":"1111","timestamp":"1","new_tick_size":"0"}',
]


@pytest.mark.parametrize("frame", JUNK)
@pytest.mark.parametrize("topic", [FEED_POLYMARKET, FEED_COINBASE, FEED_MARKETS])
def test_an_invalid_frame_is_rejected_counted_and_stored_as_dead_letter(topic: str, frame: bytes, rig: Rig) -> None:
    offset = rig.offsets.get(topic, 0)
    made = rig.record(topic, frame, {FEED_POLYMARKET: POLY, FEED_COINBASE: COIN, FEED_MARKETS: "gamma"}[topic])
    assert made
    if not any(isinstance(event, Rejected) for event in made):
        plain = topic == FEED_POLYMARKET and Reason.CONTROL_TEXT in rig.reasons()
        assert plain or topic == FEED_COINBASE or frame in (b"null", b"[{}]") or b"event_type" in frame
        return
    (letter,) = rig.letters
    assert (letter.topic, letter.offset, letter.reason) == (topic, offset, Reason.DECODE_ERROR)
    assert letter.frame == frame.decode("utf-8", "backslashreplace")
    assert letter.detail
    assert rig.reasons().count(Reason.DECODE_ERROR) >= 1
    rejected = next(event for event in made if isinstance(event, Rejected))
    assert rejected.src == (topic, 0, offset)


@pytest.mark.parametrize("raw", [b"x", b"1 2 3", b"\xff", b"now run 0 conn 0", b"1 run 0 conn 0 extra"])
def test_an_envelope_that_is_none_is_rejected(raw: bytes, rig: Rig) -> None:
    rig.record(FEED_POLYMARKET, b"[]", envelope=raw)
    assert "not an envelope" in rig.only(Rejected).detail


def test_a_feed_record_without_envelope_is_rejected(rig: Rig) -> None:
    rig.take(Stored(FEED_POLYMARKET, 0, 99, "", b"[]", rig.now))
    assert "without envelope" in rig.only(Rejected).detail


COMMAND = encode(sign(Command(id="c", run="r", t=1, by="me", do=Pause()), "11" * 32))
SOUND = {
    CONTROL: COMMAND,
    EXECUTIONS: b'{"type":"report","order":"main-7","state":"filled","t":5,"price":5000,"size":1000000}',
    MODELS: b'{"model":"gbm-3","instance":"fair_gbm","t":5,"state":"canary"}',
}


@pytest.mark.parametrize("topic", SOUND)
def test_inputs_take_their_place_in_the_order(topic: str, rig: Rig) -> None:
    rig.take(Stored(topic, 0, 4, "operator", SOUND[topic], rig.now))
    event = rig.only(Input)
    assert (event.topic, event.payload, event.src, event.t) == (topic, SOUND[topic].decode(), (topic, 0, 4), rig.now)


@pytest.mark.parametrize("topic", SOUND)
@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"", b"{}", b'{"do":"pause"}', b'{"command":"{}","signature":""}'], ids=repr
)
def test_an_input_that_cannot_be_decoded_is_a_dead_letter(topic: str, raw: bytes, rig: Rig) -> None:
    rig.take(Stored(topic, 0, 4, "operator", raw, rig.now))
    assert rig.only(Rejected).src == (topic, 0, 4)
    assert [letter.topic for letter in rig.letters] == [topic]


def test_a_record_of_an_unknown_topic_is_rejected(rig: Rig) -> None:
    rig.take(Stored("mystery", 0, 4, "", b"text", rig.now))
    assert rig.only(Rejected).src == ("mystery", 0, 4)


# --- mutations --------------------------------------------------------------------------------------------------------


def templates() -> list[tuple[str, bytes]]:
    """Frames of every kind, as the exchanges send them."""
    rig = Rig()
    snapshot = rig.snapshot(UP, tick_size="0.01", last_trade_price="0.480")
    messages: list[Any] = [
        snapshot | {"hash": book_hash(snapshot, "0.480")},
        [rig.snapshot(UP), rig.snapshot(DOWN)],
        rig.change(
            {"asset_id": UP, "side": "BUY", "price": "0.48", "size": "3", "best_bid": "0.49", "best_ask": "0.5"}
        ),
        rig.of_token("best_bid_ask", best_bid="0.49", best_ask="0.5", spread="0.01"),
        rig.of_token("last_trade_price", price="0.456", size="219.217767", side="BUY"),
        rig.of_token("tick_size_change", old_tick_size="0.01", new_tick_size="0.001"),
        {"event_type": "market_resolved", "market": "0xc0", "winning_asset_id": UP, "timestamp": "1795000201000"},
    ]  # fmt: skip
    level2 = {
        "channel": "l2_data", "timestamp": "2026-11-18T11:10:01.123456789Z", "sequence_num": 1, "events": [
            {"type": "snapshot", "product_id": "BTC-USD", "updates": [
                {"side": "bid", "price_level": "60000", "new_quantity": "1"},
                {"side": "offer", "price_level": "60001", "new_quantity": "2"}]}]}  # fmt: skip
    frames = [(FEED_POLYMARKET, json.dumps(each, separators=(",", ":")).encode()) for each in messages]
    frames.append((FEED_COINBASE, json.dumps(level2).encode()))
    frames.append((FEED_MARKETS, definition().gamma()))
    frames.append((FEED_MARKETS, definition().gamma(("1", "0"), rig.now)))
    frames.append((FEED_CLOCK, encode_own(Tick(3, rig.now, {"control": 1}))))
    return frames


TEMPLATES = templates()
PIECES = [
    b"",
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"-",
    b"1e999",
    b"99999999999999999999",
    b"\xff",
    b"\\ud800",
    b".",
]


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A frame with some places cut out, overwritten or doubled."""
    topic, frame = draw(st.sampled_from(TEMPLATES))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(frame)))
        end = min(len(frame), start + draw(st.sampled_from([0, 1, 2, 5, 20, 400])))
        piece = draw(st.sampled_from(PIECES) | st.binary(max_size=3))
        frame = frame[:start] + piece + frame[end:]
    return topic, frame


@settings(max_examples=250, deadline=None)
@given(frames=st.lists(mutated(), min_size=1, max_size=15))
def test_no_frame_breaks_the_line_and_every_record_leaves_its_mark(frames: list[tuple[str, bytes]]) -> None:
    rig = Rig()
    rig.open_market()
    rig.spot()
    for topic, frame in frames:
        before = len(rig.letters)
        made = rig.record(topic, frame, {FEED_POLYMARKET: POLY, FEED_COINBASE: COIN}.get(topic, "other"))
        assert made
        rejected = [event for event in made if isinstance(event, Rejected)]
        assert len(rejected) == len(rig.letters) - before
        for event in made:
            if isinstance(event, Book):
                for side in (event.up, event.down):
                    if side is not None and side.ok:
                        assert side.bids[0][0] < side.asks[0][0]
    assert [event.seq for event in rig.events] == list(range(len(rig.events)))
    assert [event.t for event in rig.events] == sorted(event.t for event in rig.events)


# --- the real recording -----------------------------------------------------------------------------------------------


def recorded(path: Path, most: int) -> list[tuple[int, bytes]]:
    rows: list[tuple[int, bytes]] = []
    with gzip.open(path, "rb") as lines:
        for line in lines:
            at = line.index(b'"raw":')
            stamp = json.loads(line[: at - 1] + b"}")["recv_ts"]
            rows.append((round(stamp * 1e9), line[at + 6 : line.rindex(b"}")]))
            if len(rows) == most:
                break
    return rows


def test_checksums_of_every_initial_recorded_frame_hold(recordings: Path) -> None:
    checked = 0
    for path in sorted((recordings / "polymarket_ws_btc5m").glob("*.jsonl.gz")):
        rig = Rig()
        for t, frame in recorded(path, 40):
            rig.now = max(rig.now, t) if rig.numbers else t
            for message in json.loads(b"[" + frame + b"]"):
                assert message["event_type"] == "book"
                if "last_trade_price" not in message:
                    continue
                assert book_hash(message, message["last_trade_price"], message["tick_size"]) == message["hash"]
                checked += 1
                rig.record(FEED_POLYMARKET, frame, POLY)
                assert Reason.HASH_MISMATCH not in rig.reasons()
                spoilt = frame.replace(b'"size":"', b'"size":"1', 1)
                rig.record(FEED_POLYMARKET, spoilt, POLY)
                assert rig.reasons().count(Reason.HASH_MISMATCH) == 1
                rig.findings.clear()
    assert checked >= 12


def test_recorded_frames_become_the_books_they_are(recordings: Path) -> None:
    path = sorted((recordings / "polymarket_ws_btc5m").glob("*.jsonl.gz"))[2]
    rig = Rig()
    rig.now = 0
    for t, frame in recorded(path, 800):
        rig.now = max(rig.now, t)
        rig.record(FEED_POLYMARKET, frame, POLY)
        message = json.loads(frame)
        view = rig.only(Book).up
        assert view is not None
        for wire, stored in ((message["bids"], view.bids), (message["asks"], view.asks)):
            best = [(round(float(each["price"]) * 10_000), float(each["size"])) for each in reversed(wire)][:10]
            assert [(price, size / 1e6) for price, size in stored] == best
    assert rig.letters == []
    assert [event.seq for event in rig.events] == list(range(len(rig.events)))


def test_mutated_recorded_frames_never_raise(recordings: Path) -> None:
    """Every recorded frame cut or spoilt at a place that moves with it: thousands of different faults."""
    path = sorted((recordings / "polymarket_ws_btc5m").glob("*.jsonl.gz"))[1]
    rig = Rig()
    rig.now = 0
    for number, (t, frame) in enumerate(recorded(path, 2_500)):
        rig.now = max(rig.now, t)
        at = (number * 7919) % len(frame)
        faults = (frame[:at], frame[:at] + b"\xff" + frame[at + 1 :], frame[:at] + PIECES[number % 13] + frame[at:])
        assert rig.record(FEED_POLYMARKET, faults[number % 3], POLY)
        assert len(rig.letters) == len([event for event in rig.events if isinstance(event, Rejected)])
    assert len(rig.letters) > 1_000
    assert [event.seq for event in rig.events] == list(range(len(rig.events)))


@pytest.mark.parametrize("changes", [None, []])
def test_a_change_of_nothing_leaves_its_mark_too(changes: Any, rig: Rig) -> None:
    assert rig.poly({"event_type": "price_change", "timestamp": rig.exchange_ms(None), "price_changes": changes})


def test_a_trade_that_cannot_be_read_uses_up_no_number(rig: Rig) -> None:
    """A hole in the journal's numbering would stop the trading flow for good."""
    for spoilt in ({"price": "x"}, {"size": "NaN"}, {"timestamp": "soon"}):
        good = rig.of_token("last_trade_price", price="0.456", size="1", side="BUY")
        rig.poly(good | spoilt)
        assert isinstance(rig.made[-1], Rejected)
    assert [event.seq for event in rig.events] == list(range(len(rig.events)))


def test_a_book_with_a_wrong_checksum_and_an_unreadable_size_is_not_valid(rig: Rig) -> None:
    message = rig.snapshot(UP, bids=(("0.49", "{30"),), hash="0" * 40, tick_size="0.01", last_trade_price="0.480")
    rig.poly(message)
    assert last_valid(rig)[0] is False


def test_every_kind_of_record_makes_events_in_one_numbering(rig: Rig) -> None:
    for topic, frame in TEMPLATES:
        rig.record(topic, frame, "any")
    rig.tick()
    rig.control(b"{}")
    lose(rig)
    rig.record(FEED_POLYMARKET, b"PONG", POLY)
    rig.record(FEED_POLYMARKET, b"[]", POLY)
    assert [event.seq for event in rig.events] == list(range(len(rig.events)))
    assert any(isinstance(event, Clock) for event in rig.events)


def test_receive_time_never_runs_backwards(rig: Rig) -> None:
    rig.record(FEED_POLYMARKET, b"PONG", envelope=Envelope(rig.now - 5_000_000_000, "run", rig.seq, "late", 0).encode())
    assert [event.t for event in rig.events] == sorted(event.t for event in rig.events)


def test_a_frame_from_before_the_journal_is_refused_until_the_clock_has_caught_up(rig: Rig) -> None:
    """Where time stands still no book grows old: nothing may be traded on then."""
    rig.open_market()
    rig.spot()
    rig.pass_time(3600)
    rig.tick()  # a clock that was set wrong, for a moment
    rig.pass_time(-3600)
    rig.both()
    assert rig.reasons().count(Reason.CLOCK_BACKWARDS) == 1
    assert rig.letters[-1].reason == Reason.CLOCK_BACKWARDS
    assert "3600.0 s before" in rig.letters[-1].detail
    book = rig.latest_book()
    assert book.up is not None and not book.up.ok
    assert not rig.latest_spot().ok
    rig.spot()
    assert not rig.latest_spot().ok
    rig.pass_time(3600)
    rig.both()
    rig.spot()
    book = rig.latest_book()
    assert book.up is not None and book.up.ok
    assert rig.latest_spot().ok
