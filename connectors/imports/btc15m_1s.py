"""Kind ``btc15m-1s``: CSV rows of both tokens' best bid and ask, polled each second; 0.0 means an empty side.

Markets are named by start and end alone: tokens and condition are synthetic. Both books of a row make one frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.imports.btc15m_quotes import Row, side_levels
from connectors.imports.frames import Book, Definition, Frame, books, synthetic_condition, synthetic_token
from connectors.imports.options import Options
from connectors.imports.reading import csv_rows, files_of, merged, utc_ns
from connectors.imports.summary import Refused, Summary
from connectors.imports.ticks import FIRST, TickWatch
from models.topics import FEED_MARKETS, FEED_POLYMARKET

_QUOTE = ("Bid", "BidLiquidity", "Ask", "AskLiquidity")
COLUMNS = ("Timestamp", "TargetTime", "Expiration", *(f"{side}{field}" for side in ("Up", "Down") for field in _QUOTE))
_HORIZONS = {300: "5m", 900: "15m"}
_NOTES = (
    "definition made by the import from start and end; condition id and both tokens are synthetic; "
    "no resolution was recorded",
    "only the best price of each side was recorded, without the exchange's time",
)


def read(path: Path, summary: Summary) -> Iterator[tuple[int, tuple[str, Row]]]:
    for line, row in csv_rows(path, summary, COLUMNS):
        try:
            yield utc_ns(row["Timestamp"]), (f"{path.name}:{line}", row)
        except Refused as cause:
            summary.reject(cause.reason, f"{path.name}:{line}: {cause}")


def frames(paths: Sequence[Path], options: Options, summary: Summary) -> Iterator[Frame]:
    for note in (*_NOTES, options.fee_note):
        summary.note(note)
    markets: dict[str, Definition] = {}
    ticks = TickWatch(summary)
    for t, (where, row) in merged(files_of(paths, (".csv.gz", ".csv")), read, summary):
        try:
            made = list(_row(t, row, markets, ticks, options))
        except Refused as cause:
            summary.reject(cause.reason, f"{where}: {cause}")
            continue
        yield from made
    summary.count("markets", len(markets))
    summary.count("markets_without_outcome", len(markets))


def _row(t: int, row: Row, markets: dict[str, Definition], ticks: TickWatch, options: Options) -> Iterator[Frame]:
    sides = [
        (
            side_levels(row[f"{side}Bid"], row[f"{side}BidLiquidity"]),
            side_levels(row[f"{side}Ask"], row[f"{side}AskLiquidity"]),
        )
        for side in ("Up", "Down")
    ]
    market = _market(row, options)
    if market.slug not in markets:
        markets[market.slug] = market
        yield Frame(t, FEED_MARKETS, "gamma", market.slug, market.gamma())
    tokens = (market.up_token, market.down_token)
    prices = [price for side in sides for levels in side for price, _ in levels]
    yield from ticks.watch(market.condition, tokens, t, prices)
    tick = ticks.of(market.condition)
    both = [
        Book(market.condition, token, t // 1_000_000, bids, asks, tick)
        for token, (bids, asks) in zip(tokens, sides, strict=True)
    ]
    yield Frame(t, FEED_POLYMARKET, "polymarket", "", books(both))


def _market(row: Row, options: Options) -> Definition:
    start_ns, end_ns = utc_ns(row["TargetTime"]), utc_ns(row["Expiration"])
    horizon = _HORIZONS.get((end_ns - start_ns) // 10**9)
    if horizon is None:
        raise Refused("bad_window", f"{row['TargetTime']} to {row['Expiration']}")
    slug = f"btc-updown-{horizon}-{start_ns // 10**9}"
    return Definition(
        slug=slug,
        question=slug,
        condition=synthetic_condition(slug),
        up_token=synthetic_token(f"up of {slug}"),
        down_token=synthetic_token(f"down of {slug}"),
        start_ns=start_ns,
        end_ns=end_ns,
        fee_rate=options.fee_rate,
        tick=float(FIRST),
        notes=(*_NOTES, options.fee_note),
    )
