"""The kinds of recordings: what each needs, and the importer of each. Four of them are maps of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files as resources
from pathlib import Path
from typing import Final

from connectors.imports import chainlink_day, polymarket_ws
from connectors.imports.files import CSV, LINES, PARQUET, find
from connectors.imports.frames import Frame
from connectors.imports.reading import shape_of
from connectors.imports.recordings import Importer, Recording
from connectors.imports.summary import ImportFailure
from connectors.imports.table.contract import TableMap, parse_map
from connectors.imports.table.tables import SUFFIXES, Tables, columns_of

TABLE: Final = "table"


@dataclass(frozen=True)
class RecordingKind:
    """``needs``: in a line, for people. ``columns``: of each file, one of these sets; ``mapped``: by a map in
    ``maps``."""

    name: str
    needs: str
    suffixes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    mapped: bool = False
    columns: tuple[tuple[str, ...], ...] = ()

    @property
    def table(self) -> TableMap:
        name = f"{self.name}.toml"
        return parse_map(resources("connectors.imports").joinpath("maps", name).read_text(encoding="utf-8"), name)

    def importer(self) -> Importer:
        return _IMPORTERS.get(self.name) or partial(_import_table, self.table, self.notes)

    def fits(self, path: Path, columns: Sequence[str]) -> bool:
        """Whether a file with these columns may be of this kind."""
        sets = [[name for name, needed in columns_of(source).items() if needed] for source in self.table.source] \
            if self.mapped else self.columns  # fmt: skip
        return any(set(wanted) <= set(columns) for wanted in sets)


def _import_table(table: TableMap, notes: tuple[str, ...], recording: Recording) -> Iterator[Frame]:
    tables = Tables(table, recording.options, recording.summary, notes, recording.span)
    return tables.frames(recording.paths, recording.folder)


def table_importer(table: TableMap) -> Importer:
    """The importer of the user's own map."""
    return partial(_import_table, table, ())


_IMPORTERS: Final[dict[str, Importer]] = {
    "polymarket-ws": polymarket_ws.frames,
    "chainlink-day": chainlink_day.frames,
}

_ALL: Final = (
    RecordingKind(
        "polymarket-ws",
        'JSON lines {"recv_ts": time, "raw": message} of the market channel, the file named by the market\'s slug',
        LINES,
        columns=(("recv_ts", "raw"),),
    ),
    RecordingKind(
        "hourly-minute",
        "Parquet: timestamp, market_name, up_token_id, best_bid, best_ask, spot, outcome",
        PARQUET,
        (
            "definition made by the import from the market's name; condition id and Down token are synthetic",
            "the Down token's book is derived from the Up token's: one book seen twice",
            "the resolution comes from the recording's outcome column, 60 s after the end",
            "where that is empty: from the spot recorded nearest to both ends of the hour, by these markets' rule",
            "where one of these is missing, too: from the Up token's last quote in the last five minutes, if sure",
        ),
        mapped=True,
    ),
    RecordingKind(
        "btc15m-quotes",
        "CSV, a row an update: recorded_at_ts, market_slug, up_token_id, down_token_id, source_side, up_bid, …",
        CSV,
        (
            "definition made by the import from the rows; the condition id is synthetic; no resolution was recorded",
            "only the best price of each side was recorded",
        ),
        mapped=True,
    ),
    RecordingKind(
        "btc15m-1s",
        "CSV, a row a second: Timestamp, TargetTime, Expiration, UpBid, UpBidLiquidity, UpAsk, …, DownAskLiquidity",
        CSV,
        (
            "definition made by the import from start and end; condition id and both tokens are synthetic; "
            "no resolution was recorded",
            "only the best price of each side was recorded, without the exchange's time",
        ),
        mapped=True,
    ),
    RecordingKind(
        "l2-snapshots",
        "Parquet `books` (market_id, ts, side, bid_px, bid_sz, ask_px, ask_sz) and `markets` (market_id, slug, …)",
        PARQUET,
        (
            "definition made by the import from the recording's market table; both tokens are synthetic",
            "the resolution comes from the recording's payouts, 60 s after the end",
            "books were thinned to one a second and side by the recording",
        ),
        mapped=True,
    ),
    RecordingKind(
        "chainlink-day",
        "CSV of prices named like BTCUSD-…: feed_ts_ms, full_accuracy_value, recv_ms; JSON lines: start_sec, raw",
        (*CSV, *LINES),
        columns=(chainlink_day.PRICE_COLUMNS, ("start_sec", "raw")),
    ),
)
KINDS: Final = {kind.name: kind for kind in _ALL}


def fitting(paths: Sequence[Path]) -> list[str]:
    """The kinds that every one of the files may be of. Raises ImportFailure for paths without files."""
    found = find(paths, SUFFIXES)
    columns = [(each.path, _columns(each.path)) for each in found[:20]]
    return [kind.name for kind in _ALL if all(kind.fits(path, names) for path, names in columns)]


def _columns(path: Path) -> tuple[str, ...]:
    from connectors.imports.files import Found
    from connectors.imports.reading import rows_of
    from connectors.imports.summary import ImportSummary

    try:
        shape = shape_of(path)
        if shape.columns:
            return shape.columns
        for _, row in rows_of(Found(path, path.name), shape, ImportSummary("")):
            return tuple(row)
    except (ImportFailure, OSError):
        pass
    return ()


def advice(paths: Sequence[Path], tried: str) -> str:
    """What to try instead of the kind ``tried``, which did not fit: another kind, or what each of them needs."""
    try:
        others = fitting(paths)
    except ImportFailure:
        others = []
    if tried in others:
        return "Correct what is refused, or leave it out."
    if others:
        return f"The files look like kind {others[0]}: profit import {others[0]} …"
    needs = "".join(f"\n          {kind.name}: {kind.needs}" for kind in _ALL)
    return (
        "None of the kinds fits. For any other table: profit import table FILE --suggest, see docs/recordings.md. "
        f"What each kind needs:{needs}"
    )
