"""Tables by a map: files in, frames out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from connectors.imports.files import CSV, LINES, PARQUET, Found, find, stem_of
from connectors.imports.frames import Frame
from connectors.imports.options import Options
from connectors.imports.reading import Layout, Shape, rows_of, shape_of
from connectors.imports.sorting import Sorter
from connectors.imports.summary import ImportSummary, RefusedRow, WrongShape
from connectors.imports.table.cells import Cells, cell, root
from connectors.imports.table.contract import ANY_FILE, FILE_COLUMN, Column, Depth, Quote, TableMap, TableSource
from connectors.imports.table.emission import FrameEmitter, Timed
from connectors.imports.table.facts import RowReader
from connectors.imports.table.markets import RecordedMarkets

_PULSE = 2_000
SUFFIXES = (*CSV, *LINES, *PARQUET)


class Tables:
    """The tables of a map over files. ``notes``: what to say of them beside what the map itself implies. ``span``: see
    Emission."""

    def __init__(
        self,
        table: TableMap,
        options: Options,
        summary: ImportSummary,
        notes: tuple[str, ...] = (),
        span: tuple[int, int] | None = None,
    ) -> None:
        fee_rate = options.fee_rate if table.fee_rate is None else table.fee_rate
        size = options.assumed_size if table.assumed_size is None else table.assumed_size
        ups = options.ups.union(*(source.market.up_tokens for source in table.source))
        self._table = table
        self._options = replace(options, fee_rate=fee_rate, assumed_size=size, ups=ups)
        self._summary = summary
        self._notes = notes or _implied(table)
        self._span = span

    def frames(self, paths: Sequence[Path], folder: Path) -> Iterator[Frame]:
        """All frames by time. ``folder``: where rows wait that memory does not hold. Raises ImportFailure."""
        summary = self._summary
        chosen = _assigned(self._table, find(paths, SUFFIXES))
        summary.files += sum(len(files) for _, files in chosen)
        for note in self._notes:
            summary.note(note)
        summary.note(self._options.fee_note)
        summary.progress.begin("reading", sum(found.path.stat().st_size for _, files in chosen for found in files))
        markets = RecordedMarkets(summary)
        last = 0
        with Sorter(folder) as sorter:
            for source, files in chosen:
                last = max(last, self._read(source, files, markets, sorter))
            markets.settle_tokens(self._options.ups)
            markets.report_windows()
            summary.progress.begin("writing", sorter.rows)
            notes = (*self._notes, *self._sizes_assumed(), self._options.fee_note)
            emission = FrameEmitter(markets, self._options, notes, summary, self._span, last)
            yield from emission.frames(_watched(sorter.sorted(), summary))

    def _sizes_assumed(self) -> tuple[str, ...]:
        note = self._options.size_note
        return (note,) if note in self._summary.notes else ()

    def _read(self, source: TableSource, files: list[Found], markets: RecordedMarkets, sorter: Sorter) -> int:
        """Take in one source's rows; the time of its last. Raises ImportFailure when none of them can be used."""
        summary = self._summary
        rows_before, used, last = summary.rows, 0, 0
        for found in files:
            done = summary.progress.done
            shape = shape_of(found.path, _layout(source))
            wanted = _check_columns(source, found, shape, summary)
            cells = Cells(source.missing, shape.decimal, stem_of(found.path.name))
            rows = RowReader(source, cells, markets, self._options, summary)
            for number, row in rows_of(found, shape, summary, wanted):
                where = f"{found.label}:{number}"
                try:
                    if source.time is None:
                        rows.market_row(row)
                        used += 1
                        continue
                    t, tie, fact = rows.fact(row, where)
                except RefusedRow as cause:
                    summary.reject(cause.reason, f"{where}: {cause}")
                    continue
                used += 1
                if fact is not None:
                    sorter.add(t, fact, tie)
                    last = max(last, t)
            summary.progress.reach(done + found.path.stat().st_size)
        count = summary.rows - rows_before
        if not used:
            names = ", ".join(found.label for found in files[:3]) + (", …" if len(files) > 3 else "")
            raise summary.why_nothing(f"{count:,} rows of {names}")
        return last


def _watched(facts: Iterator[Timed], summary: ImportSummary) -> Iterator[Timed]:
    for count, fact in enumerate(facts):
        if count % _PULSE == 0:
            summary.progress.reach(count)
        yield fact


def _assigned(table: TableMap, found: list[Found]) -> list[tuple[TableSource, list[Found]]]:
    """Each source with its files, lists of markets first: those named like its ``files``; where it names none beside
    other sources, those that have its columns. Raises WrongShape where one is without the other."""
    left = list(found)
    chosen: list[tuple[TableSource, list[Found]]] = []
    for source in table.source:
        by_columns = source.files == ANY_FILE and len(table.source) > 1
        files = [each for each in found if (_has_columns(source, each) if by_columns else _is_named(source, each))]
        if not files:
            named = "has the columns " + ", ".join(_needed(source)) if by_columns else f"is named like {source.files}"
            raise WrongShape(f"no file {named}.", "Name that file too, or correct the map.")
        left = [each for each in left if each not in files]
        chosen.append((source, files))
    if left:
        raise WrongShape(
            f"{', '.join(each.label for each in left[:3])}: no source of the map takes it.",
            "Give the map a [[source]] for it, or leave the file out.",
        )
    return sorted(chosen, key=lambda each: each[0].time is not None)


def _is_named(source: TableSource, found: Found) -> bool:
    """Whether a file's name is one of the source's ``files``; those with a slash are of the path's end."""
    name, path = found.path.name, found.path.as_posix()
    for pattern in source.files:
        if pattern == name or fnmatchcase(name, pattern):
            return True
        if "/" in pattern and (path.endswith(f"/{pattern}") or fnmatchcase(path, f"*/{pattern}")):
            return True
    return False


def _has_columns(source: TableSource, found: Found) -> bool:
    shape = shape_of(found.path, _layout(source))
    present = [*shape.columns, *(name for name, _ in found.partitions)]
    if not shape.columns:
        row = next((row for _, row in rows_of(found, shape, ImportSummary(""))), {})
        return all(cell(row, name) is not None for name in _needed(source))
    return all(root(name, present) in present for name in _needed(source))


def _needed(source: TableSource) -> list[str]:
    return [name for name, needed in columns_of(source).items() if needed and name != FILE_COLUMN]


def _layout(source: TableSource) -> Layout:
    return Layout(source.format, source.encoding, source.delimiter, source.decimal, source.columns)


def columns_of(source: TableSource) -> dict[str, bool]:
    """Every column a source speaks of, and whether it cannot do without it."""
    columns: dict[str, bool] = {}

    def add(column: Column | Depth | None, needed: bool) -> None:
        for name in column.columns if column is not None else ():
            columns[name] = columns.get(name, False) or needed

    def add_quote(quote: Quote | None) -> None:
        if quote is not None:
            for column in (quote.bid, quote.ask, quote.bids, quote.asks):
                add(column, True)
            for column in (quote.bid_size, quote.ask_size, quote.time):
                add(column, False)

    if source.time is not None:
        add(source.time, True)
        add(source.time.exchange, False)
    market = source.market
    for column in (market.slug, market.id, market.asset, market.horizon, market.start, market.end):
        add(column, True)
    for column in (market.token, market.outcome, market.up_token, market.down_token, source.updated):
        add(column, True)
    add(market.question, market.slug is None and market.asset is None and market.id is None)
    for quote in (source.up, source.down, source.quote):
        add_quote(quote)
    if source.trade is not None:
        add(source.trade.price, not source.quote and not source.up)
        add(source.trade.size, False)
        add(source.trade.side, False)
    if source.spot is not None:
        add(source.spot.price, not (source.quote or source.up or source.down))
        add(source.spot.asset, False)
        add(source.spot.time, False)
    if source.strike is not None:
        add(source.strike.price, False)
    for column in (source.outcome.winner, source.outcome.payout_up, source.outcome.payout_down):
        add(column, source.time is None)
    return columns


def _check_columns(source: TableSource, found: Found, shape: Shape, summary: ImportSummary) -> list[str]:
    """The file's columns that are read. Raises WrongShape when one that is needed is missing."""
    spoken_of = columns_of(source)
    present = [*shape.columns, *(name for name, _ in found.partitions)]
    if not shape.columns:  # rows of JSON say themselves
        return []
    absent = [name for name in spoken_of if name != FILE_COLUMN and root(name, present) not in present]
    needed = [name for name in absent if spoken_of[name]]
    if needed:
        raise WrongShape(
            f"{found.path}: column {', '.join(needed)} is missing; it has {', '.join(present[:30])}.",
            "Correct the map, or let `files` leave the file out.",
        )
    for name in absent:
        summary.find("column_missing", f"{found.label}: {name}")
    return [root(name, present) for name in spoken_of]


def _implied(table: TableMap) -> tuple[str, ...]:
    """What a map takes for granted, in words."""
    notes = ["definition made by the import from the map; ids that were not recorded are synthetic"]
    for source in table.source:
        both = source.quote is None and (source.up is None) != (source.down is None)
        row_is_up = source.quote is not None and source.market.outcome is None and source.market.token is None
        if both or row_is_up:
            notes.append("the other token's book is derived from the recorded one's: one book seen twice")
        if source.time is not None and source.time.clock == "exchange":
            notes.append(f"receive times were not recorded: {source.time.delay_ms:g} ms after the exchange's time")
        if source.spot is not None:
            notes.append(f"spot ({source.spot.source}) enters as Coinbase ticker frames of the asset's USD product")
        if source.has_outcome:
            notes.append("the resolution comes from the recording's outcome, 60 s after the end")
        if "spot" in source.outcome.derive:
            notes.append(
                "an outcome that was not recorded is derived from the spot at the window's end against the strike "
                "(or the spot at its start), and marked so"
            )
        if "quotes" in source.outcome.derive:
            notes.append(
                "where spot does not tell, from the Up token's last quote within five minutes of the end, if sure"
            )
    return tuple(dict.fromkeys(notes))
