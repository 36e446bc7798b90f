"""A first map of a table, from its own columns and a few of its rows; what these do not tell stands in comments."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from connectors.imports.files import find, stem_of
from connectors.imports.names import by_question, by_slug
from connectors.imports.options import Options
from connectors.imports.summary import ImportFailure, ImportSummary, RefusedRow
from connectors.imports.table.cells import Cells
from connectors.imports.table.contract import FILE_COLUMN, TableMap, parse_map
from connectors.imports.table.facts import RowReader
from connectors.imports.table.markets import RecordedMarkets
from connectors.imports.table.sampling import ColumnSample, TableSample, sample
from connectors.imports.table.tables import SUFFIXES
from connectors.imports.values import asset_of, horizon_of, identity, outcome_of

_KNOWN_ASSETS: Final = frozenset({"BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "HYPE", "ZEC"})
_EXCHANGES: Final = ("binance", "coinbase", "chainlink", "pyth", "kraken", "bybit", "okx")
_SIZE: Final = ("size", "sz", "qty", "quantity", "volume", "vol", "liquidity", "amount", "shares", "depth")
_ENDS: Final = ("end", "ends", "expiry", "expiration", "expires", "close", "closes", "closing", "resolution", "until")
_STARTS: Final = ("start", "starts", "open", "opens", "target", "begin", "window")
_RECEIVED: Final = ("recv", "received", "receive", "local", "recorded", "capture", "captured", "arrival", "ingest")
_EXCHANGE: Final = ("exch", "exchange", "server", "feed", "event", "source", "book", "origin")
_TIME: Final = ("timestamp", "time", "ts", "datetime", "date", "utc", "t", "ms", "created")
_NOT_SPOT: Final = (
    "bid", "ask", "strike", "diff", "spread", "mid", "left", "remaining", "elapsed", "count", "id", "volume", "size",
    "seconds", "level", "seq", "index_number", "delta", "pct", "return",
)  # fmt: skip
_STRIKE: Final = ("strike", "beat", "ptb", "threshold", "reference")

_OF_MARKETS: Final = ("the horizon", "the asset", "the market of an id", "which token")

_ZONED = re.compile(r"(Z|UTC|GMT|[+-]\d\d(:?\d\d)?)$", re.ASCII | re.IGNORECASE)

Lines = list[str]


def suggest(paths: Sequence[Path]) -> str:
    """A map in TOML for the files: it loads as it stands, and its comments say what could not be found out.

    Raises ImportFailure for files that cannot be read, and when none of them has a row."""
    samples = [sample(found) for found in find(paths, SUFFIXES)]
    if not any(each.count for each in samples):
        labels = ", ".join(each.found.label for each in samples[:5])
        raise ImportFailure(
            f"{labels}: no rows that could be read.", "Name CSV, JSON lines or Parquet files with rows."
        )
    groups: dict[tuple[str, ...], list[TableSample]] = {}
    for each in samples:
        groups.setdefault(tuple(sorted(each.columns)), []).append(each)
    if len(groups) == 1:
        return _whole(_with_trial(_Suggestion(samples, "").text(), samples))
    parts: Lines = []
    made = [_Suggestion(group, "source.") for group in groups.values()]
    texts = [each.text() for each in made]
    for made_of, text, group in zip(made, texts, groups.values(), strict=True):
        names = _quoted_list([one.found.path.name for one in group])
        parts += ["[[source]]", f"files = {names}", *made_of.without_what_others_tell(text, made), ""]
    return _whole(_with_trial(parts, samples))


def _whole(lines: Lines) -> str:
    return "\n".join(lines).rstrip().encode("utf-8", "replace").decode() + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _quoted_list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(_quoted, texts))}]"


def _comment(text: str) -> str:
    """A comment of one line; what may stand in none is replaced."""
    return "# " + "".join(letter if letter.isprintable() else "\ufffd" for letter in text)


class _Suggestion:
    """One table's part of the map. ``prefix``: of its sections."""

    def __init__(self, group: list[TableSample], prefix: str) -> None:
        self._first = group[0]
        self._group = group
        self._prefix = prefix
        self._columns = group[0].columns
        self._left = dict(group[0].columns)
        self._unknown: Lines = []
        self._missing: dict[str, None] = {}
        self._sections: dict[str, Lines] = {}
        self._top: Lines = []

    def text(self) -> Lines:
        """The lines, comments first."""
        if not self._columns or not self._first.count:
            return [_comment(f"{self._first.found.label}: no rows that could be read.")]
        self._layout()
        self._time_of_rows()
        self._market()
        quoted = self._quotes()
        self._strike()
        self._spot(quoted)
        self._outcome()
        self._trade(quoted)
        sections = self._sections.keys() - {"market", "time"}
        if sections <= {"outcome", "strike"}:
            self._unknown = [each for each in self._unknown if not each.startswith("the time of a row")]
        if not sections and not any(line.startswith("slug") for line in self._sections.get("market", [])):
            self._unknown.append("nothing here looks like quotes, trades, spot, strikes or outcomes")
        if self._missing:
            self._top.append(f"missing = {_quoted_list(self._missing)}")
        lines = [_comment(f"Could not tell: {each}.") for each in self._unknown]
        if self._left:
            lines.append(_comment(f"Not used: {', '.join(self._left)}."))
        lines += self._top
        for name, section in self._sections.items():
            lines += ["", f"[{self._prefix}{name}]", *section]
        return lines

    def without_what_others_tell(self, text: Lines, all_of_them: Sequence[_Suggestion]) -> Lines:
        """The lines without those that say something is missing which another table has."""
        others = [each for each in all_of_them if each is not self]
        sections = {name for each in others for name in each._sections}
        has_list = any(line.startswith("slug") for each in others for line in each._sections.get("market", []))
        gone = [f"# Could not tell: {name}" for name, there in (
            ("the market of an id", has_list), ("spot:", "spot" in sections), ("outcomes:", "outcome" in sections)
        ) if there]  # fmt: skip
        return [line for line in text if not line.startswith(tuple(gone))]

    # ------------------------------------------------------------- helpers

    def _use(self, column: ColumnSample) -> str:
        self._left.pop(column.name, None)
        return _quoted(column.name)

    def _use_number(self, column: ColumnSample, scale: str = "") -> str:
        for word in column.odd_words:
            self._missing[word] = None
        name = self._use(column)
        return f"{{ column = {name}, scale = {scale} }}" if scale else name

    def _section(self, name: str, *lines: str) -> None:
        self._sections.setdefault(name, []).extend(lines)

    def _layout(self) -> None:
        shape = self._first.shape
        if shape.format == "csv" and not shape.has_header:
            self._top.append(f"columns = {_quoted_list(shape.columns)}")
            self._unknown.append("the names of the columns: the file has no header")

    # ------------------------------------------------------------- time

    def _time_of_rows(self) -> None:
        candidates: list[tuple[int, ColumnSample, str]] = []
        unnamed: list[tuple[int, ColumnSample, str]] = []  # numbers as large as times are
        for column in self._columns.values():
            unit = column.time_unit()
            if not unit:
                continue
            named = column.has(*_TIME, *_RECEIVED, *_EXCHANGE) or column.words[-1:] == ("at",)
            ends = column.has(*_ENDS) or column.has(*_STARTS) or column.has("market", "expiry")
            if ends or not (named or unit in ("iso", "auto", "ns", "us") or "%" in unit):
                if not ends and len(set(map(str, column.values))) > 1:
                    unnamed.append((0, column, unit))
                continue
            score = 20 * column.has(*_TIME) + 30 * column.has(*_RECEIVED) - 15 * column.has(*_EXCHANGE)
            score += 5 * (len(set(map(str, column.values))) > 1) - len(column.words) - 20 * column.has("up", "down")
            candidates.append((score, column, unit))
        if not candidates and unnamed:
            candidates = unnamed
            self._unknown.append(f"whether {unnamed[0][1].name} is the time of a row: it is taken for it")
        if not candidates:
            self._date_and_time()
            return
        candidates.sort(key=lambda each: -each[0])
        _, chosen, unit = candidates[0]
        self._time, self._unit = chosen, unit
        if self._is_list_of_markets(chosen):
            return
        self._section("time", f"column = {self._use(chosen)}", f"unit = {_quoted(unit)}")
        texts = [str(value).strip() for value in chosen.values if not str(value).strip().isdigit()]
        zoned = unit in ("iso", "auto") and all(map(_ZONED.search, texts))
        if (unit in ("iso", "auto") or "%" in unit) and not zoned:
            self._section("time", 'zone = "UTC"')
            self._unknown.append(f"the zone of {chosen.name}: it names none, UTC is taken")
        if unit.startswith(("%m/%d", "%d/%m")):
            self._unknown.append(f"whether {chosen.name} gives the month or the day first: {unit} is taken")
        if chosen.has(*_EXCHANGE) and not chosen.has(*_RECEIVED):
            self._section("time", 'clock = "exchange"')
        others = [each for each in candidates[1:] if each[1].has(*_EXCHANGE) and not each[1].has("up", "down")]
        if others:
            _, other, other_unit = others[0]
            self._section("time", f"exchange = {{ column = {self._use(other)}, unit = {_quoted(other_unit)} }}")

    _time: ColumnSample | None = None
    _unit = ""

    def _date_and_time(self) -> None:
        date = next(
            (c for c in self._columns.values() if c.mostly(lambda v: re.fullmatch(r"\d{4}[-/]\d\d[-/]\d\d", str(v)))),
            None,
        )
        clock = next(
            (c for c in self._columns.values() if c.mostly(lambda v: re.fullmatch(r"\d\d:\d\d(:\d\d.*)?", str(v)))),
            None,
        )
        if date is None or clock is None:
            self._unknown.append("the time of a row: no column holds one")
            return
        self._section("time", f"column = [{self._use(date)}, {self._use(clock)}]", 'unit = "iso"', 'zone = "UTC"')
        self._unknown.append("the zone of the times: they name none, UTC is taken")

    def _is_list_of_markets(self, column: ColumnSample) -> bool:
        times = column.times()
        whole = bool(times) and all(t % (300 * 10**9) == 0 for t in times)
        has_quotes = any(c.has("bid", "ask", "bids", "asks") for c in self._columns.values())
        self._lists_markets = whole and len(set(times)) == len(times) and not has_quotes
        return self._lists_markets

    _lists_markets = False

    # ------------------------------------------------------------- market

    def _market(self) -> None:
        slug = self._naming(by_slug)
        question = None if slug else self._naming(by_question)
        if slug is None and self._file_is_named(by_slug):
            self._section("market", f"slug = {_quoted(FILE_COLUMN)}")
        elif slug is not None:
            self._section("market", f"slug = {self._use(slug)}")
            asked = next((c for c in self._columns.values() if c.has("question", "title")), None)
            if asked is not None:
                self._section("market", f"question = {self._use(asked)}")
        elif question is not None:
            self._section("market", f"question = {self._use(question)}")
        self._ids()
        if not self._sections.get("market") or not any(
            line.startswith(("slug", "question")) for line in self._sections["market"]
        ):
            self._window()

    def _naming(self, reader: Any) -> ColumnSample | None:
        t = self._time.times()[0] if self._time is not None and self._time.times() else None
        named = [
            c for c in self._columns.values()
            if c.values and all(isinstance(v, str) for v in c.values[:5]) and c.mostly(lambda v: reader(str(v), t))
        ]  # fmt: skip
        named.sort(key=lambda c: (not c.has("slug"), not c.has("question", "title", "market"), len(c.name)))
        return named[0] if named else None

    def _file_is_named(self, reader: Any) -> bool:
        for each in self._group:
            try:
                reader(stem_of(each.found.path.name), None)
            except RefusedRow:
                return False
        return True

    def _ids(self) -> None:
        tokens = [
            c for c in self._columns.values()
            if c is not self._time and not c.time_unit()
            and c.mostly(partial(_is_token, least=15 if c.has("token", "asset", "id", "clob") else 40))
        ]  # fmt: skip
        for column in list(tokens):
            for key, words in (("up_token", ("up", "yes")), ("down_token", ("down", "no"))):
                if column.has(*words):
                    self._section("market", f"{key} = {self._use(column)}")
                    tokens.remove(column)
        markets = [
            c for c in self._columns.values()
            if c.mostly(lambda v: re.fullmatch(r"0x[0-9a-fA-F]{6,64}", str(v)))
            or (c.has("market", "condition") and c.has("id") and c.name in self._left)
        ]  # fmt: skip
        markets = [c for c in markets if not c.has("hash", "tx", "transaction", "maker", "taker", "user", "wallet")]
        if markets:
            markets.sort(key=lambda c: (not c.has("condition"), not c.has("market"), len(c.name)))
            self._section("market", f"id = {self._use(markets[0])}")
        row_token = [c for c in tokens if c.name in self._left]
        wide = any(c.has("up", "yes") and _side_of(c) for c in self._columns.values())
        sides = [
            c for c in self._columns.values()
            if len(c.values) >= self._first.count * 0.9 and c.mostly(outcome_of) and not c.is_numeric
            and self._is_own_side(c) and (not wide or c.has("source", "updated", "changed"))
        ]  # fmt: skip
        if sides:
            sides.sort(key=lambda c: (not c.has("outcome", "side", "token"), len(c.name)))
            if wide:
                self._top.append(f"updated = {self._use(sides[0])}")
            else:
                self._section("market", f"outcome = {self._use(sides[0])}")
        if row_token and not wide:
            row_token.sort(key=lambda c: (not c.has("token", "asset"), len(c.name)))
            self._section("market", f"token = {self._use(row_token[0])}")
            if not sides:
                self._unknown.append(
                    "which token is Up: market.up_tokens names them, else the one seen first is taken (a guess)"
                )

    def _is_own_side(self, column: ColumnSample) -> bool:
        """Whether the words change within one market: then they tell the row's token, else how the market ended."""
        if self._lists_markets or column.has("winner", "result", "winning", "resolved", "resolution"):
            return False
        keys = self._market_keys()
        by_market: dict[str, set[str]] = {}
        for place, value in zip(column.rows, column.values, strict=True):
            by_market.setdefault(keys[place], set()).add(str(outcome_of(value)))
        if any(len(found) > 1 for found in by_market.values()):
            return True
        return column.has("side", "token") and not column.has("outcome")

    def _market_keys(self) -> list[str]:
        keys = [""] * self._first.count
        for column in self._columns.values():
            if column.has("slug", "market", "question", "condition") and not column.has("end", "start"):
                for place, value in zip(column.rows, column.values, strict=True):
                    keys[place] += f"|{value}"
        return keys

    def _window(self) -> None:
        has_id = any(line.startswith(("id", "token")) for line in self._sections.get("market", []))
        asset = self._asset_column()
        for key, words in (("start", _STARTS), ("end", _ENDS)):
            columns = [
                c for c in self._left.values()
                if c.time_unit() and c.has(*words) and all(t % (300 * 10**9) == 0 for t in c.times())
            ]  # fmt: skip
            if self._lists_markets and key == "start" and self._time is not None:
                columns = [self._time]
            if columns:
                unit = columns[0].time_unit()
                self._section("market", f"{key} = {{ column = {self._use(columns[0])}, unit = {_quoted(unit)} }}")
        horizon = next((c for c in self._columns.values() if c.mostly(horizon_of) and c.has(*_HORIZON_WORDS)), None)
        section = self._sections.get("market", [])
        both_ends = sum(line.startswith(("start", "end")) for line in section) == 2
        if has_id and not both_ends and asset is None:
            self._unknown.append(
                "the market of an id: a list of markets (id and slug) must come with it, as another source"
            )
            return
        if asset is not None:
            self._section("market", f"asset = {self._use(asset)}")
        else:
            named = self._asset_of_names()
            self._section("market", f"asset = {{ value = {_quoted(named or 'BTC')} }}")
            if named is None:
                self._unknown.append("the asset: no column and no file name gives it, BTC is taken (a guess)")
        if horizon is not None:
            self._section("market", f"horizon = {self._use(horizon)}")
        elif not both_ends:
            found = self._horizon_of_names()
            self._section("market", f"horizon = {{ value = {_quoted(found or '15m')} }}")
            if found is None:
                self._unknown.append("the horizon: no column and no file name gives it, 15m is taken (a guess)")

    def _asset_column(self) -> ColumnSample | None:
        words = ("asset", "coin", "symbol", "underlying", "crypto", "ticker", "product", "pair", "currency", "base")
        return next(
            (c for c in self._columns.values() if c.has(*words) and c.mostly(asset_of) and _known_share(c) > 0), None
        )

    def _asset_of_names(self) -> str | None:
        for text in (
            stem_of(self._first.found.path.name),
            *(v for _, v in self._first.found.partitions),
            *self._columns,
        ):
            for word in re.split(r"[^A-Za-z]+", text):
                try:
                    asset = asset_of(word)
                except RefusedRow:
                    continue
                if asset in _KNOWN_ASSETS:
                    return asset
        return None

    def _horizon_of_names(self) -> str | None:
        match = re.search(r"(?<![0-9])(5m|15m|1h|4h|hourly)", self._first.found.path.as_posix().lower())
        return horizon_of(match[1]) if match else None

    # ------------------------------------------------------------- quotes

    def _quotes(self) -> bool:
        """The books' columns; whether there are some."""
        if self._lists_markets:
            return False
        found: dict[tuple[str, str, str], list[ColumnSample]] = {}
        for column in self._left.copy().values():
            side = _side_of(column)
            if side is None or not column.values or column.time_unit() or column.has("spread", "mid", "sum", "drop"):
                continue
            who = "up" if column.has("up", "yes") else "down" if column.has("down", "no") else ""
            what = "size" if column.has(*_SIZE) else "price"
            found.setdefault((who, side, what), []).append(column)
        if not found:
            return False
        own = any(line.startswith(("outcome", "token =")) for line in self._sections.get("market", []))
        for who in ("up", "down", ""):
            section = {"up": "up", "down": "down", "": "quote" if own else "up"}[who]
            if not who and any(name for name, _, _ in found if name):
                continue
            for side in ("bid", "ask"):
                self._side(section, side, found.get((who, side, "price"), []), found.get((who, side, "size"), []))
        if self._sections.get("up") and not self._sections.get("down") and not any(who for who, _, _ in found):
            self._unknown.append("whose quotes these are: Up's are taken, and Down's book is their mirror")
        if not any(what == "size" for _, _, what in found) and not self._has_ladders():
            self._unknown.append("sizes: none were recorded, assumed_size shares (--assumed-size) stand at each price")
        return bool(self._sections.keys() & {"up", "down", "quote"})

    def _has_ladders(self) -> bool:
        return any("levels =" in line for section in self._sections.values() for line in section)

    def _side(self, section: str, side: str, prices: list[ColumnSample], sizes: list[ColumnSample]) -> None:
        lists = [c for c in prices if _is_list(c.values[0])]
        if lists:
            volumes = [c for c in sizes if _is_list(c.values[0])]
            if volumes:
                columns = f"prices = {self._use(lists[0])}, sizes = {self._use(volumes[0])}"
            else:
                columns = f"levels = {self._use(lists[0])}"
            self._section(section, f"{side}s = {{ {columns} }}")
            return
        prices = [c for c in prices if c.is_numeric]
        if not prices:
            return
        numbered = self._numbered(section, side, prices, sizes)
        if numbered:
            return
        prices.sort(key=lambda c: (not c.has("best", "top"), not c.has("price", "px"), len(c.name)))
        scale = "0.01" if prices[0].median() > Decimal("1.5") else ""
        if scale:
            self._unknown.append(f"the unit of {prices[0].name}: cents are taken")
        self._section(section, f"{side} = {self._use_number(prices[0], scale)}")
        volumes = [c for c in sizes if c.is_numeric]
        if volumes:
            volumes.sort(key=lambda c: (not c.has("best", "top"), not c.has("size", "sz", "qty"), len(c.name)))
            self._section(section, f"{side}_size = {self._use_number(volumes[0])}")

    def _numbered(self, section: str, side: str, prices: list[ColumnSample], sizes: list[ColumnSample]) -> bool:
        """Levels in columns with numbers: ``bid_px_1`` and on."""
        patterns = Counter(re.sub(r"\d+", "{n}", c.name, count=1) for c in prices if re.search(r"\d", c.name))
        if not patterns or patterns.most_common(1)[0][1] < 2:
            return False
        pattern, count = patterns.most_common(1)[0]
        matching = [c for c in prices if re.sub(r"\d+", "{n}", c.name, count=1) == pattern]
        first = min(int(re.search(r"\d+", c.name)[0]) for c in matching)  # type: ignore[index]
        columns = [f"prices = {_quoted(pattern)}"]
        volume = Counter(re.sub(r"\d+", "{n}", c.name, count=1) for c in sizes if re.search(r"\d", c.name))
        if volume:
            columns.append(f"sizes = {_quoted(volume.most_common(1)[0][0])}")
        for column in (*matching, *sizes):
            self._left.pop(column.name, None)
        self._section(section, f"{side}s = {{ {', '.join(columns)}, first = {min(first, 1)}, count = {count} }}")
        return True

    # ------------------------------------------------------------- the rest

    def _strike(self) -> None:
        candidates = [
            c for c in self._left.values() if c.is_numeric and c.has(*_STRIKE) and not c.has("diff", "time", "ts")
        ]
        candidates += [
            c for c in self._left.values()
            if c.is_numeric and c.has("open", "start", "opening") and c.has("price", "spot", "btc", "eth")
        ]  # fmt: skip
        if candidates:
            if not candidates[0].has(*_STRIKE):
                self._unknown.append(f"whether {candidates[0].name} is the official strike: it is taken for it")
            self._section("strike", f"price = {self._use_number(candidates[0], self._scale(candidates[0]))}")

    def _spot(self, quoted: bool) -> None:
        if self._lists_markets or (self._time is None and "time" not in self._sections):
            return
        words = ("spot", "underlying", "oracle", "stream", *_EXCHANGES, "index", "btc", "eth", "sol", "xrp", "bitcoin")
        candidates = [
            c for c in self._left.values()
            if c.is_numeric and not c.time_unit() and not c.has(*_NOT_SPOT) and c.median() > 0
            and (c.has(*words) or (c.has("price", "value", "last", "close") and c.median() > Decimal("1.5")))
            and not (c.has("up", "down", "yes", "no") and c.median() <= 1)
        ]  # fmt: skip
        if not candidates:
            if quoted:
                self._unknown.append("spot: no column looks like the underlying's price; it may come from another file")
            return
        candidates.sort(key=lambda c: (not c.has("spot"), not c.has(*words), len(c.name)))
        chosen = candidates[0]
        self._section("spot", f"price = {self._use_number(chosen, self._scale(chosen))}")
        source = next((name for name in _EXCHANGES if chosen.has(name)), "")
        if source:
            self._section("spot", f"source = {_quoted(source)}")
        market = self._sections.get("market", [])
        only_spot = not quoted and "strike" not in self._sections
        if only_spot:
            asset = self._asset_column()
            named = self._asset_of_names()
            value = self._use(asset) if asset is not None else f"{{ value = {_quoted(named or 'BTC')} }}"
            self._section("spot", f"asset = {value}")
            if not any(line.startswith(("slug", "question")) for line in market):
                self._sections.pop("market", None)
                self._unknown = [each for each in self._unknown if not each.startswith(_OF_MARKETS)]

    def _scale(self, column: ColumnSample) -> str:
        """What makes dollars of an oracle's whole numbers, "" where they are dollars."""
        size = column.median()
        scale = "1e-18" if size > Decimal(10) ** 15 else "1e-8" if size > Decimal(10) ** 9 else ""
        if scale:
            self._unknown.append(f"the unit of {column.name}: {scale} dollars is taken")
        return scale

    def _outcome(self) -> None:
        words = ("outcome", "winner", "result", "resolution", "resolved", "winning", "label")
        ups = [c for c in self._left.values() if c.has("payout") and c.has("up", "yes") and c.is_numeric]
        downs = [c for c in self._left.values() if c.has("payout") and c.has("down", "no") and c.is_numeric]
        if ups:
            self._section("outcome", f"payout_up = {self._use(ups[0])}")
            if downs:
                self._section("outcome", f"payout_down = {self._use(downs[0])}")
            return
        found = [
            c for c in self._left.values()
            if c.values and c.has(*words) and not c.time_unit() and not _says_whether(c)
            and (c.mostly(outcome_of) or c.mostly(lambda v: str(v) in ("0", "1", "0.0", "1.0", "0.5") or None))
        ]  # fmt: skip
        if found:
            found.sort(key=lambda c: (c.has("up", "down"), len(c.name)))
            self._section("outcome", f"winner = {self._use(found[0])}")
        elif self._sections.keys() & {"up", "down", "quote"}:
            has_spot = "spot" in self._sections
            self._unknown.append(
                "outcomes: no column gives them; "
                + (
                    "they are derived from spot, and marked so"
                    if has_spot
                    else "with spot they would be derived from it"
                )
            )

    def _trade(self, quoted: bool) -> None:
        if quoted or self._lists_markets or "time" not in self._sections:
            return
        prices = [
            c for c in self._left.values()
            if c.is_numeric and c.has("price", "px") and all(0 <= value <= 1 for value in c.numbers)
        ]  # fmt: skip
        if not prices:
            return
        self._section("trade", f"price = {self._use_number(prices[0])}")
        size = next((c for c in self._left.values() if c.is_numeric and c.has(*_SIZE)), None)
        if size is not None:
            self._section("trade", f"size = {self._use_number(size)}")
        side = next((c for c in self._left.values() if c.mostly(_is_trade_side)), None)
        if side is not None:
            self._section("trade", f"side = {self._use(side)}")
        self._unknown.append("quotes: no column looks like a bid or an ask; the prices are taken for trades")


_HORIZON_WORDS: Final = (
    "horizon", "timeframe", "interval", "duration", "period", "tenor", "window", "minutes", "length", "type",
)  # fmt: skip


def _says_whether(column: ColumnSample) -> bool:
    """Whether a column says that a market is resolved, and not how: yes or no, under a name that is of no side."""
    sides = column.has("outcome", "winner", "winning", "result", "label", "up", "yes", "down", "no")
    return not sides and not column.mostly(lambda value: str(value).strip().lower() in ("up", "down") or None)


def _known_share(column: ColumnSample) -> float:
    return column.share(lambda value: True if asset_of(value) in _KNOWN_ASSETS else None)


def _is_token(value: Any, least: int) -> bool | None:
    return True if re.fullmatch(rf"\d{{{least},80}}", identity(value)) else None


def _is_trade_side(value: Any) -> bool | None:
    return True if str(value).strip().lower() in ("buy", "sell") else None


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple | dict) or (isinstance(value, str) and value.lstrip()[:1] in ("[", "{"))


def _side_of(column: ColumnSample) -> str | None:
    if column.has("bid", "bids", "buy"):
        return "bid"
    return "ask" if column.has("ask", "asks", "offer", "offers", "sell") else None


def _with_trial(lines: Lines, samples: list[TableSample]) -> Lines:
    """The map's lines below a word on what came of the sampled rows."""
    labels = ", ".join(each.found.label for each in samples[:5])
    head = [_comment(f"A first map of {labels}: look through it, then")]
    head += [
        "#   profit import table FILE… --map MAP.toml --archive DIR",
        "# docs/recordings.md explains every key.",
        "#",
    ]
    text = "\n".join(lines)
    try:
        table = parse_map(text, "the map")
    except ImportFailure as wrong:
        return [*head, _comment(f"It does not load yet: {wrong.cause}"), *lines]
    return [*head, *_trial(table, samples), *lines]


def _trial(table: TableMap, samples: list[TableSample]) -> Lines:
    summary = ImportSummary("trial")
    markets = RecordedMarkets(summary)
    used = tried = 0
    for source in sorted(table.source, key=lambda each: each.time is not None):
        for each in samples:
            if source.files != ("*",) and each.found.path.name not in source.files:
                continue
            cells = Cells(source.missing, each.shape.decimal, stem_of(each.found.path.name))
            rows = RowReader(source, cells, markets, Options(), summary)
            for place, row in enumerate(each.rows):
                tried += 1
                try:
                    if source.time is None:
                        rows.market_row(dict(each.found.partitions) | dict(row))
                    else:
                        rows.fact(row, f"{each.found.label}, sample {place + 1}")
                    used += 1
                except RefusedRow as cause:
                    summary.reject(cause.reason, str(cause))
    markets.report_windows()
    lines = [f"# Tried on {tried} rows: {used} can be used."]
    lines += [
        _comment(f"Refused: {reason} {count}, for example {summary.examples[reason]}")
        for reason, count in summary.rejected.items()
    ]
    lines += [
        _comment(f"Finding: {what} {count}, for example {summary.found[what]}")
        for what, count in summary.findings.items()
    ]
    return [*lines, "#"]
