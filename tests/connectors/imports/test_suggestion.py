"""A first map of a table loads as it stands, and says what it could not tell."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.imports.importing import import_recording
from connectors.imports.summary import ImportFailure
from connectors.imports.table.contract import parse_map
from connectors.imports.table.suggestion import suggest
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET
from tests.connectors.imports.reading_back import books, gammas, payouts, spots
from tests.connectors.imports.test_table import SLUG, SPELLINGS, START, write

TOKENS = ("1" * 77, "2" * 77)


@pytest.mark.parametrize("spelling", list(SPELLINGS))
def test_any_spelling_of_a_file_gets_a_map_that_brings_it_in(tmp_path: Path, spelling: str) -> None:
    name, content = SPELLINGS[spelling]
    path = write(tmp_path / name, content())
    text = suggest([path])
    summary = import_recording("table", [path], tmp_path / "archive", table=parse_map(text))
    assert not summary.rejected
    assert (len(spots(tmp_path / "archive")), len(books(tmp_path / "archive"))) == (40, 80)
    assert any("events" in market for market in gammas(tmp_path / "archive"))


def lines(count: int, **columns: Any) -> list[dict[str, Any]]:
    return [{name: value(n) if callable(value) else value for name, value in columns.items()} for n in range(count)]


SHAPES: dict[str, tuple[list[dict[str, Any]], tuple[str, ...]]] = {
    "both tokens": (
        lines(
            9, ts=lambda n: (START + n) * 1000, marketSlug=SLUG, yesBid=0.4, yesAsk=0.42, noBid=0.58, noAsk=0.6,
            binancePrice=lambda n: 90_000.5 + n,
        ),
        (FEED_POLYMARKET, FEED_COINBASE),
    ),
    "a row a token": (
        lines(
            9, received_at=lambda n: START + n / 2, asset_id=lambda n: TOKENS[n % 2],
            outcome=lambda n: ("Yes", "No")[n % 2],
            slug=SLUG, best_bid="0.40", best_ask="0.60", bid_size=5, ask_size=7,
        ),
        (FEED_POLYMARKET,),
    ),
    "cents": (
        lines(9, time=lambda n: f"2026-01-09 06:16:{n:02d}", slug=SLUG, up_bid=40, up_ask=42, down_bid=58, down_ask=60),
        (FEED_POLYMARKET,),
    ),
    "ladders": (
        lines(
            9, t=lambda n: (START + n) * 10**9, slug=SLUG, bids=lambda n: [["0.40", "5"], ["0.39", "6"]],
            asks=lambda n: [{"price": "0.42", "size": "5"}],
        ),
        (FEED_POLYMARKET,),
    ),
    "numbered levels": (
        lines(
            9, timestamp=lambda n: START + n, slug=SLUG, bid_price_1=0.4, bid_size_1=5, bid_price_2=0.39, bid_size_2=6,
            ask_price_1=0.42, ask_size_1=5, ask_price_2=0.43, ask_size_2=9,
        ),
        (FEED_POLYMARKET,),
    ),
    "asset and timeframe": (
        lines(9, datetime=lambda n: f"2026-01-09T06:16:{n:02d}Z", coin="ETH", period="15m", bid=0.4, ask=0.5, spot=3e3),
        (FEED_POLYMARKET, FEED_COINBASE),
    ),
    "spot alone": (
        lines(9, exchange_ts=lambda n: (START + n) * 1000, symbol="BTCUSDT", price=lambda n: 90_000 + n),
        (FEED_COINBASE,),
    ),
    "outcomes alone": (
        lines(9, slug=lambda n: f"btc-updown-15m-{START + 900 * n}", winner=lambda n: ("Up", "Down")[n % 2]),
        (FEED_MARKETS,),
    ),
    "trades": (
        lines(
            9, timestamp=lambda n: START + n, slug=SLUG, outcome=lambda n: ("Up", "Down")[n % 2], price=0.41,
            size=5, side="BUY",
        ),
        (FEED_POLYMARKET,),
    ),
    "nested": (
        lines(9, ts=lambda n: START + n, market={"slug": SLUG}, book={"bid": 0.4, "ask": 0.5}, spot={"price": 90_000}),
        (FEED_POLYMARKET, FEED_COINBASE),
    ),
}  # fmt: skip


@pytest.mark.parametrize("shape", list(SHAPES))
def test_tables_of_many_shapes_get_a_map_that_brings_them_in(tmp_path: Path, shape: str) -> None:
    rows, feeds = SHAPES[shape]
    path = write(tmp_path / "rec.jsonl", "\n".join(map(json.dumps, rows)))
    text = suggest([path])
    summary = import_recording("table", [path], tmp_path / "archive", table=parse_map(text))
    assert (summary.rows, summary.rejected, dict(summary.findings)) == (9, {}, {}), text
    for feed in feeds:
        assert summary.frames[feed] > 2, text
    for book in books(tmp_path / "archive"):
        for level in (*(book.bids or ()), *(book.asks or ())):
            assert 0 < float(level.price) < 1


def test_tables_that_belong_together_get_one_map(tmp_path: Path) -> None:
    quotes = [
        {"market_id": 7, "ts": START + n, "side": side, "bid": 0.4, "ask": 0.5}
        for n in range(9)
        for side in ("UP", "DOWN")
    ]
    pl.DataFrame(quotes).write_parquet(tmp_path / "quotes.parquet")
    pl.DataFrame([{"market_id": 7, "slug": SLUG, "result": "UP"}]).write_parquet(tmp_path / "markets.parquet")
    text = suggest([tmp_path])
    summary = import_recording("table", [tmp_path], tmp_path / "archive", table=parse_map(text))
    assert not summary.rejected and len(books(tmp_path / "archive")) == 18
    assert gammas(tmp_path / "archive")[-1]["closed"]


def test_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", f"when,bid,ask\n2026-01-09 06:{16}:00,0.4,0.5\n")
    text = suggest([path])
    for word in ("zone", "asset", "horizon", "sizes", "spot", "outcomes"):
        assert f"# Could not tell: {word}" in text or f"# Could not tell: the {word}" in text
    parse_map(text)


def test_a_column_of_texts_and_numbers_is_looked_at_like_any_other(tmp_path: Path) -> None:
    """The recording of the settlement price has one, nested, and ended the command with an AttributeError."""
    rows = [
        {"slug": SLUG, "ts": START + n, "bid": 0.4, "ask": 0.5, "raw": {"icon": "x" if n < 6 else n}} for n in range(9)
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert parse_map(suggest([path])).source[0].market.slug is not None


def test_numbers_as_large_as_times_are_taken_for_them_where_no_column_is_named_so(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", "when,slug,bid,ask\n" + "".join(f"{START + n}000,{SLUG},0.4,0.5\n" for n in range(9))
    )
    text = suggest([path])
    assert "# Could not tell: whether when is the time of a row: it is taken for it." in text
    assert import_recording("table", [path], tmp_path / "archive", table=parse_map(text)).frames[FEED_POLYMARKET] == 11


@pytest.mark.parametrize("content", [b"", b"when,slug\n", b"\x1f\x8b\x08", b"1795000200.5: {}\n"])
def test_a_file_without_rows_gets_no_map(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ImportFailure, match="no rows that could be read"):
        suggest([write(tmp_path / "a.csv", content)])


ODD_NAMES = (
    "ts when slug market_id up_bid bid asks bid_px_1 bid_px_2 side outcome token_id asset horizon start end spot "
    "strike winner payout_up size price question date time a.b raw"
)
ODD_VALUES = (
    SLUG,
    "Up",
    "BTC",
    "15m",
    START,
    START * 1000,
    "2026-01-09T06:16:00Z",
    "06:16:00",
    "0.45",
    TOKENS[0],
    "[[1]]",
)
odd_names = st.sampled_from(ODD_NAMES.split()) | st.text(max_size=5)
odd_lists = st.lists(st.integers() | st.text(max_size=3) | st.lists(st.sampled_from(["0.4", 5, None]), max_size=3))
odd_values = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**20), 10**20), st.floats(), st.text(max_size=8),
    st.sampled_from(ODD_VALUES), odd_lists, st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.lists(odd_names, min_size=1, max_size=8, unique=True).flatmap(
        lambda names: st.lists(st.fixed_dictionaries(dict.fromkeys(names, odd_values)), min_size=1, max_size=4)
    )
)
def test_whatever_a_table_holds_its_map_is_toml_and_it_comes_in_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("odd")
    text = suggest([write(folder / "a.jsonl", "\n".join(map(json.dumps, rows)))])
    tomllib.loads(text)
    with contextlib.suppress(ImportFailure):
        import_recording("table", [folder / "a.jsonl"], folder / "archive", table=parse_map(text))


@pytest.mark.parametrize("resolved", [True, "true", "yes", 1])
def test_that_a_market_is_resolved_does_not_say_how(tmp_path: Path, resolved: Any) -> None:
    """`resolved = true` was taken for a win of Up, in every market."""
    rows = lines(9, slug=lambda n: f"btc-updown-15m-{START + 900 * n}", resolved=resolved, strike=90_000.5)
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    text = suggest([path])
    import_recording("table", [path], tmp_path / "archive", table=parse_map(text))
    assert payouts(tmp_path / "archive") == {} and "resolved" in text.partition("Not used:")[2].partition("\n")[0]


@pytest.mark.parametrize(("digits", "unit"), [(18, "1e-18"), (8, "1e-8")])
def test_strikes_in_an_oracles_unit_are_strikes_in_dollars(tmp_path: Path, digits: int, unit: str) -> None:
    strike = 63_123_544_863_797 * 10**digits // 10**9
    rows = lines(9, slug=lambda n: f"btc-updown-15m-{START + 900 * n}", strike_value=str(strike), winner="Up")
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    text = suggest([path])
    assert f"# Could not tell: the unit of strike_value: {unit} dollars is taken." in text
    import_recording("table", [path], tmp_path / "archive", table=parse_map(text))
    beat = gammas(tmp_path / "archive")[0]["events"][0]["eventMetadata"]["priceToBeat"]
    assert beat == pytest.approx(63_123.544863, abs=1e-5)


def test_the_command_prints_the_map_alone_on_standard_output(tmp_path: Path) -> None:
    rows, _ = SHAPES["both tokens"]
    path = write(tmp_path / "a b [c].jsonl", "\n".join(map(json.dumps, rows)))
    command = [sys.executable, "-m", "api.cli.main", "import", "table", str(path)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    reported = subprocess.run(
        [*command, "--suggest"], capture_output=True, text=True, check=True, env=environment, cwd=tmp_path
    )
    (tmp_path / "m.toml").write_text(reported.stdout)
    made = subprocess.run(
        [*command, "--map", "m.toml", "--archive", "out", "--json"], capture_output=True, text=True, check=True,
        env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert json.loads(made.stdout)["rejected"] == {}
    failed = subprocess.run(
        [*command, "--archive", "other"], capture_output=True, text=True, env=environment, cwd=tmp_path
    )
    assert failed.returncode == 1 and "a table needs a map" in failed.stderr and "Traceback" not in failed.stderr


REAL = {
    "btc5m_outcomes": (FEED_MARKETS, 32_642),
    "chainlink_btc_2026-06-08": (FEED_COINBASE, 84_560),
    "polymarket_15m_monitor": (FEED_POLYMARKET, 626),
    "polymarket_btc15m_quotes": (FEED_POLYMARKET, 13_757),
    "polymarket_btc15m_1s": (FEED_POLYMARKET, 151),
    "polymarket_hourly_minute": (FEED_COINBASE, 13_027),
    "polymarket_l2_btc15m": (FEED_POLYMARKET, 11_869),
}


@pytest.mark.parametrize("folder", list(REAL))
@pytest.mark.takes(10)
def test_the_real_recordings_come_in_by_their_first_map(recordings: Path, tmp_path: Path, folder: str) -> None:
    text = suggest([recordings / folder])
    summary = import_recording("table", [recordings / folder], tmp_path / "archive", table=parse_map(text))
    feed, count = REAL[folder]
    assert summary.frames[feed] == count
    assert set(summary.rejected) <= {"price_out_of_range"}
