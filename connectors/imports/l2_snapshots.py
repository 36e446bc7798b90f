"""Kind ``l2-snapshots``: Parquet files of book snapshots (``books``) and of markets with payouts (``markets``).

Rows of one market and time make one frame, with both tokens' books where both are there. Tokens are synthetic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from connectors.imports.agenda import Agenda
from connectors.imports.frames import Book, Definition, Frame, books, plain, price_text, size_text, synthetic_token
from connectors.imports.options import Options
from connectors.imports.reading import files_of, number, parquet_rows, unix_ns
from connectors.imports.summary import ImportFailure, Refused, Summary
from connectors.imports.ticks import FIRST, TickWatch
from models.settlement import window_of
from models.topics import FEED_MARKETS, FEED_POLYMARKET

BOOK_COLUMNS = ("market_id", "ts", "side", "bid_px", "bid_sz", "ask_px", "ask_sz")
MARKET_COLUMNS = ("market_id", "slug", "question", "start_ts", "end_ts", "payout_up", "payout_down")
RESOLVED_AFTER_NS = 60 * 10**9
_NOTES = (
    "definition made by the import from the recording's market table; both tokens are synthetic",
    "the resolution comes from the recording's payouts, 60 s after the end",
    "books were thinned to one a second and side by the recording",
)


def frames(paths: Sequence[Path], options: Options, summary: Summary) -> Iterator[Frame]:
    files = files_of(paths, (".parquet",))
    summary.files += len(files)
    book_files = [path for path in files if "bid_px" in _columns(path)]
    market_files = [path for path in files if "payout_up" in _columns(path)]
    if not book_files or not market_files:
        raise ImportFailure(
            f"{', '.join(map(str, paths))}: needs one file of books and one of markets.",
            "Name both Parquet files, or their folder.",
        )
    for note in (*_NOTES, options.fee_note):
        summary.note(note)
    agenda = Agenda()
    markets = dict(_markets(market_files, options, summary, agenda))
    ticks = TickWatch(summary)
    seen: set[str] = set()
    last: tuple[int, str] | None = None
    for (ts, market_id), group in groupby(_sorted(book_files, summary), key=lambda row: (row["ts"], row["market_id"])):
        try:
            t = unix_ns(ts, 10**6)
        except Refused as cause:
            for _ in group:
                summary.reject(cause.reason, f"books at {ts}: {cause}")
            continue
        yield from agenda.due(t)
        market = markets.get(market_id)
        if market is None:
            for _ in group:
                summary.reject("unknown_market", f"books of {market_id}")
            continue
        both = list(_books(t, market, group, ticks, summary))
        if not both:
            continue
        if market_id not in seen:
            seen.add(market_id)
            yield Frame(t, FEED_MARKETS, "gamma", market.slug, market.gamma())
        prices = [price for book in both for price, _ in (*book.bids, *book.asks)]
        yield from ticks.watch(market_id, (market.up_token, market.down_token), t, prices)
        tick = ticks.of(market_id)
        if last == (t, market_id):
            summary.count("books_of_one_time_apart")
        last = (t, market_id)
        yield Frame(t, FEED_POLYMARKET, "polymarket", "", books([book._replace(tick=tick) for book in both]))
    yield from agenda.rest()
    summary.count("markets", len(markets))
    summary.count("markets_without_books", len(markets) - len(seen))


def _columns(path: Path) -> Iterable[str]:
    try:
        return pl.read_parquet_schema(path)
    except pl.exceptions.PolarsError as cause:
        raise ImportFailure(f"{path}: not a readable Parquet file: {cause}", "Name the recording's files.") from None


def _sorted(files: list[Path], summary: Summary) -> Iterator[dict[str, Any]]:
    """Book rows by time, market and side; equal ones keep the order of the files."""
    for path in files:
        missing = [column for column in BOOK_COLUMNS if column not in _columns(path)]
        if missing:
            raise ImportFailure(f"{path}: column {', '.join(missing)} is missing.", "Name the recording's own files.")
    scan = pl.scan_parquet(files).select(BOOK_COLUMNS).sort("ts", "market_id", maintain_order=True)
    for frame in scan.collect_batches(chunk_size=4_096, maintain_order=True):
        for row in frame.iter_rows(named=True):
            summary.rows += 1
            yield row


def _markets(files: list[Path], options: Options, summary: Summary, agenda: Agenda) -> Iterator[tuple[str, Definition]]:
    for path in files:
        for index, row in parquet_rows(path, Summary(""), MARKET_COLUMNS):
            summary.count("market_rows")
            try:
                market = _definition(row, options)
                payouts = None
                if row["payout_up"] is not None and row["payout_down"] is not None:
                    up, down = number(row["payout_up"]), number(row["payout_down"])
                    if up + down != 1 or up not in (0, 1, number("0.5")):
                        raise Refused("bad_payout", f"{up} and {down}")
                    payouts = (plain(up), plain(down))
            except Refused as cause:
                summary.reject(cause.reason, f"{path.name}:{index}: {cause}")
                continue
            if payouts is None:
                summary.count("markets_without_outcome")
            else:
                closed = market.end_ns + RESOLVED_AFTER_NS
                agenda.add(Frame(closed, FEED_MARKETS, "gamma", market.slug, market.gamma(payouts, closed)))
            yield market.condition, market


def _definition(row: dict[str, Any], options: Options) -> Definition:
    slug = str(row["slug"])
    if window_of(slug) is None:
        raise Refused("unknown_market_slug", slug)
    market_id = str(row["market_id"])
    return Definition(
        slug=slug,
        question=str(row["question"]),
        condition=market_id,
        up_token=synthetic_token(f"up of {market_id}"),
        down_token=synthetic_token(f"down of {market_id}"),
        start_ns=unix_ns(row["start_ts"], 10**6),
        end_ns=unix_ns(row["end_ts"], 10**6),
        fee_rate=options.fee_rate,
        tick=float(FIRST),
        notes=(*_NOTES, options.fee_note),
    )


def _books(
    t: int, market: Definition, rows: Iterable[dict[str, Any]], ticks: TickWatch, summary: Summary
) -> Iterator[Book]:
    found: dict[str, Book] = {}
    for row in rows:
        side = str(row["side"]).upper()
        try:
            if side not in ("UP", "DOWN"):
                raise Refused("unknown_side", row["side"])
            if side in found:
                raise Refused("twice_at_one_time", f"{market.slug} {side} {t}")
            token = market.up_token if side == "UP" else market.down_token
            bids, asks = _levels(row["bid_px"], row["bid_sz"]), _levels(row["ask_px"], row["ask_sz"])
            found[side] = Book(market.condition, token, t // 1_000_000, bids, asks, ticks.of(market.condition))
        except Refused as cause:
            summary.reject(cause.reason, f"books of {market.slug} at {t}: {cause}")
    for side in ("UP", "DOWN"):
        if side in found:
            yield found[side]


_PRICES: dict[float, str] = {}
_SIZES: dict[float, str] = {}


def _levels(prices: Sequence[float] | None, sizes: Sequence[float] | None) -> list[tuple[str, str]]:
    """Levels best last, as on the wire, from the recording's best first. Raises Refused."""
    if prices is None or sizes is None or len(prices) != len(sizes):
        raise Refused("prices_without_sizes")
    levels = [(_price(price), _size(size)) for price, size in zip(reversed(prices), reversed(sizes), strict=True)]
    return [level for level in levels if level[1] != "0"]


def _price(value: float) -> str:
    text = _PRICES.get(value)
    if text is None:
        text = _PRICES[value] = price_text(number(value))
    return text


def _size(value: float) -> str:
    text = _SIZES.get(value)
    if text is None:
        if len(_SIZES) > 200_000:
            _SIZES.clear()
        text = _SIZES[value] = size_text(number(value))
    return text
