"""Tables by a map: whatever the file's format, units and order, the same facts make the same frames."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.imports.importing import import_recording
from connectors.imports.summary import ImportFailure, ImportSummary
from connectors.imports.table.contract import parse_map
from connectors.imports.table.suggestion import suggest
from models.journal import Book
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET
from tests.connectors.imports.reading_back import books, gammas, payouts, said, spots
from tests.connectors.imports.replaying import journal

START = 1_767_939_300  # 2026-01-09T06:15:00Z
SLUG = f"btc-updown-15m-{START}"
MAP = """
time = "when"
[market]
slug = "slug"
[up]
bid = "bid"
bid_size = "bid_size"
ask = "ask"
ask_size = "ask_size"
[spot]
price = "spot"
[strike]
price = "strike"
"""
Rows = list[dict[str, Any]]


def rows_of(count: int, start: int = START, slug: str = SLUG, step: int = 20) -> Rows:
    """Quotes from the window's start on, spot rising a dollar a row from 90,000, the strike known from the second."""
    return [
        {
            "when": f"{datetime.fromtimestamp(start + n * step, UTC):%Y-%m-%dT%H:%M:%S}.{n:06d}+00:00",
            "slug": slug,
            "bid": f"0.{40 + n % 20}",
            "bid_size": f"{10 + n}.5",
            "ask": f"0.{42 + n % 20}",
            "ask_size": f"{20 + n}",
            "spot": f"{90_000 + n}.25",
            "strike": "" if n == 0 else "90010.5",
        }
        for n in range(count)
    ]


def csv_text(rows: Rows, delimiter: str = ",", end: str = "\n") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator=end)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def bring(paths: list[Path], archive: Path, text: str = MAP) -> ImportSummary:
    return import_recording("table", paths, archive, table=parse_map(text))


def comma(rows: Rows) -> Rows:
    numbers = ("bid", "ask", "bid_size", "ask_size", "spot", "strike")
    return [{name: v.replace(".", ",") if name in numbers else v for name, v in row.items()} for row in rows]


def timed(rows: Rows, per_second: int) -> Rows:
    return [
        row | {"when": str(int(Decimal(str(datetime.fromisoformat(row["when"]).timestamp())) * per_second))}
        for row in rows
    ]


def typed(rows: Rows, floats: Any) -> pl.DataFrame:
    """With times and numbers as such."""
    frame = pl.DataFrame([{name: None if v == "" else v for name, v in row.items()} for row in rows])
    numbers = [pl.col(name).cast(floats) for name in ("bid", "ask", "bid_size", "ask_size")]
    return frame.with_columns(
        pl.col("when").str.to_datetime(time_unit="us", time_zone="UTC"),
        pl.col("spot").cast(pl.Float64),
        pl.col("strike").cast(pl.Float64),
        *numbers,
    )


def parquet(rows: Rows, floats: Any = pl.Float64) -> bytes:
    out = io.BytesIO()
    typed(rows, floats).write_parquet(out)
    return out.getvalue()


def grouped(rows: Rows, between: str, decimal: str) -> Rows:
    """With thousands set apart."""
    texts = comma(rows) if decimal == "," else rows
    return [
        row | {name: f"{row[name][:2]}{between}{row[name][2:]}" for name in ("spot", "strike") if row[name]}
        for row in texts
    ]


def said_when(rows: Rows, form: str) -> Rows:
    return [row | {"when": datetime.fromisoformat(row["when"]).strftime(form)} for row in rows]


def in_two(pack: Callable[[bytes], bytes], content: bytes) -> bytes:
    return pack(content[:999]) + pack(content[999:])


ROWS = rows_of(40)
ROWS_TWICE = [row | {"bid_again": "0.99"} for row in ROWS]
SPELLINGS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "BOM": ("a.csv", lambda: b"\xef\xbb\xbf" + csv_text(ROWS).encode()),
    "UTF-16": ("a.csv", lambda: csv_text(ROWS).encode("utf-16")),
    "UTF-16 without BOM": ("a.csv", lambda: csv_text(ROWS).encode("utf-16-le")),
    "carriage returns": ("a.csv", lambda: csv_text(ROWS, end="\r\n").encode()),
    "semicolon, decimal comma": ("a.csv", lambda: csv_text(comma(ROWS), ";").encode()),
    "comma, decimal comma in quotes": ("a.csv", lambda: csv_text(comma(ROWS)).encode()),
    "points between thousands": ("a.csv", lambda: csv_text(grouped(ROWS, ".", ","), ";").encode()),
    "commas between thousands": ("a.csv", lambda: csv_text(grouped(ROWS, ",", ".")).encode()),
    "blanks between thousands": ("a.csv", lambda: csv_text(grouped(ROWS, "\u00a0", ","), ";").encode()),
    "tab": ("a.tsv", lambda: csv_text(ROWS, "\t").encode()),
    "bar": ("a.txt", lambda: csv_text(ROWS, "|").encode()),
    "sep=": ("a.csv", lambda: b"sep=;\n" + csv_text(ROWS, ";").encode()),
    "capital suffix": ("A.CSV", lambda: csv_text(ROWS).encode()),
    "gzip": ("a.csv.gz", lambda: gzip.compress(csv_text(ROWS).encode())),
    "zstd": ("a.csv.zst", lambda: zstandard.compress(csv_text(ROWS).encode())),
    "bzip2": ("a.csv.bz2", lambda: bz2.compress(csv_text(ROWS).encode())),
    "xz": ("a.csv.xz", lambda: lzma.compress(csv_text(ROWS).encode())),
    "gzip without its suffix": ("a.csv", lambda: gzip.compress(csv_text(ROWS).encode())),
    "zstd in two frames": ("a.csv.zst", lambda: in_two(zstandard.compress, csv_text(ROWS).encode())),
    "comments before the header": ("a.csv", lambda: b"# recorded by me\n#\n" + csv_text(ROWS).encode()),
    "a header with a #": ("a.csv", lambda: b"#" + csv_text([{"n": 0} | row for row in ROWS]).encode()),
    "another column of the same name": ("a.csv", lambda: csv_text(ROWS_TWICE).encode().replace(b"bid_again", b"bid")),
    "ISO times without dashes and colons": (
        "a.csv",
        lambda: csv_text(said_when(ROWS, "%Y%m%dT%H%M%S.%f+0000")).encode(),
    ),
    "ISO times in small letters": ("a.csv", lambda: csv_text(said_when(ROWS, "%Y-%m-%dt%H:%M:%S.%fz")).encode()),
    "ISO times of GMT": ("a.csv", lambda: csv_text(said_when(ROWS, "%Y-%m-%d %H:%M:%S.%f GMT")).encode()),
    "ISO times and numbers": ("a.csv", lambda: csv_text([*ROWS[:20], *timed(ROWS[20:], 10**6)]).encode()),
    "newest first": ("a.csv", lambda: csv_text(ROWS[::-1]).encode()),
    "shuffled": ("a.csv", lambda: csv_text(random.Random(1).sample(ROWS, len(ROWS))).encode()),
    "micros": ("a.csv", lambda: csv_text(timed(ROWS, 10**6)).encode()),
    "an extra column": ("a.csv", lambda: csv_text([row | {"x": "1"} for row in ROWS]).encode()),
    "JSON lines": ("a.jsonl", lambda: "\n".join(map(json.dumps, ROWS)).encode()),
    "ndjson.zst": ("a.NDJSON.zst", lambda: zstandard.compress("\n".join(map(json.dumps, ROWS)).encode())),
    "JSON array": ("a.json", lambda: json.dumps(ROWS, indent=1).encode()),
    "JSON in JSON": ("a.jsonl", lambda: "\n".join(json.dumps(json.dumps(row)) for row in ROWS).encode()),
    "NaN and Infinity": (
        "a.jsonl",
        lambda: "\n".join(json.dumps(row | {"x": float("nan"), "y": -float("inf")}) for row in ROWS).encode(),
    ),
    "Parquet": ("a.parquet", lambda: parquet(ROWS)),
    "Parquet, gzip": ("a.parquet.gz", lambda: gzip.compress(parquet(ROWS))),
    "Parquet, zstd": ("a.parquet.zst", lambda: zstandard.compress(parquet(ROWS))),
    "floats of 32 bits": ("a.parquet", lambda: parquet(ROWS, pl.Float32)),
}


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_every_spelling_of_a_file_makes_the_same_frames(tmp_path: Path, spelling: str) -> None:
    plain = bring([write(tmp_path / "plain.csv", csv_text(ROWS))], tmp_path / "plain")
    name, content = SPELLINGS[spelling]
    summary = bring([write(tmp_path / "in [1] x" / name, content())], tmp_path / "other")
    assert said(tmp_path / "other") == said(tmp_path / "plain")
    assert summary.rows == plain.rows == 40
    assert not summary.rejected


@pytest.fixture(scope="module")
def in_one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    bring([write(folder / "whole.csv", csv_text(ROWS[:16]))], folder / "whole")
    return folder / "whole"


@settings(max_examples=15)
@given(st.permutations(ROWS[:16]), st.lists(st.integers(0, 2), min_size=16, max_size=16), st.booleans())
def test_rows_may_stand_anywhere(
    tmp_path_factory: pytest.TempPathFactory, in_one_file: Path, rows: Rows, places: list[int], mixed: bool
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    for place in set(places):
        mine = [row for row, at in zip(rows, places, strict=True) if at == place]
        if mixed and place:
            write(folder / "in" / f"asset=BTC/{place}.parquet", parquet(mine))
        else:
            write(folder / "in" / f"{place}.csv", csv_text(mine))
    bring([folder / "in"], folder / "parts")
    assert said(folder / "parts") == said(in_one_file)


def test_frames_say_what_the_rows_say(tmp_path: Path) -> None:
    bring([write(tmp_path / "a.csv", csv_text(ROWS))], tmp_path / "archive")
    up, down = books(tmp_path / "archive")[:2]
    assert [(level.price, level.size) for side in (up.bids, up.asks) for level in side or ()] == [
        ("0.4", 10.5),
        ("0.42", 20.0),
    ]
    assert [(level.price, level.size) for side in (down.bids, down.asks) for level in side or ()] == [
        ("0.58", 20.0),
        ("0.6", 10.5),
    ]
    assert spots(tmp_path / "archive")[1] == (START * 10**9 + 20_000_001_000, "BTC-USD", "90001.25")
    first, second = gammas(tmp_path / "archive")[:2]
    assert "events" not in first
    assert second["events"] == [{"eventMetadata": {"priceToBeat": 90010.5}}]


def test_a_market_is_settled_by_spot_against_the_strike_and_marked_so(tmp_path: Path) -> None:
    later = rows_of(5, START + 900, f"btc-updown-15m-{START + 900}")
    rows = rows_of(45) + later  # at the end 90,044.25 or 90,000.25, the nearest being the next window's first row
    summary = bring([write(tmp_path / "a.csv", csv_text(rows))], tmp_path / "archive")
    assert payouts(tmp_path / "archive") == {SLUG: ["0", "1"]}  # 90,000.25 at the end against 90,010.5
    (closed,) = [market for market in gammas(tmp_path / "archive") if market["closed"]]
    assert "the strike" in closed["_derived"] and "90000.25" in closed["_derived"]
    assert summary.counts["outcomes_derived_from_spot"] == 1
    assert summary.counts["markets_open_at_the_end"] == 1


def test_what_is_recorded_goes_before_what_is_derived(tmp_path: Path) -> None:
    rows = rows_of(50)
    text = MAP + '[outcome]\nwinner = "won"\n'
    path = write(tmp_path / "a.csv", csv_text([row | {"won": "Up"} for row in rows]))
    summary = bring([path], tmp_path / "archive", text)
    assert payouts(tmp_path / "archive") == {SLUG: ["1", "0"]}
    assert summary.counts["outcomes_derived_from_spot"] == 0
    none = bring([path], tmp_path / "none", MAP + "[outcome]\nderive = []\n")
    assert payouts(tmp_path / "none") == {} and none.counts["markets_without_outcome"] == 1


def test_quotes_spot_strikes_and_outcomes_may_stand_in_files_of_their_own(tmp_path: Path) -> None:
    rows = rows_of(40)
    write(tmp_path / "in" / "q.csv", csv_text([{k: row[k] for k in ("when", "slug", "bid", "ask")} for row in rows]))
    write(tmp_path / "in" / "s.jsonl", "\n".join(json.dumps({"t": r["when"], "p": r["spot"]}) for r in rows))
    market = {"start": START, "asset": "BTC", "tf": "15m", "beat": 90_000, "result": "down"}
    pl.DataFrame([market]).write_parquet(tmp_path / "in" / "m.parquet")
    text = """
    [[source]]
    time = "when"
    market.slug = "slug"
    up = { bid = "bid", ask = "ask" }
    [[source]]
    time = "t"
    spot = { price = "p", asset = { value = "BTC" }, source = "binance" }
    [[source]]
    market = { asset = "asset", horizon = "tf", start = "start" }
    strike.price = "beat"
    outcome.winner = "result"
    """
    summary = bring([tmp_path / "in"], tmp_path / "archive", text)
    assert summary.files == 3
    assert len(spots(tmp_path / "archive")) == 40 and len(books(tmp_path / "archive")) == 80
    assert payouts(tmp_path / "archive") == {SLUG: ["0", "1"]}
    strikes = [
        t for t, topic, _, value in said(tmp_path / "archive") if topic == FEED_MARKETS and b"priceToBeat" in value
    ]
    assert strikes[0] == (START + 2) * 10**9  # a list does not say since when it was known


LONG = """
time = "t"
[market]
slug = "slug"
{which}
[quote]
bids = {{ levels = "bids" }}
asks = {{ levels = "asks" }}
"""


def long_rows() -> Rows:
    rows = []
    for n in range(4):
        for side, token in (("Down", "2" * 40), ("Up", "1" * 40)):
            low = 0.5 if side == "Up" else 0.48
            bids = [[round(low - 0.01 * k, 2), 5 + k] for k in range(3)]
            asks = [{"price": str(round(low + 0.02 + 0.01 * k, 2)), "size": 7} for k in range(3)]
            rows.append({"t": START + n, "slug": SLUG, "outcome": side, "token": token, "bids": bids, "asks": asks})
    return rows


def test_rows_of_one_token_each_make_one_frame_a_moment(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, long_rows())))
    summary = bring([path], tmp_path / "archive", LONG.format(which='outcome = "outcome"\ntoken = "token"'))
    assert summary.frames[FEED_POLYMARKET] == 6 and not summary.guesses
    assert json.loads(gammas(tmp_path / "archive")[0]["clobTokenIds"]) == ["1" * 40, "2" * 40]
    up = books(tmp_path / "archive")[0]
    assert [level.price for level in up.bids or ()] == ["0.48", "0.49", "0.5"]
    assert [level.price for level in up.asks or ()] == ["0.54", "0.53", "0.52"]
    displays = [event for event in journal(tmp_path / "archive") if isinstance(event, Book)]
    assert displays[-1].up is not None and displays[-1].up.ok


@pytest.mark.parametrize(("reported", "first"), [("", "2"), (f'up_tokens = ["{"1" * 40}"]', "1")])
def test_which_token_is_up_is_reported_or_a_guess_that_is_shown(tmp_path: Path, reported: str, first: str) -> None:
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, long_rows())))
    summary = bring([path], tmp_path / "archive", LONG.format(which=f'token = "token"\n{reported}'))
    assert json.loads(gammas(tmp_path / "archive")[0]["clobTokenIds"])[0] == first * 40
    assert bool(summary.guesses) == (not reported)


@pytest.mark.parametrize(
    ("asset", "horizon", "at", "slug"),
    [
        ("SOL", "5m", START + 310, f"sol-updown-5m-{START + 300}"),
        ("xrp", "15min", START + 310, f"xrp-updown-15m-{START}"),
        ("ETHUSDT", "1h", START + 310, "ethereum-up-or-down-january-9-2026-1am-et"),
        ("doge", "4h", START, f"doge-updown-4h-{START // 14_400 * 14_400}"),
    ],
)
def test_asset_and_horizon_name_the_window_of_a_rows_own_time(
    tmp_path: Path, asset: str, horizon: str, at: int, slug: str
) -> None:
    text = f"""
    time = "t"
    market = {{ asset = {{ value = "{asset}" }}, horizon = {{ value = "{horizon}" }} }}
    up = {{ bid = "b", ask = "a" }}
    """
    bring([write(tmp_path / "a.csv", f"t,b,a\n{at},0.4,0.5\n")], tmp_path / "archive", text)
    assert gammas(tmp_path / "archive")[0]["slug"] == slug


@pytest.mark.parametrize("name", [f"{SLUG}.csv", f"book_{SLUG}_v2.csv"])
def test_the_files_name_may_be_the_market(tmp_path: Path, name: str) -> None:
    text = 'time = "t"\nmarket.slug = "@file"\nup = { bid = "b", ask = "a" }'
    bring([write(tmp_path / name, f"t,b,a\n{START + 1},0.4,0.5\n")], tmp_path / "archive", text)
    assert gammas(tmp_path / "archive")[0]["slug"] == SLUG


def test_folders_may_name_columns(tmp_path: Path) -> None:
    for asset in ("BTC%2FUSD", "ETH"):
        write(tmp_path / "in" / f"asset={asset}" / "horizon=15m" / "part-0.csv", f"t,b,a\n{START + 1},0.4,0.5\n")
    text = 'time = "t"\nmarket = { asset = "asset", horizon = "horizon" }\nup = { bid = "b", ask = "a" }'
    bring([tmp_path / "in"], tmp_path / "archive", text)
    assert [market["slug"] for market in gammas(tmp_path / "archive")] == [SLUG, SLUG.replace("btc", "eth")]


@pytest.mark.parametrize(
    ("shift", "named_by", "inside"), [(0, "start", 40), (3_600, "start", 0), (-900, "start", 0), (-900, "end", 40)]
)
def test_rows_outside_their_markets_window_are_a_finding_by_count(
    tmp_path: Path, shift: int, named_by: str, inside: int
) -> None:
    """Local time; and markets named by the time they close."""
    rows = rows_of(40, START + shift)
    text = MAP.replace("[market]", f'[market]\nnamed_by = "{named_by}"')
    summary = bring([write(tmp_path / "a.csv", csv_text(rows))], tmp_path / "archive", text)
    assert summary.findings["rows_outside_their_window"] == 40 - inside
    if not inside:
        assert "a.csv:2" in summary.found["rows_outside_their_window"]
        assert f"{abs(shift) // 60} minutes" in summary.found["rows_outside_their_window"]


def test_what_cannot_be_taken_is_reported_by_file_row_reason_and_example(tmp_path: Path) -> None:
    rows = [
        *rows_of(3),
        rows_of(1)[0] | {"when": "soon"},
        rows_of(1)[0] | {"bid": "1.5"},
        rows_of(1)[0] | {"slug": "rain"},
        rows_of(1)[0] | {"strike": "unknown"},
    ]
    write(tmp_path / "a.csv", csv_text(rows_of(2)))
    summary = bring([tmp_path / "a.csv", write(tmp_path / "b.csv", csv_text(rows) + "1,2\n")], tmp_path / "archive")
    assert summary.examples == {
        "bad_time": "b.csv:5: bad_time: soon",
        "price_out_of_range": "b.csv:6: price_out_of_range: 1.5",
        "unknown_market_slug": "b.csv:7: unknown_market_slug: rain",
        "not_a_number": "b.csv:8: not_a_number: unknown",
        "wrong_column_count": "b.csv:9: 2 of 8",
    }
    missing = bring([tmp_path / "b.csv"], tmp_path / "other", 'missing = ["unknown"]\n' + MAP)
    assert "not_a_number" not in missing.rejected


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("count", [40, 4_000])
def test_a_packed_file_that_is_cut_off_is_called_damaged(
    tmp_path: Path, pack: Callable[[bytes], bytes], count: int
) -> None:
    whole = pack(csv_text([row | {"note": f"{n:x}"} for n, row in enumerate(ROWS * (count // 40))]).encode())
    path = write(tmp_path / "a.csv", whole[: len(whole) // 2])
    try:
        rejected = bring([path], tmp_path / "archive").rejected["damaged_file"]
    except ImportFailure as failure:
        rejected = "damaged_file 1" in failure.cause
    assert rejected == 1


def test_when_nothing_can_be_used_there_is_no_archive(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", csv_text([row | {"slug": "rain"} for row in ROWS]))
    with pytest.raises(ImportFailure, match=r"unknown_market_slug 40\.\s+refused a.csv:2: unknown_market_slug: rain"):
        bring([path], tmp_path / "archive")
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time = 5 6", "no TOML"),
        ('tme = "t"\n[up]\nbid = "b"', "tme: no such key, did you mean time"),
        ('time = "t"\n[market]\nslg = "s"\n[up]\nbid = "b"', "market.slg: no such key, did you mean slug"),
        (
            'time = { column = "t", unit = "fortnight" }\nmarket.slug = "s"\nup.bid = "b"',
            "time.unit: 'fortnight' is none of",
        ),
        (
            'time = { column = "t", zone = "Mars" }\nmarket.slug = "s"\nup.bid = "b"',
            "time.zone: 'Mars' is no time zone",
        ),
        ('market.slug = "s"\nup.bid = "b"', "`time` is missing"),
        ('time = "t"\nup.bid = "b"', "`market` is missing"),
        ('time = "t"\nmarket.slug = "s"', "says nothing"),
        ('time = "t"\nspot.price = "p"', "`spot.asset` is missing"),
        (
            'time = "t"\nmarket.slug = { value = "x", column = "s" }\nup.bid = "b"',
            "market.slug: give `column` or `value`",
        ),
        ('fee_rate = 7\ntime = "t"\nmarket.slug = "s"\nup.bid = "b"', "fee_rate: "),
        ('time = "t"\nmarket.slug = "s"\nup = { bids = { prices = "p{n}" } }', "up.bids: numbered columns need"),
    ],
)
def test_a_wrong_map_is_reported_by_its_key(text: str, words: str) -> None:
    with pytest.raises(ImportFailure) as failure:
        parse_map(text, "m.toml")
    assert failure.value.cause.startswith("m.toml: ")
    assert words in failure.value.cause


def test_a_column_that_a_file_has_not_is_named_with_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "when,slug,bid\n")
    with pytest.raises(ImportFailure, match=r"a\.csv: column ask is missing; it has when, slug, bid"):
        bring([path], tmp_path / "archive")


def test_trades_go_on_as_the_exchange_tells_them(tmp_path: Path) -> None:
    text = """
    time = "t"
    market = { slug = "s", outcome = "o" }
    trade = { price = "p", size = "q", side = "side" }
    """
    path = write(tmp_path / "a.csv", f"t,s,o,p,q,side\n{START + 1},{SLUG},Down,0.61,25,sell\n")
    bring([path], tmp_path / "archive", text)
    (trade,) = books(tmp_path / "archive")
    tokens = json.loads(gammas(tmp_path / "archive")[0]["clobTokenIds"])
    assert (trade.event_type, trade.asset_id, trade.price) == ("last_trade_price", tokens[1], "0.61")
    assert (trade.size, trade.side) == ("25", "SELL")


def test_the_exchanges_time_stands_in_the_frame_and_the_receipt_is_later(tmp_path: Path) -> None:
    text = """
    time = { column = "t", clock = "exchange", delay_ms = 40 }
    market.slug = "s"
    up = { bid = "b", ask = "a" }
    """
    bring([write(tmp_path / "a.csv", f"t,s,b,a\n{START}.250,{SLUG},0.4,0.5\n")], tmp_path / "archive", text)
    assert books(tmp_path / "archive")[0].timestamp == f"{START}250"
    assert said(tmp_path / "archive")[0][0] == START * 10**9 + 290_000_000


def test_numbered_columns_and_lists_are_levels(tmp_path: Path) -> None:
    text = """
    time = "t"
    market.slug = "s"
    [up]
    bids = { prices = "b{n}", sizes = "bs{n}", count = 2 }
    asks = { prices = "asks", sizes = "ask_sizes" }
    """
    rows = "t,s,b1,bs1,b2,bs2,asks,ask_sizes\n" + f'{START},{SLUG},0.4,1,0.39,2,"[0.52, 0.5]","[3, 4]"\n'
    bring([write(tmp_path / "a.csv", rows)], tmp_path / "archive", text)
    up = books(tmp_path / "archive")[0]
    assert [(level.price, level.size) for level in up.bids or ()] == [("0.39", 2.0), ("0.4", 1.0)]
    assert [(level.price, level.size) for level in up.asks or ()] == [("0.52", 3.0), ("0.5", 4.0)]


def test_a_price_finer_than_the_tick_changes_the_tick_first(tmp_path: Path) -> None:
    rows = rows_of(4)
    rows[2] |= {"bid": "0.4155"}
    bring([write(tmp_path / "a.csv", csv_text(rows))], tmp_path / "archive")
    changes = [message for message in books(tmp_path / "archive") if message.event_type == "tick_size_change"]
    assert [each.new_tick_size for each in changes] == ["0.0001", "0.0001"]
    assert not [event for event in journal(tmp_path / "archive") if "off_tick" in getattr(event, "checks", ())]


@pytest.mark.takes(8)
def test_the_recording_with_spot_and_strike_settles_by_its_own_spot(recordings: Path, tmp_path: Path) -> None:
    path = recordings / "polymarket_15m_monitor" / "btc.csv"
    summary = bring([path], tmp_path / "archive", suggest([path]))
    assert (summary.rows, summary.rejected) == (624, {})
    assert summary.frames[FEED_POLYMARKET] == summary.frames[FEED_COINBASE] == 626
    # Of its five windows the first has neither strike nor its start, the last one had not ended. The others, by an
    # independent look: the price recorded nearest to the end, against the strike.
    table = pl.read_csv(path).with_columns(pl.col("Timestamp").str.to_datetime(time_zone="UTC").dt.epoch("ms"))
    expected: dict[str, list[str]] = {}
    for (slug,), rows in table.filter(pl.col("Strike_Price") != "no_price_data").group_by("Slug"):
        end = (int(str(slug).rpartition("-")[2]) + 900) * 1000
        near = table.with_columns((pl.col("Timestamp") - end).abs().alias("off")).sort("off").row(0, named=True)
        if near["off"] <= 30_000:
            up = near["Price_Stream"] >= float(rows["Strike_Price"][0])
            expected[str(slug)] = ["1", "0"] if up else ["0", "1"]
    assert payouts(tmp_path / "archive") == expected and len(expected) == 3
    assert all("_derived" in market for market in gammas(tmp_path / "archive") if market["closed"])
