"""Kind ``btc15m-quotes``: CSV rows of both tokens' best bid and ask, one for each update of one of them.

A row makes a frame with the book of the token that was updated, and of the other one too where that changed unseen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from connectors.imports.frames import Book, Definition, Frame, books, price_text, size_text, synthetic_condition
from connectors.imports.options import Options
from connectors.imports.reading import csv_rows, files_of, merged, number, unix_ns
from connectors.imports.summary import Refused, Summary
from connectors.imports.ticks import FIRST, TickWatch
from models.settlement import window_of
from models.topics import FEED_MARKETS, FEED_POLYMARKET

_QUOTE = ("book_ts", "bid", "bid_size", "ask", "ask_size")
COLUMNS = (
    "recorded_at_ts",
    "market_slug",
    "question",
    "up_token_id",
    "down_token_id",
    "source_side",
    *(f"{side}_{field}" for side in ("up", "down") for field in _QUOTE),
)
_NOTES = (
    "definition made by the import from the rows; the condition id is synthetic; no resolution was recorded",
    "only the best price of each side was recorded",
)

Row = dict[str, str]


def read(path: Path, summary: Summary) -> Iterator[tuple[int, tuple[str, Row]]]:
    for line, row in csv_rows(path, summary, COLUMNS):
        try:
            yield unix_ns(row["recorded_at_ts"], 10**9), (f"{path.name}:{line}", row)
        except Refused as cause:
            summary.reject(cause.reason, f"{path.name}:{line}: {cause}")


def side_levels(price: str, size: str) -> list[tuple[str, str]]:
    """A book side of one level; price 0 or size 0 means an empty side. Raises Refused."""
    level = (price_text(number(price)), size_text(number(size)))
    return [] if "0" in level else [level]


def frames(paths: Sequence[Path], options: Options, summary: Summary) -> Iterator[Frame]:
    for note in (*_NOTES, options.fee_note):
        summary.note(note)
    mapper = _Mapper(options, summary)
    for t, (where, row) in merged(files_of(paths, (".csv.gz", ".csv")), read, summary):
        try:
            made = list(mapper.row(t, row))
        except Refused as cause:
            summary.reject(cause.reason, f"{where}: {cause}")
            continue
        yield from made
    summary.count("markets", len(mapper.markets))
    summary.count("markets_without_outcome", len(mapper.markets))


class _Mapper:
    def __init__(self, options: Options, summary: Summary) -> None:
        self.markets: dict[str, Definition] = {}
        self._options = options
        self._ticks = TickWatch(summary)
        self._sent: dict[str, tuple[str, ...]] = {}  # token -> the quote last sent

    def row(self, t: int, row: Row) -> Iterator[Frame]:
        """The frames of one row. Raises Refused, before anything is remembered."""
        source = row["source_side"]
        if source not in ("up", "down"):
            raise Refused("unknown_side", source)
        market = self._market(row)
        sides = {side: _side(row, side) for side in ("up", "down")}
        if row["market_slug"] not in self.markets:
            self.markets[row["market_slug"]] = market
            yield Frame(t, FEED_MARKETS, "gamma", market.slug, market.gamma())
        prices = [price for _, bids, asks in sides.values() for price, _ in (*bids, *asks)]
        yield from self._ticks.watch(market.condition, (market.up_token, market.down_token), t, prices)
        tick = self._ticks.of(market.condition)
        several: list[Book] = []
        for side in ("up", "down"):
            token = market.up_token if side == "up" else market.down_token
            quote = tuple(row[f"{side}_{field}"] for field in _QUOTE)
            if side == source or self._sent.get(token) != quote:
                t_ms, bids, asks = sides[side]
                several.append(Book(market.condition, token, t_ms, bids, asks, tick))
                self._sent[token] = quote
        yield Frame(t, FEED_POLYMARKET, "polymarket", "", books(several))

    def _market(self, row: Row) -> Definition:
        slug = row["market_slug"]
        known = self.markets.get(slug)
        if known is not None:
            if (known.up_token, known.down_token) != (row["up_token_id"], row["down_token_id"]):
                raise Refused("tokens_changed", slug)
            return known
        window = window_of(slug)
        if window is None:
            raise Refused("unknown_market_slug", slug)
        if not (row["up_token_id"].isdigit() and row["down_token_id"].isdigit()):
            raise Refused("not_a_token", row["up_token_id"])
        return Definition(
            slug=slug,
            question=row["question"],
            condition=synthetic_condition(slug),
            up_token=row["up_token_id"],
            down_token=row["down_token_id"],
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            fee_rate=self._options.fee_rate,
            tick=float(FIRST),
            notes=(*_NOTES, self._options.fee_note),
        )


def _side(row: Row, side: str) -> tuple[int, list[tuple[str, str]], list[tuple[str, str]]]:
    return (
        unix_ns(row[f"{side}_book_ts"], 10**6) // 10**6,
        side_levels(row[f"{side}_bid"], row[f"{side}_bid_size"]),
        side_levels(row[f"{side}_ask"], row[f"{side}_ask_size"]),
    )
