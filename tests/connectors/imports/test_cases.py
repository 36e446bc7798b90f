"""Recordings as other people have them: each was refused, or read wrongly, once."""

from __future__ import annotations

import csv
import gzip
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.imports.importing import import_recording
from connectors.imports.options import Options
from connectors.imports.summary import ImportFailure
from models.journal import Market
from models.topics import FEED_POLYMARKET
from tests.connectors.imports.reading_back import books, gammas, payouts, said
from tests.connectors.imports.replaying import journal, letters

START = 1_776_323_400
SLUG = f"btc-updown-5m-{START}"
UP, DOWN = "11111111111111111111", "22222222222222222222"
QUOTES_START = 1_775_027_700


def book(token: str, bid: str, ask: str, at: float) -> dict[str, Any]:
    return {
        "market": "0xcc",
        "asset_id": token,
        "timestamp": str(int(at * 1000)),
        "hash": "",
        "bids": [{"price": bid, "size": "5"}],
        "asks": [{"price": ask, "size": "4"}],
        "event_type": "book",
    }


def change(token: str, at: float, size: str) -> dict[str, Any]:
    """A `price_change` as the exchange wrote it first."""
    changes = [{"price": "0.48", "side": "BUY", "size": size}]
    head = {"event_type": "price_change", "market": "0xcc", "asset_id": token, "timestamp": str(int(at * 1000))}
    return head | {"hash": "h", "changes": changes}


def announced(outcomes: tuple[str, str] = ("Up", "Down")) -> dict[str, Any]:
    return {
        "event_type": "new_market",
        "id": "1",
        "market": "0xcc",
        "slug": SLUG,
        "assets_ids": [UP, DOWN] if outcomes[0] == "Up" else [DOWN, UP],
        "outcomes": list(outcomes),
        "timestamp": str(START * 1000),
    }


def resolved(winner: str, word: str) -> dict[str, Any]:
    return {
        "event_type": "market_resolved",
        "id": "1",
        "market": "0xcc",
        "assets_ids": [UP, DOWN],
        "winning_asset_id": winner,
        "winning_outcome": word,
        "timestamp": str((START + 320) * 1000),
    }


def many_of_up() -> list[tuple[float, Any]]:
    """More frames of Up than of Down: the guess would have it the wrong way round."""
    return [(START + n, book(UP, "0.60", "0.61", START + n)) for n in range(20)] + [
        (START + 30, book(DOWN, "0.38", "0.39", START + 30))
    ]


def write_ws(folder: Path, rows: list[tuple[float, Any]], name: str = f"{SLUG}.jsonl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("".join(json.dumps({"recv_ts": t, "raw": raw}) + "\n" for t, raw in rows))
    return path


def tokens(archive: Path) -> list[str]:
    (listed,) = {market["clobTokenIds"] for market in gammas(archive)}
    return list(json.loads(listed))


def paid_by_the_line(archive: Path) -> list[tuple[int | None, int | None]]:
    """What the market line makes of it: payouts of the last word on each market."""
    last = {event.key: event for event in journal(archive) if isinstance(event, Market)}
    return [(event.payout_up, event.payout_down) for event in last.values()]


@pytest.mark.parametrize(
    "evidence",
    [
        (START - 1.0, announced()),
        (START - 1.0, announced(("Down", "Up"))),
        (START + 320.0, resolved(UP, "Up")),
        (
            START + 5.0,
            {
                "slug": SLUG,
                "conditionId": "0xcc",
                "outcomes": '["Up", "Down"]',
                "clobTokenIds": json.dumps([UP, DOWN]),
                "outcomePrices": '["0.5", "0.5"]',
                "closed": False,
            },
        ),
    ],
    ids=["new_market", "new_market, Down first", "market_resolved", "Gamma"],
)
def test_which_token_is_up_is_what_the_recordings_own_messages_say(
    tmp_path: Path, evidence: tuple[float, dict[str, Any]]
) -> None:
    path = write_ws(tmp_path, [*many_of_up(), evidence])
    summary = import_recording("polymarket-ws", [path], tmp_path / "archive")
    assert tokens(tmp_path / "archive") == [UP, DOWN]
    assert not summary.guesses


def test_a_market_that_its_own_messages_resolve_pays_that(tmp_path: Path) -> None:
    rows = [(START - 1.0, announced()), *many_of_up(), (START + 320.0, resolved(UP, "Up"))]
    summary = import_recording("polymarket-ws", [write_ws(tmp_path, rows)], tmp_path / "archive")
    assert summary.counts["markets_without_outcome"] == 0
    assert paid_by_the_line(tmp_path / "archive") == [(10_000, 0)]


def test_without_such_messages_an_option_says_it_and_else_a_guess_that_is_shown(tmp_path: Path) -> None:
    path = write_ws(tmp_path, many_of_up())
    reported = import_recording("polymarket-ws", [path], tmp_path / "told", Options(ups=frozenset({UP})))
    guessed = import_recording("polymarket-ws", [path], tmp_path / "guessed")
    assert (tokens(tmp_path / "told"), list(reported.guesses)) == ([UP, DOWN], [])
    assert tokens(tmp_path / "guessed") == [DOWN, UP]
    assert guessed.counts["markets_with_guessed_outcomes"] == 1 and guessed.guesses


@pytest.mark.parametrize("in_array", [False, True])
def test_price_changes_of_the_first_version_change_the_book(tmp_path: Path, in_array: bool) -> None:
    first = [book(DOWN, "0.48", "0.49", START), book(UP, "0.51", "0.52", START)]
    changes = [change(DOWN, START + n, str(n)) for n in range(1, 30)]
    rows: list[tuple[float, Any]] = [(START, first)]
    rows += [(START + n, [each] if in_array else each) for n, each in enumerate(changes, 1)]
    summary = import_recording("polymarket-ws", [write_ws(tmp_path, rows)], tmp_path / "archive")

    assert summary.counts["price_changes_of_the_first_version"] == 29
    found = [m.price_changes[0] for m in books(tmp_path / "archive") if m.price_changes]
    assert [(each.asset_id, each.price, each.size) for each in found] == [(DOWN, "0.48", str(n)) for n in range(1, 30)]
    assert not letters(tmp_path / "archive")
    assert journal(tmp_path / "archive")


@pytest.mark.parametrize(("shift", "outside"), [(0, 0), (-300, 5), (3_600, 5)])
def test_messages_outside_the_window_of_their_files_name_are_a_finding(
    tmp_path: Path, shift: int, outside: int
) -> None:
    rows = [(float(START + shift + n), book(UP, "0.60", "0.61", START + shift + n)) for n in range(5)]
    summary = import_recording("polymarket-ws", [write_ws(tmp_path, rows)], tmp_path / "archive")
    assert summary.findings["rows_outside_their_window"] == outside


def test_a_price_change_that_says_nothing_is_refused_by_its_row(tmp_path: Path) -> None:
    broken = change(DOWN, START, "1") | {"changes": [{"price": "0.48"}]}
    rows = [(float(START), book(UP, "0.51", "0.52", START)), (START + 1.0, broken)]
    summary = import_recording("polymarket-ws", [write_ws(tmp_path, rows)], tmp_path / "archive")
    assert summary.rejected == {"not_a_price_change": 1}
    assert summary.examples["not_a_price_change"].startswith(f"{SLUG}.jsonl:2")


@pytest.mark.parametrize("unit", [1, 1_000, 10**6, 10**9])
@pytest.mark.parametrize("double", [False, True], ids=["", "double-encoded"])
def test_raw_messages_in_other_spellings_are_the_same_frames(tmp_path: Path, unit: int, double: bool) -> None:
    rows = [(float(START + n), book(UP, "0.60", "0.61", START + n)) for n in range(5)]
    plain = import_recording("polymarket-ws", [write_ws(tmp_path / "a", rows)], tmp_path / "plain")
    other = [(int(t) * unit, json.dumps(raw) if double else raw) for t, raw in rows]
    path = write_ws(tmp_path / "b", other, f"{SLUG}.NDJSON")
    summary = import_recording("polymarket-ws", [path], tmp_path / "other")
    assert said(tmp_path / "other") == said(tmp_path / "plain")
    assert summary.rows == plain.rows == 5


def plain_rows(count: int = 8) -> list[tuple[float, Any]]:
    """Books of both tokens, a second apart."""
    return [(START + n, book((UP, DOWN)[n % 2], f"0.4{n + 1}", f"0.6{n + 1}", START + n)) for n in range(count)]


def as_numbers(frame: dict[str, Any], *names: str) -> dict[str, Any]:
    """The frame with texts under these names as numbers, as a recorder that parsed them writes them."""
    levels = {
        side: [{name: float(text) if name in names else text for name, text in level.items()} for level in frame[side]]
        for side in ("bids", "asks")
    }
    return frame | levels | {name: int(frame[name]) for name in ("timestamp", "asset_id") if name in names}


FORMS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "prices and sizes as numbers": lambda frame: as_numbers(frame, "price", "size"),
    "times as numbers": lambda frame: as_numbers(frame, "timestamp"),
    "ids as numbers": lambda frame: as_numbers(frame, "asset_id"),
    "in an array": lambda frame: [as_numbers(frame, "price", "timestamp")],
    "what floats add": lambda frame: json.loads(json.dumps(frame).replace('"0.42"', '"0.42000000000000004"')),
    "JSON in JSON": json.dumps,
}


@pytest.mark.parametrize("form", list(FORMS))
def test_a_frame_in_another_writing_becomes_the_exchanges(tmp_path: Path, form: str) -> None:
    """Numbers were refused; a price with what floats add went on, and the line made a dead letter of it."""
    rows = plain_rows()
    import_recording("polymarket-ws", [write_ws(tmp_path / "plain", rows)], tmp_path / "a")
    path = write_ws(tmp_path / "other", [(t, FORMS[form](frame)) for t, frame in rows])
    summary = import_recording("polymarket-ws", [path], tmp_path / "b")
    assert (summary.rejected, summary.findings) == ({}, {})
    assert books(tmp_path / "b") == books(tmp_path / "a") and len(books(tmp_path / "a")) == 8
    assert letters(tmp_path / "b") == []


def test_what_goes_on_and_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    odd = {"event_type": "last_trade_price", "market": "0xd", "asset_id": "3", "timestamp": "1", "price": "soon"}
    path = write_ws(tmp_path, [*plain_rows(), (START + 9.0, [book(UP, "0.4", "0.6", START + 9), odd])])
    summary = import_recording("polymarket-ws", [path], tmp_path / "archive")
    assert summary.findings == {"frames_with_a_part_that_cannot_be_used": 1} and not summary.rejected
    assert len(letters(tmp_path / "archive")) == 1, "and its sibling is used"
    assert len(books(tmp_path / "archive")) == 10


@pytest.mark.parametrize("text", ["INVALID OPERATION", "NO NEW ASSETS", "", "{}"])
def test_control_text_goes_on_as_it_was_said(tmp_path: Path, text: str) -> None:
    path = write_ws(tmp_path, [*plain_rows(), (START + 9.0, text), (START + 9.5, None)])
    summary = import_recording("polymarket-ws", [path], tmp_path / "archive")
    assert summary.counts["control_texts"] == 1 and summary.rejected == {"no_frame": 1}
    assert text.encode() in [value for _, topic, _, value in said(tmp_path / "archive") if topic == FEED_POLYMARKET]
    assert letters(tmp_path / "archive") == []


def test_lines_may_stand_in_one_array(tmp_path: Path) -> None:
    import_recording("polymarket-ws", [write_ws(tmp_path / "plain", plain_rows())], tmp_path / "a")
    path = tmp_path / f"{SLUG}.json"
    path.write_text(json.dumps([{"recv_ts": t, "raw": frame} for t, frame in plain_rows()], indent=1))
    import_recording("polymarket-ws", [path], tmp_path / "b")
    assert books(tmp_path / "b") == books(tmp_path / "a")


def quote_rows(count: int) -> list[dict[str, Any]]:
    rows = []
    for number in range(count):
        ms = QUOTES_START * 1000 + number * 100
        bid = 40 + number % 30
        row: dict[str, Any] = {"recorded_at_ts": f"{ms / 1000:.3f}", "market_slug": f"btc-updown-15m-{QUOTES_START}"}
        row |= {"question": "Q", "up_token_id": "111", "down_token_id": "222", "source_side": "up"}
        for side, low, high in (("up", bid, bid + 1), ("down", 99 - bid, 100 - bid)):
            row |= {f"{side}_book_ts": ms, f"{side}_bid": f"0.{low}", f"{side}_bid_size": 10}
            row |= {f"{side}_ask": f"0.{high}", f"{side}_ask_size": 10}
        rows.append(row)
    return rows


def write_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_newest_first_is_sorted_and_each_row_keeps_its_time(tmp_path: Path) -> None:
    rows = quote_rows(5_000)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(write_csv(tmp_path / "a.csv", rows[::-1]).read_bytes()))
    summary = import_recording("btc15m-quotes", [path], tmp_path / "archive")
    times = [t for t, topic, _, _ in said(tmp_path / "archive") if topic == FEED_POLYMARKET]
    assert times == [QUOTES_START * 10**9 + number * 100_000_000 for number in range(5_000)]
    assert summary.counts["received_earlier_than_the_one_before"] == 0


@pytest.fixture(scope="module")
def in_one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    import_recording("btc15m-quotes", [write_csv(folder / "a.csv", quote_rows(40))], folder / "archive")
    return folder / "archive"


@settings(max_examples=15)
@given(st.permutations(quote_rows(40)), st.integers(1, 4))
def test_neither_the_order_of_rows_nor_their_files_matter(
    tmp_path_factory: pytest.TempPathFactory, in_one_file: Path, rows: list[dict[str, Any]], parts: int
) -> None:
    folder = tmp_path_factory.mktemp("order")
    for part in range(parts):
        if rows[part::parts]:
            write_csv(folder / "parts" / f"{part}.csv", rows[part::parts])
    import_recording("btc15m-quotes", [folder / "parts"], folder / "other")
    assert said(folder / "other") == said(in_one_file)


def second_rows(count: int = 30, **changes: Any) -> list[dict[str, Any]]:
    rows = []
    for number in range(count):
        row = {"Timestamp": f"2026-02-03 10:00:{10 + number}", "TargetTime": "2026-02-03 10:00:00"}
        row |= {"Expiration": "2026-02-03 10:15:00", "UpBid": "0.43", "UpAsk": "0.44", "UpBidLiquidity": "100"}
        row |= {"UpAskLiquidity": "120", "DownBid": "0.56", "DownAsk": "0.57", "DownBidLiquidity": "120"}
        rows.append(row | {"DownAskLiquidity": "100"} | changes)
    return rows


def test_a_byte_order_mark_is_no_part_of_a_columns_name(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", second_rows())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert import_recording("btc15m-1s", [path], tmp_path / "archive").frames[FEED_POLYMARKET] == 32


@pytest.mark.parametrize(
    ("name", "by_name"),
    [("._a.csv", False), ("._a.csv", True), (".hidden.csv", False), ("__MACOSX/a.csv", False), (".trash/a.csv", False)],
)
def test_hidden_files_beside_others_are_passed_over(tmp_path: Path, name: str, by_name: bool) -> None:
    write_csv(tmp_path / "in" / "a.csv", second_rows())
    (tmp_path / "in" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "in" / name).write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    paths = [tmp_path / "in" / name, tmp_path / "in" / "a.csv"] if by_name else [tmp_path / "in"]
    summary = import_recording("btc15m-1s", paths, tmp_path / "archive")
    assert (summary.files, summary.rows, summary.rejected) == (1, 30, {})


def l2(folder: Path, market_id: Any, times: list[Any], name: str = "books") -> None:
    ladder = {"bid_px": [0.48, 0.47], "bid_sz": [10.0, 20.0], "ask_px": [0.5, 0.51], "ask_sz": [5.0, 6.0]}
    rows = [{"market_id": market_id, "ts": t, "side": side, **ladder} for t in times for side in ("UP", "DOWN")]
    pl.DataFrame(rows).write_parquet(folder / f"{name}.parquet")
    market = {"market_id": market_id, "slug": "btc-updown-15m-1790586000", "question": "Q"}
    market |= {"start_ts": 1_790_586_000_000, "end_ts": 1_790_586_900_000, "payout_up": 1.0, "payout_down": 0.0}
    pl.DataFrame([market]).write_parquet(folder / "markets.parquet")


@pytest.mark.parametrize("market_id", [1_031_769, "1031769", "0xm1"])
def test_ids_may_be_whole_numbers(tmp_path: Path, market_id: Any) -> None:
    l2(tmp_path, market_id, list(range(1_790_586_000_000, 1_790_586_020_000, 1_000)))
    summary = import_recording("l2-snapshots", [tmp_path], tmp_path / "archive")
    assert not summary.rejected
    assert len([m for m in books(tmp_path / "archive") if m.event_type == "book"]) == 40
    assert payouts(tmp_path / "archive") == {"btc-updown-15m-1790586000": ["1", "0"]}


def test_files_of_differing_types_are_read_alike(tmp_path: Path) -> None:
    l2(tmp_path, "0xm1", list(range(1_790_586_000_000, 1_790_586_020_000, 1_000)), "books0")
    l2(tmp_path, "0xm1", [float(t) for t in range(1_790_586_100_000, 1_790_586_120_000, 1_000)], "books1")
    summary = import_recording("l2-snapshots", [tmp_path], tmp_path / "archive")
    assert not summary.rejected and summary.frames[FEED_POLYMARKET] == 42


def test_when_every_price_is_refused_nothing_is_left_behind_and_the_first_ones_are_named(tmp_path: Path) -> None:
    rows = [
        {"feed_ts_ms": 1_780_876_800_000 + n, "full_accuracy_value": "61000.25", "recv_ms": 1_780_876_800_900 + n}
        for n in range(60)
    ]
    write_csv(tmp_path / "in" / "BTCUSD-prices.csv", rows)
    market = {"slug": "btc-updown-5m-1780876800", "conditionId": "0xc", "closed": False}
    (tmp_path / "in" / "BTC-5m.jsonl").write_text(json.dumps({"start_sec": 1_780_876_800, "raw": market}))
    with pytest.raises(ImportFailure, match=r"not_a_price 60[\s\S]*BTCUSD-prices.csv:2: not_a_price: 61000.25"):
        import_recording("chainlink-day", [tmp_path / "in"], tmp_path / "archive")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_new_year_in_new_york(tmp_path: Path) -> None:
    rows = [
        {
            "timestamp": f"2026-01-01 04:3{n}:00",
            "market_name": "Bitcoin Up or Down - January 1, 12AM ET",
            "up_token_id": "87",
            "best_bid": 0.4,
            "best_ask": 0.42,
            "spot": 77_000.5 + n,
            "outcome": None if n < 9 else "UP",
        }
        for n in range(10)
    ]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    summary = import_recording("hourly-minute", [tmp_path / "a.parquet"], tmp_path / "archive")
    market = gammas(tmp_path / "archive")[0]
    assert market["slug"] == "bitcoin-up-or-down-january-1-2026-12am-et"
    assert (market["eventStartTime"], market["endDate"]) == ("2026-01-01T05:00:00Z", "2026-01-01T06:00:00Z")
    assert summary.findings == {"rows_outside_their_window": 10}  # all of them before it


def hours_of_a_clock_change() -> list[dict[str, Any]]:
    """1 AM is there twice when clocks go back, on 2 November 2025 at 06:00 UTC. Spot rises in the first, then falls."""
    rows = []
    for minute in range(120):
        row = {"timestamp": f"2025-11-02 0{5 + minute // 60}:{minute % 60:02d}:00"}
        row |= {"market_name": "Bitcoin Up or Down - November 2, 1AM ET", "up_token_id": f"{5 + minute // 60}7"}
        row |= {"best_bid": 0.4, "best_ask": 0.42, "spot": 77_000.5 + (minute if minute <= 60 else 120 - minute)}
        rows.append(row | {"outcome": None})
    return rows


def test_the_second_1_am_of_the_clock_change_is_a_market_of_its_own(tmp_path: Path) -> None:
    rows = hours_of_a_clock_change()
    rows.append(rows[-1] | {"timestamp": "2025-11-02 07:00:00"})
    pl.DataFrame(rows, schema_overrides={"outcome": pl.String}).write_parquet(tmp_path / "a.parquet")
    import_recording("hourly-minute", [tmp_path / "a.parquet"], tmp_path / "archive")
    assert {(market["slug"], market["eventStartTime"]) for market in gammas(tmp_path / "archive")} == {
        ("bitcoin-up-or-down-november-2-2025-1am-et", "2025-11-02T05:00:00Z"),
        ("bitcoin-up-or-down-november-2-2025-1am-et", "2025-11-02T06:00:00Z"),
    }
    events = [event for event in journal(tmp_path / "archive") if isinstance(event, Market)]
    assert {(event.start, event.up_token) for event in events} == {
        (1_762_059_600_000_000_000, "57"),
        (1_762_063_200_000_000_000, "67"),
    }
    assert paid_by_the_line(tmp_path / "archive") == [(10_000, 0), (0, 10_000)]


def test_what_a_float_adds_to_a_price_is_no_finer_price(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", second_rows(DownAsk="0.5700000000000001"))
    summary = import_recording("btc15m-1s", [path], tmp_path / "archive")
    assert not summary.rejected
    assert {m.asks[0].price for m in books(tmp_path / "archive") if m.asks} == {"0.44", "0.57"}


def test_a_file_of_no_kind_is_refused_with_what_each_kind_needs(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [{"a": 1, "b": 2}])
    with pytest.raises(ImportFailure, match="None of the kinds fits") as failure:
        import_recording("btc15m-1s", [path], tmp_path / "archive")
    for name in ("polymarket-ws", "hourly-minute", "btc15m-quotes", "l2-snapshots", "chainlink-day", "--suggest"):
        assert name in failure.value.cure


def test_a_file_of_another_kind_is_refused_and_its_kind_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", second_rows())
    with pytest.raises(ImportFailure) as failure:
        import_recording("btc15m-quotes", [path], tmp_path / "archive")
    assert "profit import btc15m-1s" in failure.value.cure


def test_a_summary_may_go_to_another_process(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", second_rows())
    summary = import_recording("btc15m-1s", [path], tmp_path / "archive")
    assert pickle.loads(pickle.dumps(summary)).as_dict() == summary.as_dict()


def test_brackets_and_blanks_in_every_path(tmp_path: Path) -> None:
    odd = tmp_path / "a [b] c"
    odd.mkdir()
    l2(odd, "0xm1", [1_790_586_000_000])
    summary = import_recording("l2-snapshots", [odd], odd / "ar [1] chive")
    assert summary.frames[FEED_POLYMARKET] == 3
