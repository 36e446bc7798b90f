"""Kind ``hourly-minute``: Parquet rows of an hourly market's Up quote, spot and outcome, one a minute.

Each row makes one frame with the books of both tokens (the exchange has one book, seen twice: Down is derived) and,
where spot stands in it, one ticker frame. A row whose bid is not below its ask goes on as recorded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from connectors.imports.agenda import Agenda
from connectors.imports.frames import (
    Book,
    Definition,
    Frame,
    books,
    plain,
    price_text,
    size_text,
    synthetic_condition,
    synthetic_token,
    ticker,
)
from connectors.imports.hour_ends import WITHIN_NS, HourEnds
from connectors.imports.last_quotes import LastQuotes
from connectors.imports.options import Options
from connectors.imports.reading import files_of, merged, number, parquet_rows, utc_ns
from connectors.imports.summary import Refused, Summary
from connectors.imports.ticks import FIRST, TickWatch
from models.settlement import window_of
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET

COLUMNS = ("timestamp", "market_name", "up_token_id", "best_bid", "best_ask", "spot", "outcome")
RESOLVED_AFTER_NS = 60 * 10**9
_NAME = re.compile(r"(\w+) Up or Down - (\w+) (\d{1,2}),? (\d{1,2})(AM|PM) ET")
_NEW_YORK = ZoneInfo("America/New_York")
_PAYOUTS = {"UP": ("1", "0"), "DOWN": ("0", "1")}
_DERIVED = (
    "definition made by the import from the market's name; condition id and Down token are synthetic",
    "the Down token's book is derived from the Up token's: one book seen twice",
    "the resolution comes from the recording's outcome column, 60 s after the end",
    "where that is empty: from the spot recorded nearest to both ends of the hour, by the rule of these markets",
    "where one of these is missing, too: from the Up token's last quote within five minutes of the end, if it is sure",
)


def read(path: Path, summary: Summary) -> Iterator[tuple[int, tuple[str, dict[str, Any]]]]:
    for index, row in parquet_rows(path, summary, COLUMNS):
        try:
            yield utc_ns(row["timestamp"]), (f"{path.name}:{index}", row)
        except Refused as cause:
            summary.reject(cause.reason, f"{path.name}:{index}: {cause}")


def frames(paths: Sequence[Path], options: Options, summary: Summary) -> Iterator[Frame]:
    return _Mapper(options, summary).frames(files_of(paths, (".parquet",)))


class _Mapper:
    def __init__(self, options: Options, summary: Summary) -> None:
        self._size = size_text(options.assumed_size)
        self._options = options
        self._summary = summary
        self._agenda = Agenda()
        self._ticks = TickWatch(summary)
        self._markets: dict[str, Definition] = {}
        self._unresolved: dict[str, Definition] = {}
        self._hours = HourEnds()
        self._quotes = LastQuotes()
        self._sequence = 0

    def frames(self, files: Sequence[Path]) -> Iterator[Frame]:
        for note in (*_DERIVED, self._options.size_note, self._options.fee_note):
            self._summary.note(note)
        last = 0
        for t, (where, row) in merged(files, read, self._summary):
            last = t
            self._derive(t, t - WITHIN_NS)
            yield from self._agenda.due(t)
            try:
                made = list(self._row(t, row))
            except Refused as cause:
                self._summary.reject(cause.reason, f"{where}: {cause}")
                continue
            yield from made
        self._derive(last, last + WITHIN_NS + 1)
        yield from self._agenda.rest()
        open_still = sum(market.end_ns > last for market in self._unresolved.values())
        self._summary.count("markets", len(self._markets))
        self._summary.count("markets_without_outcome", len(self._unresolved) - open_still)
        self._summary.count("markets_open_at_the_end", open_still)

    def _row(self, t: int, row: dict[str, Any]) -> Iterator[Frame]:
        bid, ask = number(row["best_bid"]), number(row["best_ask"])
        up = (price_text(bid), price_text(ask))
        down = (price_text(1 - ask), price_text(1 - bid))
        spot = None if row["spot"] is None else number(row["spot"])
        if spot is not None and spot <= 0:
            raise Refused("not_a_price", spot)
        market, new = self._market(t, row)
        if new:
            yield Frame(t, FEED_MARKETS, "gamma", market.slug, market.gamma())
        self._quotes.note(market.up_token, t, bid, ask)
        self._resolve(t, market, row["outcome"])
        tokens = (market.up_token, market.down_token)
        yield from self._ticks.watch(market.condition, tokens, t, (*up, *down))
        tick = self._ticks.of(market.condition)
        if bid >= ask:
            self._summary.count("rows_with_bid_not_below_ask")
        both = [
            Book(market.condition, token, t // 1_000_000, [(quote[0], self._size)], [(quote[1], self._size)], tick)
            for token, quote in zip(tokens, (up, down), strict=True)
        ]
        if spot is None:
            self._summary.count("rows_without_spot")
        else:
            product = window_of(market.slug)
            assert product is not None  # _market saw to it
            self._hours.note(product.asset, t, float(spot))
            value = ticker(f"{product.asset}-USD", plain(spot), t, self._sequence)
            self._sequence += 1
            yield Frame(t, FEED_COINBASE, "binance", "", value)
        yield Frame(t, FEED_POLYMARKET, "polymarket", "", books(both))

    def _market(self, t: int, row: dict[str, Any]) -> tuple[Definition, bool]:
        token = str(row["up_token_id"] or "")
        if not token.isdigit():
            raise Refused("not_a_token", token)
        known = self._markets.get(token)
        if known is not None:
            return known, False
        name = str(row["market_name"])
        slug = slug_of(name, t)
        window = window_of(slug)
        if window is None:
            raise Refused("unknown_market_name", name)
        made = Definition(
            slug=slug,
            question=name,
            condition=synthetic_condition(slug),
            up_token=token,
            down_token=synthetic_token(f"down of {token}"),
            start_ns=window.start_ns,
            end_ns=window.end_ns,
            fee_rate=self._options.fee_rate,
            tick=float(FIRST),
            notes=(*_DERIVED, self._options.size_note, self._options.fee_note),
        )
        self._markets[token] = made
        self._unresolved[token] = made
        return made, True

    def _resolve(self, t: int, market: Definition, outcome: object) -> None:
        if market.up_token not in self._unresolved or outcome is None:
            return
        payouts = _PAYOUTS.get(str(outcome).upper())
        if payouts is None:
            self._summary.count("unknown_outcomes")
            return
        self._pay(t, market, payouts)

    def _derive(self, t: int, ended_by: int) -> None:
        """Resolve what ended before ``ended_by`` without an outcome, from what was recorded until ``t``."""
        for market in [each for each in self._unresolved.values() if each.end_ns < ended_by]:
            window = window_of(market.slug)
            assert window is not None  # _market saw to it
            outcome = self._hours.outcome(window.asset, market.start_ns, market.end_ns)
            source = "outcomes_derived_from_spot"
            if outcome is None and market.end_ns <= t:
                outcome = self._quotes.outcome(market.up_token, market.end_ns)
                source = "outcomes_derived_from_quotes"
            if outcome is not None:
                self._summary.count(source)
                self._pay(t, market, _PAYOUTS[outcome])

    def _pay(self, t: int, market: Definition, payouts: tuple[str, str]) -> None:
        del self._unresolved[market.up_token]
        closed = max(market.end_ns + RESOLVED_AFTER_NS, t)
        self._agenda.add(Frame(closed, FEED_MARKETS, "gamma", market.slug, market.gamma(payouts, closed)))


def slug_of(name: str, t_ns: int) -> str:
    """The exchange's slug of "Bitcoin Up or Down - July 21, 5PM ET" seen at ``t_ns``: the year is that in New York.

    Raises Refused for another name."""
    match = _NAME.fullmatch(name.strip())
    if match is None:
        raise Refused("unknown_market_name", name)
    asset, month, day, hour, half = match.groups()
    year = datetime.fromtimestamp(t_ns // 10**9, UTC).astimezone(_NEW_YORK).year
    return f"{asset}-up-or-down-{month}-{int(day)}-{year}-{int(hour)}{half}-et".lower()
