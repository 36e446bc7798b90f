"""Imports: what goes in comes out in the exchanges' wire format, once, in order, or is refused and counted."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.archive.reader import ArchiveReader
from connectors.coinbase.wire import decode_frame as decode_coinbase
from connectors.imports.assembly import ACTIVE_NS, END_NS, FADING_NS, FADING_TICK_NS, SILENT_NS, TICK_NS
from connectors.imports.chainlink_day import scaled
from connectors.imports.frames import BookSnapshot, book_object, plain, price_text
from connectors.imports.importing import import_recording
from connectors.imports.names import by_question
from connectors.imports.options import Options
from connectors.imports.summary import ImportFailure, ImportSummary, RefusedRow
from connectors.imports.values import number, unix_ns, utc_ns
from connectors.ordering import merge_all
from connectors.polymarket.wire import GammaMarket, MarketMessage, decode_market, decode_strings
from connectors.polymarket.wire import decode_frame as decode_polymarket
from models.envelope import decode_envelope
from models.markers import Marker, Tick, decode_own
from models.message import Stored
from models.settlement import window_of
from models.topics import FEED_CLOCK, FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, FEEDS


def records(archive: Path, topic: str) -> list[Stored]:
    return list(ArchiveReader(archive).read(topic))


def frames(archive: Path, topic: str) -> list[Stored]:
    """Without our own markers and ticks."""
    return [record for record in records(archive, topic) if decode_own(record.value) is None]


def messages(archive: Path) -> list[MarketMessage]:
    return [message for record in frames(archive, FEED_POLYMARKET) for message in decode_polymarket(record.value)]


def markets(archive: Path) -> list[GammaMarket]:
    found = [decode_market(record.value) for record in frames(archive, FEED_MARKETS)]
    return [market for market in found if isinstance(market, GammaMarket)]


def assert_a_recorder_run(archive: Path, summary: ImportSummary) -> None:
    """One run, gapless in every numbering, time never backwards, markers around it, every frame readable."""
    everything = [record for topic in FEEDS for record in ArchiveReader(archive).read(topic)]
    envelopes = sorted((decode_envelope(record.envelope) for record in everything), key=lambda e: e.seq)
    assert [envelope.seq for envelope in envelopes] == list(range(len(envelopes)))
    assert {envelope.run for envelope in envelopes} == {summary.run}
    times = [envelope.recv_ns for envelope in envelopes]
    assert times == sorted(times)
    numbers: Counter[str] = Counter()
    for envelope in envelopes:
        assert envelope.n == numbers[envelope.conn]
        numbers[envelope.conn] += 1
    merged_order = merge_all(everything)
    assert len(merged_order) == len(everything) == sum(summary.frames.values())
    for topic in FEEDS:
        owned = [decode_own(record.value) for record in ArchiveReader(archive).read(topic)]
        assert isinstance(owned[0], Marker) and owned[0].marker == "start"
        assert isinstance(owned[-1], Marker) and owned[-1].marker == "end"
        assert summary.frames[topic] == len(owned)
    sequences = [decode_coinbase(record.value).sequence_num for record in frames(archive, FEED_COINBASE)]
    assert sequences == list(range(len(sequences)))
    for message in messages(archive):
        for levels, best_last in ((message.bids, 1), (message.asks, -1)):
            prices = [Decimal(level.price) * best_last for level in levels or ()]
            assert prices == sorted(prices)
    for market in markets(archive):
        assert decode_strings(market.outcomes) == ["Up", "Down"]
        assert len(decode_strings(market.clob_token_ids)) == 2
        assert window_of(market.slug) is not None


def content(archive: Path) -> str:
    digest = hashlib.sha256()
    for topic in FEEDS:
        for record in ArchiveReader(archive).read(topic):
            digest.update(repr(record).encode())
    return digest.hexdigest()


# --- small recordings of each shape, with broken rows ---

START = 1_776_323_400
SLUG = f"btc-updown-5m-{START}"


def ws_line(at: float, market: str = "0xm", token: str = "11", price: str = "0.50") -> str:
    raw = f'{{"market":"{market}", "asset_id":"{token}","bids":[{{"price":"{price}","size":"5.10"}}],"asks":[],'
    return f'{{"recv_ts":{at},"raw":{raw}"timestamp":"{int(at * 1000)}","event_type":"book"}}}}'


def write_ws(folder: Path, lines: list[str], slug: str = SLUG) -> Path:
    path = folder / f"{slug}.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))
    return path


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def hourly_row(minute: int = 0, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "timestamp": f"2025-07-21 21:{minute:02d}:06",
        "market_name": "Ethereum Up or Down - July 21, 5PM ET",
        "up_token_id": "8722",
        "best_bid": 0.36,
        "best_ask": 0.39,
        "spot": 3753.27,
        "outcome": "DOWN",
    }
    return row | changes


HOURLY_SCHEMA = pl.Schema(
    {name: pl.Float64 if name in ("best_bid", "best_ask", "spot") else pl.String for name in hourly_row()}
)


def write_hourly(folder: Path, rows: list[dict[str, Any]], name: str = "eth.parquet") -> Path:
    path = folder / name
    pl.DataFrame(rows, schema=HOURLY_SCHEMA).write_parquet(path)
    return path


def quotes_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "recorded_at_ts": "1775028136.217",
        "market_slug": "btc-updown-15m-1775027700",
        "question": "Bitcoin Up or Down - April 1, 3:15AM-3:30AM ET",
        "up_token_id": "22",
        "down_token_id": "61",
        "source_side": "up",
    }
    for side, bid, ask in (("up", "0.02", "0.03"), ("down", "0.97", "0.98")):
        row |= {f"{side}_book_ts": "1775028136240", f"{side}_bid": bid, f"{side}_bid_size": "1824.21"}
        row |= {f"{side}_ask": ask, f"{side}_ask_size": "519.51"}
    return row | changes


def second_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Timestamp": "2026-01-03 15:10:46",
        "TargetTime": "2026-01-03 15:00:00",
        "Expiration": "2026-01-03 15:15:00",
        "UpBid": "0.0",
        "UpAsk": "0.01",
        "UpBidLiquidity": "0.0",
        "UpAskLiquidity": "5208.3",
        "DownBid": "0.99",
        "DownAsk": "0.0",
        "DownBidLiquidity": "5208.3",
        "DownAskLiquidity": "0.0",
    }
    return row | changes


def test_raw_frames_go_on_byte_for_byte(tmp_path: Path) -> None:
    lines = [ws_line(START + 1 + index / 1000, token="11" if index % 3 else "22") for index in range(9)]
    broken = ["{nonsense", '{"recv_ts":1}', ws_line(5), ws_line(START + 2).replace('"book"', "7"), "[]"]
    path = write_ws(tmp_path, [*lines[:4], *broken, *lines[4:]])
    summary = import_recording("polymarket-ws", [path], tmp_path / "archive")

    assert_a_recorder_run(tmp_path / "archive", summary)
    assert [r.value.decode() for r in frames(tmp_path / "archive", FEED_POLYMARKET)] == [
        line[line.index('"raw":') + 6 : -1] for line in lines
    ]
    assert summary.rows == 14
    assert summary.rejected == {"not_a_frame": 4, "bad_time": 1}
    assert summary.examples["not_a_frame"].startswith(f"{path.name}:5")
    (market,) = markets(tmp_path / "archive")
    assert (market.slug, market.condition_id) == (SLUG, "0xm")
    assert decode_strings(market.clob_token_ids) == ["22", "11"]  # the token seen most is taken for Down
    assert b'"_import":[' in frames(tmp_path / "archive", FEED_MARKETS)[0].value


def test_one_token_leaves_the_other_empty_and_a_second_market_undefined(tmp_path: Path) -> None:
    lines = [ws_line(START + 1), ws_line(START + 2), ws_line(START + 3, market="0xother", token="99")]
    summary = import_recording("polymarket-ws", [write_ws(tmp_path, lines)], tmp_path / "archive")

    assert decode_strings(markets(tmp_path / "archive")[0].clob_token_ids) == ["", "11"]
    assert summary.counts["markets_without_definition"] == 1


def test_files_are_merged_by_receive_time_whatever_their_order(tmp_path: Path) -> None:
    first = write_ws(tmp_path, [ws_line(START + index) for index in range(1, 300, 7)])
    second = write_ws(
        tmp_path, [ws_line(START + index, "0xn", "77") for index in range(200, 600, 5)], f"btc-updown-5m-{START + 300}"
    )
    made = [
        import_recording("polymarket-ws", paths, tmp_path / name)
        for name, paths in (("a", [first, second]), ("b", [second, first]), ("c", [tmp_path]))
    ]

    assert_a_recorder_run(tmp_path / "a", made[0])
    assert content(tmp_path / "a") == content(tmp_path / "b") == content(tmp_path / "c")
    assert len({summary.run for summary in made}) == 1
    assert made[0].counts["markets"] == 2


def test_a_damaged_file_gives_what_it_has(tmp_path: Path) -> None:
    path = write_ws(tmp_path, [ws_line(START + index, price=f"0.{index}") for index in range(100, 999)])
    path.write_bytes(path.read_bytes()[:-400])
    summary = import_recording("polymarket-ws", [path], tmp_path / "archive")

    assert summary.rejected["damaged_file"] == 1
    assert 0 < len(frames(tmp_path / "archive", FEED_POLYMARKET)) < 899


def test_ticks_come_while_records_flow_and_seldom_in_silence(tmp_path: Path) -> None:
    path = write_ws(tmp_path, [ws_line(START + 1), ws_line(START + 101)])
    import_recording("polymarket-ws", [path], tmp_path / "archive")

    ticks = [
        own for record in records(tmp_path / "archive", FEED_CLOCK) if isinstance(own := decode_own(record.value), Tick)
    ]
    assert [tick.number for tick in ticks] == list(range(len(ticks)))
    assert all(tick.inputs == {} for tick in ticks)
    steps = [after.t_ns - before.t_ns for before, after in pairwise(ticks)]
    quick, fading = ACTIVE_NS // TICK_NS, (FADING_NS - ACTIVE_NS) // FADING_TICK_NS
    pace = [TICK_NS] * quick + [FADING_TICK_NS] * fading
    assert steps[: len(pace)] == pace
    assert steps[len(pace) : len(pace) + 8] == [SILENT_NS] * 8
    assert steps[-len(pace) : -1] == pace[1:]
    assert ticks[0].t_ns == (START + 1) * 10**9 and ticks[-1].t_ns == (START + 101) * 10**9 + END_NS


def test_an_hourly_row_becomes_both_books_a_price_and_a_market(tmp_path: Path) -> None:
    path = write_hourly(tmp_path, [hourly_row(50), hourly_row(51, best_bid=0.946), hourly_row(52, spot=None)])
    summary = import_recording("hourly-minute", [path], tmp_path / "archive", Options(Decimal("50")))

    assert_a_recorder_run(tmp_path / "archive", summary)
    up, down, *rest = messages(tmp_path / "archive")
    assert (up.asset_id, up.timestamp, up.event_type) == ("8722", "1753134606000", "book")
    assert [(level.price, level.size) for side in (up.bids, up.asks) for level in side or ()] == [
        ("0.36", 50.0),
        ("0.39", 50.0),
    ]
    assert [level.price for side in (down.bids, down.asks) for level in side or ()] == ["0.61", "0.64"]
    assert [message.event_type for message in rest[:2]] == ["tick_size_change"] * 2
    assert {message.asset_id for message in rest[:2]} == {up.asset_id, down.asset_id}
    assert rest[2].tick_size == "0.001"
    ticker = decode_coinbase(frames(tmp_path / "archive", FEED_COINBASE)[0].value)
    assert ticker.channel == "ticker" and ticker.events and ticker.events[0].tickers
    assert (ticker.events[0].tickers[0].product_id, ticker.events[0].tickers[0].price) == ("ETH-USD", "3753.27")
    defined, resolved = markets(tmp_path / "archive")
    assert defined.slug == "ethereum-up-or-down-july-21-2025-5pm-et"
    assert (defined.event_start_time, defined.end_date) == ("2025-07-21T21:00:00Z", "2025-07-21T22:00:00Z")
    assert not defined.closed and defined.fee_schedule and defined.fee_schedule.rate == 0.07
    assert resolved.closed and decode_strings(resolved.outcome_prices) == ["0", "1"]
    assert frames(tmp_path / "archive", FEED_MARKETS)[1].t_ns == utc_ns("2025-07-21 22:01:00")
    assert summary.counts["rows_without_spot"] == 1


def next_row(at: str, hour: str) -> dict[str, Any]:
    """A row of a later market, whose outcome is recorded."""
    return hourly_row(timestamp=at, market_name=f"Ethereum Up or Down - July 21, {hour} ET", up_token_id="9")


def assert_derived(folder: Path, rows: list[dict[str, Any]], paid: list[str] | None, source: str) -> None:
    """The market of 5 PM pays that, by this source alone; with None it is left without an outcome."""
    summary = import_recording("hourly-minute", [write_hourly(folder, rows)], folder / "archive")
    mine = [market for market in markets(folder / "archive") if "5pm" in market.slug and market.closed]
    assert [decode_strings(market.outcome_prices) for market in mine] == ([paid] if paid else [])
    sources = ("outcomes_derived_from_spot", "outcomes_derived_from_quotes")
    assert [summary.counts[each] for each in sources] == [len(mine) if each == source else 0 for each in sources]
    assert summary.counts["markets_without_outcome"] == 1 - len(mine)


@pytest.mark.parametrize(
    ("closed", "at", "paid"),
    [
        (3753.28, "2025-07-21 21:59:30", ["1", "0"]),
        (3753.27, "2025-07-21 22:01:00", ["1", "0"]),  # no move is Up
        (3753.26, "2025-07-21 22:00:10", ["0", "1"]),
        (3753.28, "2025-07-21 21:57:00", None),  # too far from the end to say
    ],
)
def test_an_hourly_market_without_an_outcome_is_paid_by_the_recorded_spot(
    tmp_path: Path, closed: float, at: str, paid: list[str] | None
) -> None:
    rows = [
        hourly_row(0, outcome=None),
        hourly_row(timestamp=at, spot=closed, outcome=None),
        next_row("2025-07-21 23:00:00", "7PM"),
    ]
    assert_derived(tmp_path, rows, paid, "outcomes_derived_from_spot")


@pytest.mark.parametrize(
    ("bid", "ask", "at", "paid"),
    [
        (0.95, 0.97, "2025-07-21 21:55:00", ["1", "0"]),
        (0.02, 0.05, "2025-07-21 21:59:59", ["0", "1"]),
        (0.94, 0.99, "2025-07-21 21:57:00", None),  # some doubt
        (0.02, 0.06, "2025-07-21 21:57:00", None),
        (0.95, 0.97, "2025-07-21 21:54:59", None),  # too long before the end
        (1.0, 1.0, "2025-07-21 21:59:00", None),  # no quote that can have stood; the one before is not sure
    ],
)
def test_without_outcome_and_spot_the_last_quote_pays_when_it_is_sure(
    tmp_path: Path, bid: float, ask: float, at: str, paid: list[str] | None
) -> None:
    rows = [
        hourly_row(50, outcome=None, spot=None, best_bid=0.5, best_ask=0.6),
        hourly_row(timestamp=at, outcome=None, spot=None, best_bid=bid, best_ask=ask),
        next_row("2025-07-21 22:00:00", "6PM"),
    ]
    assert_derived(tmp_path, rows, paid, "outcomes_derived_from_quotes")


def test_a_market_that_has_not_ended_when_the_recording_does_is_open(tmp_path: Path) -> None:
    rows = [hourly_row(timestamp="2025-07-21 21:59:59", outcome=None, spot=None, best_bid=0.98, best_ask=0.99)]
    summary = import_recording("hourly-minute", [write_hourly(tmp_path, rows)], tmp_path / "archive")
    assert not any(market.closed for market in markets(tmp_path / "archive"))
    assert summary.counts["markets_open_at_the_end"] == 1
    assert summary.counts["markets_without_outcome"] == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"best_bid": float("nan")}, "not_a_number"),
        ({"best_ask": 9999.99}, "price_out_of_range"),
        ({"best_bid": -0.01}, "price_out_of_range"),
        ({"best_bid": 0.12345}, "price_too_fine"),
        ({"best_bid": None}, "not_a_number"),
        ({"timestamp": "yesterday"}, "bad_time"),
        ({"timestamp": None}, "bad_time"),
        ({"timestamp": "1970-01-01 00:00:00"}, "bad_time"),
        ({"spot": -1.0}, "not_a_price"),
        ({"up_token_id": "new", "market_name": "x"}, "not_a_token"),
        ({"up_token_id": "77", "market_name": "Bitcoin above 3?"}, "unknown_market_name"),
    ],
)
def test_a_broken_hourly_row_is_refused_alone(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    path = write_hourly(tmp_path, [hourly_row(1), hourly_row(2, **changes), hourly_row(3)])
    summary = import_recording("hourly-minute", [path], tmp_path / "archive")

    assert summary.rejected == {reason: 1}
    assert len(frames(tmp_path / "archive", FEED_POLYMARKET)) == 2
    assert_a_recorder_run(tmp_path / "archive", summary)


def test_garbage_quotes_go_on_as_recorded(tmp_path: Path) -> None:
    path = write_hourly(
        tmp_path, [hourly_row(1, best_bid=1.0, best_ask=1.0), hourly_row(2, best_bid=0.7, best_ask=0.6)]
    )
    summary = import_recording("hourly-minute", [path], tmp_path / "archive")

    prices = [
        [level.price for side in (m.bids, m.asks) for level in side or ()] for m in messages(tmp_path / "archive")
    ]
    assert prices == [["1", "1"], ["0", "0"], ["0.7", "0.6"], ["0.4", "0.3"]]
    assert summary.counts["rows_with_bid_not_below_ask"] == 2


@pytest.mark.parametrize(
    ("name", "at", "slug"),
    [
        ("Bitcoin Up or Down - July 21, 9AM ET", "2025-07-21 13:19:08", "bitcoin-up-or-down-july-21-2025-9am-et"),
        (
            "Ethereum Up or Down - December 31, 11PM ET",
            "2026-01-01 04:30:00",
            "ethereum-up-or-down-december-31-2025-11pm-et",
        ),
    ],
)
def test_the_year_of_an_hourly_slug_is_new_yorks(name: str, at: str, slug: str) -> None:
    assert by_question(name, utc_ns(at)).slug == slug
    window = window_of(slug)
    assert window is not None and window.start_ns <= utc_ns(at) < window.end_ns


def test_a_quote_row_becomes_the_book_that_changed(tmp_path: Path) -> None:
    rows = [
        quotes_row(),
        quotes_row(recorded_at_ts="1775028137.000", up_book_ts="1775028137010", up_bid="0.0", up_bid_size="0.0"),
        quotes_row(recorded_at_ts="1775028137.500", source_side="down", down_ask="1.0", down_ask_size="0.0"),
        quotes_row(recorded_at_ts="1775028138.000", up_book_ts="1775028138010", down_book_ts="1775028138010"),
        quotes_row(recorded_at_ts="what"),
        quotes_row(source_side="left"),
        quotes_row(up_bid="2"),
        quotes_row(market_slug="will-it-rain"),
        quotes_row(up_token_id="23"),
    ]
    summary = import_recording("btc15m-quotes", [write_csv(tmp_path / "q.csv", rows)], tmp_path / "archive")

    assert_a_recorder_run(tmp_path / "archive", summary)
    each = [[m.asset_id for m in decode_polymarket(r.value)] for r in frames(tmp_path / "archive", FEED_POLYMARKET)]
    assert each == [["22", "61"], ["22"], ["22", "61"], ["22", "61"]]
    assert messages(tmp_path / "archive")[2].bids == []
    assert messages(tmp_path / "archive")[4].asks == []
    assert frames(tmp_path / "archive", FEED_POLYMARKET)[0].t_ns == 1_775_028_136_217_000_000
    assert summary.rejected == Counter(
        ["bad_time", "unknown_side", "price_out_of_range", "unknown_market_slug", "tokens_changed"]
    )


def test_a_second_becomes_both_books_in_one_frame(tmp_path: Path) -> None:
    rows = [second_row(), second_row(Timestamp="2026-01-03 15:10:47"), second_row(Expiration="2026-01-03 15:14:00")]
    summary = import_recording("btc15m-1s", [write_csv(tmp_path / "s.csv", rows)], tmp_path / "archive")

    assert_a_recorder_run(tmp_path / "archive", summary)
    up, down = decode_polymarket(frames(tmp_path / "archive", FEED_POLYMARKET)[0].value)
    assert up.bids == [] and up.asks and up.asks[0].price == "0.01"
    assert down.asks == [] and down.bids and down.bids[0].size == 5208.3
    (market,) = markets(tmp_path / "archive")
    assert market.slug == "btc-updown-15m-1767452400"
    assert decode_strings(market.clob_token_ids) == [up.asset_id, down.asset_id]
    assert summary.rejected == {"bad_window": 1}


def write_l2(folder: Path) -> None:
    market = {
        "market_id": "0xaa",
        "slug": "btc-updown-15m-1790586000",
        "question": "q",
        "start_ts": 1790586000000,
        "end_ts": 1790586900000,
        "payout_up": 0.5,
        "payout_down": 0.5,
    }
    pl.DataFrame([market]).write_parquet(folder / "markets.parquet")
    book = {"bid_px": [0.5, 0.49], "bid_sz": [205.0, 75.25], "ask_px": [0.51], "ask_sz": [3.0]}
    rows: list[dict[str, Any]] = [
        {"market_id": "0xaa", "ts": 1790586001000, "side": "DOWN", **book},
        {"market_id": "0xaa", "ts": 1790586001000, "side": "UP", **book},
        {"market_id": "0xaa", "ts": 1790586000500, "side": "UP", **book},
        {"market_id": "0xaa", "ts": 1790586003000, "side": "UP", **book | {"ask_px": [0.1, 0.2]}},
        {"market_id": "0xbb", "ts": 1790586003000, "side": "UP", **book},
        {"market_id": "0xaa", "ts": 5, "side": "UP", **book},
    ]
    pl.DataFrame(rows).write_parquet(folder / "books.parquet")


def test_books_of_one_time_make_one_frame_best_last(tmp_path: Path) -> None:
    (tmp_path / "l2").mkdir()
    write_l2(tmp_path / "l2")
    summary = import_recording("l2-snapshots", [tmp_path / "l2"], tmp_path / "archive")

    assert_a_recorder_run(tmp_path / "archive", summary)
    each = [decode_polymarket(record.value) for record in frames(tmp_path / "archive", FEED_POLYMARKET)]
    assert [len(found) for found in each] == [1, 2]
    assert [(level.price, level.size) for level in each[0][0].bids or ()] == [("0.49", 75.25), ("0.5", 205.0)]
    defined, resolved = markets(tmp_path / "archive")
    assert not defined.closed and resolved.closed
    assert decode_strings(resolved.outcome_prices) == ["0.5", "0.5"]
    assert frames(tmp_path / "archive", FEED_MARKETS)[1].t_ns == (1790586900 + 60) * 10**9
    assert summary.rejected == {"prices_without_sizes": 1, "unknown_market": 1, "bad_time": 1}


def test_chainlink_prices_keep_their_digits_and_markets_their_time(tmp_path: Path) -> None:
    rows = [
        {"feed_ts_ms": 1780876800000 + s * 1000, "full_accuracy_value": text, "recv_ms": 1780876801156 + s * 1000}
        for s, text in enumerate(["63304200301195075000000", "no", "-5", "63304000000000000000000"])
    ]
    write_csv(tmp_path / "BTCUSD-prices-2026-06-08.csv", rows)
    raw = (
        '{"id":"1","slug":"btc-updown-5m-1780876800","conditionId":"0xc","closed":true,"bestAsk":0.98,'
        '"outcomes":"[\\"Up\\", \\"Down\\"]","outcomePrices":"[\\"0\\", \\"1\\"]","clobTokenIds":"[\\"1\\", \\"2\\"]",'
        '"eventStartTime":"2026-06-08T00:00:00Z","endDate":"2026-06-08T00:05:00Z",'
        '"closedTime":"2026-06-08 00:05:25+00"}'
    )
    line = f'{{"start_sec":1780876800,"strike_value":"63304200301195075123456","raw":{raw}}}'
    (tmp_path / "markets.jsonl").write_text(line + "\n{}\n")
    summary = import_recording("chainlink-day", [tmp_path], tmp_path / "archive")

    assert_a_recorder_run(tmp_path / "archive", summary)
    tickers = [decode_coinbase(record.value) for record in frames(tmp_path / "archive", FEED_COINBASE)]
    assert [t.events[0].tickers[0].price for t in tickers if t.events and t.events[0].tickers] == [
        "63304.200301195075",
        "63304",
    ]
    assert tickers[0].timestamp == "2026-06-08T00:00:00Z"
    reported = frames(tmp_path / "archive", FEED_MARKETS)
    assert [(record.t_ns // 10**9) - 1780876800 for record in reported] == [-60, 2, 325]
    assert reported[2].value == raw.encode()
    assert b"bestAsk" not in reported[0].value and b"closedTime" not in reported[1].value
    assert not json.loads(reported[0].value)["closed"] and "events" not in json.loads(reported[0].value)
    assert b'{"priceToBeat":63304.200301195075123456}' in reported[1].value
    assert summary.rejected == {"not_a_number": 1, "not_a_price": 1, "not_a_market": 1}


# --- rules ---


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_a_token_price_survives_the_wire(pips: int, other: int) -> None:
    text = price_text(number(pips / 10_000))
    assert Decimal(text) == Decimal(pips) / 10_000
    assert price_text(1 - number(float(text))) == plain(1 - Decimal(text))
    (message,) = decode_polymarket(
        book_object(
            BookSnapshot("0x", "1", 5, [(text, "1")], [(price_text(number(other / 10_000)), "2")], "0.01")
        ).encode()
    )
    assert message.bids and message.bids[0].price == text


@given(st.integers(1, 10**26))
def test_every_digit_of_a_scaled_price_is_kept(value: int) -> None:
    assert Decimal(scaled(value)) * 10**18 == value


@given(st.decimals(-(10**6), 10**6, places=5))
def test_only_prices_of_the_exchange_pass(value: Decimal) -> None:
    if 0 <= value <= 1 and value * 10_000 % 1 == 0:
        assert Decimal(price_text(value)) == value
    else:
        with pytest.raises(RefusedRow):
            price_text(value)


def test_times_are_exact() -> None:
    assert unix_ns("1776323404.776089", 10**9) == 1_776_323_404_776_089_000
    assert utc_ns("2025-07-21 13:19:08") == 1_753_103_948_000_000_000


# --- refusals of the whole ---


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: ("nonsense", [folder]), "no kind of recording"),
        (lambda folder: ("polymarket-ws", [folder / "absent"]), "no such file"),
        (lambda folder: ("polymarket-ws", [folder]), "no .jsonl "),
        (lambda folder: ("polymarket-ws", [write_ws(folder, [ws_line(START)], "notes")]), "is not the slug"),
        (lambda folder: ("polymarket-ws", [write_ws(folder, ["{}"])]), "not one of 1 rows"),
        (lambda folder: ("btc15m-1s", [write_csv(folder / "x.csv", [quotes_row()])]), "column Timestamp"),
        (lambda folder: ("hourly-minute", [write_csv(folder / "x.parquet", [quotes_row()])]), "not a readable Parquet"),
        (lambda folder: ("l2-snapshots", [write_hourly(folder, [hourly_row()])]), "no file has the columns"),
    ],
)
def test_what_cannot_be_imported_leaves_nothing(
    tmp_path: Path, make: Callable[[Path], tuple[str, list[Path]]], words: str
) -> None:
    (tmp_path / "in").mkdir()
    kind, paths = make(tmp_path / "in")
    with pytest.raises(ImportFailure, match=words):
        import_recording(kind, paths, tmp_path / "archive")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


# --- the real recordings ---

REAL: dict[str, tuple[str, dict[str, int], dict[str, int], dict[str, int]]] = {
    "polymarket-ws": (
        "polymarket_ws_btc5m",
        {FEED_POLYMARKET: 47_297, FEED_MARKETS: 14, FEED_COINBASE: 2, FEED_CLOCK: 13_972},
        {},
        {"markets": 12, "markets_with_one_token": 9, "markets_without_outcome": 12},
    ),
    "hourly-minute": (
        "polymarket_hourly_minute",
        {FEED_POLYMARKET: 13_169, FEED_MARKETS: 444, FEED_COINBASE: 13_027},
        {"price_out_of_range": 4},
        {
            "markets": 222,
            "markets_without_outcome": 0,
            "markets_open_at_the_end": 2,
            "outcomes_derived_from_spot": 3,
            "outcomes_derived_from_quotes": 1,
            "rows_with_bid_not_below_ask": 903,
            "rows_without_spot": 18,
        },
    ),
    "btc15m-quotes": ("polymarket_btc15m_quotes", {FEED_POLYMARKET: 13_757, FEED_MARKETS: 7}, {}, {"markets": 5}),
    "btc15m-1s": ("polymarket_btc15m_1s", {FEED_POLYMARKET: 151, FEED_MARKETS: 4}, {}, {"markets": 2}),
    "l2-snapshots": (
        "polymarket_l2_btc15m",
        {FEED_POLYMARKET: 11_869, FEED_MARKETS: 24},
        {},
        {"markets": 11, "markets_without_books": 0},
    ),
    "chainlink-day": (
        "chainlink_btc_2026-06-08",
        {FEED_COINBASE: 84_560, FEED_MARKETS: 874, FEED_POLYMARKET: 2},
        {},
        {"markets": 292, "markets_without_strike": 4},
    ),
}


@pytest.mark.parametrize("kind", list(REAL))
@pytest.mark.takes(12)
def test_the_real_recording_comes_in_whole(recordings: Path, tmp_path: Path, kind: str) -> None:
    folder, expected, rejected, counts = REAL[kind]
    summary = import_recording(kind, [recordings / folder], tmp_path / "archive")

    assert {topic: summary.frames[topic] for topic in expected} == expected
    assert summary.rejected == rejected
    assert {name: summary.counts[name] for name in counts} == counts
    assert ArchiveReader(tmp_path / "archive").verify() == []
    if kind in ("btc15m-quotes", "btc15m-1s", "l2-snapshots"):
        assert_a_recorder_run(tmp_path / "archive", summary)
