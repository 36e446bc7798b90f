"""The map of a table: which column says what. Written in TOML; every key is checked, and named when it is wrong."""

from __future__ import annotations

import difflib
import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from connectors.imports.summary import ImportFailure
from connectors.imports.values import UNITS

#: Column that every table has: the file's name without its suffixes.
FILE_COLUMN: Final = "@file"
ANY_FILE: Final = ("*",)
NUMBERED: Final = "{n}"
_MOST_LEVELS: Final = 1_000
Strings = Annotated[
    tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str | int | float) else given)
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Column(_Section):
    """Where a value stands: ``column`` (several are joined by a blank), or one ``value`` for all rows. ``scale``
    multiplies numbers; ``missing`` are words that mean: not known; ``up`` and ``down`` the words for these outcomes."""

    column: Strings = ()
    value: str | None = None
    scale: Decimal = Field(default=Decimal(1), gt=0)
    missing: Strings = ()
    up: Strings = ()
    down: Strings = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Column:
        if bool(self.column) == (self.value is not None):
            raise ValueError("give `column` or `value`, one of both")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        return self.column


class TimeColumn(Column):
    """A time: ``unit`` s, ms, us, ns, iso, a strptime format, or auto; ``zone`` of text that names none."""

    unit: str = "auto"
    zone: str = "UTC"

    @field_validator("unit")
    @classmethod
    def _known_unit(cls, unit: str) -> str:
        if unit not in (*UNITS, "iso", "auto") and "%" not in unit:
            raise ValueError(f"{unit!r} is none of auto, iso, s, ms, us, ns, and no strptime format")
        return unit

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"{zone!r} is no time zone, for example America/New_York") from None
        return zone


def _spelt_out(given: Any) -> Any:
    return {"column": given} if isinstance(given, str | list | tuple) else given


Where = Annotated[Column, BeforeValidator(_spelt_out)]
When = Annotated[TimeColumn, BeforeValidator(_spelt_out)]


class Time(TimeColumn):
    """When a row was received. ``clock`` exchange: the column holds the exchange's time, and ``delay_ms`` later it is
    taken as received. ``exchange``: the exchange's time in a column of its own."""

    clock: Literal["receive", "exchange"] = "receive"
    delay_ms: float = Field(default=0, ge=0, le=600_000)
    exchange: When | None = None


class MarketColumns(_Section):
    """Which market a row speaks of: by ``slug`` (or a text that holds one), ``question``, ``token``, ``id``; or by
    ``asset`` and window: ``start``, ``end``, ``horizon``, of which the row's own time gives what is missing.
    ``outcome`` or ``token`` say which token the row's quote is of."""

    slug: Where | None = None
    question: Where | None = None
    id: Where | None = None
    asset: Where | None = None
    horizon: Where | None = None
    start: When | None = None
    end: When | None = None
    token: Where | None = None
    outcome: Where | None = None
    up_token: Where | None = None
    down_token: Where | None = None
    up_tokens: Strings = ()
    named_by: Literal["start", "end"] = "start"


class Depth(_Section):
    """Levels of a book side: lists in ``prices`` and ``sizes``, or pairs (or objects) in ``levels``, or numbered
    columns ``bid_px_{n}`` from ``first`` on, ``count`` of them. Any order."""

    prices: str | None = None
    sizes: str | None = None
    levels: str | None = None
    first: int = Field(default=1, ge=0, le=1)
    count: int = Field(default=0, ge=0, le=_MOST_LEVELS)

    @model_validator(mode="after")
    def _whole(self) -> Depth:
        if (self.levels is None) == (self.prices is None):
            raise ValueError("give `levels`, or `prices` and `sizes`")
        numbered = [NUMBERED in name for name in (self.prices, self.sizes) if name]
        if any(numbered) and not (all(numbered) and self.count):
            raise ValueError(f"numbered columns need {NUMBERED} in `prices` and `sizes`, and `count`")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        names = [name for name in (self.prices, self.sizes, self.levels) if name]
        if not self.count:
            return tuple(names)
        numbers = range(self.first, self.first + self.count)
        return tuple(name.replace(NUMBERED, str(n)) for name in names for n in numbers)


class Quote(_Section):
    """A token's best prices or levels. ``empty``: prices that mean an empty side. ``time``: of this side, the
    exchange's."""

    bid: Where | None = None
    ask: Where | None = None
    bid_size: Where | None = None
    ask_size: Where | None = None
    bids: Depth | None = None
    asks: Depth | None = None
    empty: tuple[Decimal, ...] = (Decimal(0), Decimal(1))
    time: When | None = None

    @model_validator(mode="after")
    def _something(self) -> Quote:
        if not (self.bid or self.ask or self.bids or self.asks):
            raise ValueError("names no price: give `bid`, `ask`, `bids` or `asks`")
        if (self.bid and self.bids) or (self.ask and self.asks):
            raise ValueError("gives a side twice: `bid` or `bids`, `ask` or `asks`")
        return self


class TradeColumns(_Section):
    """A trade of the row's token. ``side``: the taker's, BUY or SELL."""

    price: Where
    size: Where | None = None
    side: Where | None = None


class SpotColumns(_Section):
    """The underlying's price. ``asset`` where it is not the market's; ``source`` names the connection; ``time``: the
    exchange's."""

    price: Where
    asset: Where | None = None
    source: str = Field(default="spot", pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    time: When | None = None


class StrikeColumns(_Section):
    """The price to beat. 0 means: not known yet."""

    price: Where


class OutcomeColumns(_Section):
    """How a market ended: ``winner`` (Up, Down, 1, 0, or the winning token), or both payouts. ``derive``: what an
    outcome may be taken from where none was recorded: ``spot`` at the end against the strike, or the last
    ``quotes``."""

    winner: Where | None = None
    payout_up: Where | None = None
    payout_down: Where | None = None
    derive: tuple[Literal["spot", "quotes"], ...] = ("spot",)


class TableSource(_Section):
    """One table: which ``files`` (names, ``*`` allowed), how they are laid out, and what stands where.

    Without ``time`` it is a list of markets. ``updated``: a column that says which token's quote a row is about,
    where it repeats the other's."""

    files: Strings = ANY_FILE
    format: Literal["auto", "csv", "json lines", "jsonl", "json", "parquet"] = "auto"
    encoding: str = "auto"
    delimiter: str = Field(default="auto", pattern=r"^(auto|.|\t)$")
    decimal: Literal["auto", ".", ","] = "auto"
    columns: tuple[str, ...] | None = None
    missing: Strings = ()
    time: Annotated[Time, BeforeValidator(_spelt_out)] | None = None
    market: MarketColumns = MarketColumns()
    up: Quote | None = None
    down: Quote | None = None
    quote: Quote | None = None
    trade: TradeColumns | None = None
    spot: SpotColumns | None = None
    strike: StrikeColumns | None = None
    outcome: OutcomeColumns = OutcomeColumns()
    updated: Where | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> TableSource:
        if self.quote and (self.up or self.down):
            raise ValueError("`quote` is of the row's own token; it does not go with `up` and `down`")
        if (self.quote or self.up or self.down or self.trade or self.spot) and self.time is None:
            raise ValueError("`time` is missing: quotes, trades and spot need one")
        if self.time is not None and not self._says_something():
            raise ValueError("says nothing: give `up`, `down`, `quote`, `trade`, `spot`, `strike` or `outcome`")
        about_markets = self.quote or self.up or self.down or self.trade or self.strike or self.has_outcome
        if about_markets and not self.names_markets:
            raise ValueError("`market` is missing: give `slug`, `question`, `token`, `id`, or `asset` and `horizon`")
        if self.spot and not (self.spot.asset or self.market.asset or self.names_markets):
            raise ValueError('`spot.asset` is missing: which asset is it, for example { value = "BTC" }?')
        return self

    def _says_something(self) -> bool:
        return bool(self.quote or self.up or self.down or self.trade or self.spot or self.strike or self.has_outcome)

    @property
    def has_outcome(self) -> bool:
        return bool(self.outcome.winner or self.outcome.payout_up)

    @property
    def names_markets(self) -> bool:
        market = self.market
        by_window = market.asset and (market.horizon or (market.start and market.end))
        return bool(market.slug or market.question or market.token or market.id or market.up_token or by_window)


class TableMap(_Section):
    """A whole map: its tables, and what holds for all markets."""

    fee_rate: float | None = Field(default=None, ge=0, le=1)
    assumed_size: Decimal | None = Field(default=None, gt=0, le=10**9)
    source: tuple[TableSource, ...] = Field(min_length=1)


_FOR_ALL: Final = ("fee_rate", "assumed_size")
_CURE: Final = "docs/recordings.md lists every key; `profit import table FILE --suggest` prints a first map."


def load_map(path: Path) -> TableMap:
    """The map in a TOML file. Raises ImportFailure that names the key."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as cause:
        raise ImportFailure(f"{path}: {cause.strerror}.", "Name the file of the map.") from None
    except UnicodeDecodeError:
        raise ImportFailure(f"{path}: is not UTF-8.", "Save it as UTF-8.") from None
    return parse_map(text, str(path))


def parse_map(text: str, name: str = "map") -> TableMap:
    """The map in TOML text. Without ``[[source]]`` the whole of it is one table. Raises ImportFailure."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as cause:
        raise ImportFailure(f"{name}: no TOML: {cause}.", "Correct the line.") from None
    one = "source" not in document
    if one:
        whole = {key: value for key, value in document.items() if key in _FOR_ALL}
        document = whole | {"source": [{key: value for key, value in document.items() if key not in _FOR_ALL}]}
    try:
        return TableMap.model_validate(document)
    except ValidationError as wrong:
        errors = [error for error in wrong.errors() if error["type"] != "too_short"] or wrong.errors()
        said = [_said(error, one) for error in errors[:5]]
        raise ImportFailure(f"{name}: {'; '.join(said)}.", _CURE) from None


def _said(error: Any, one: bool) -> str:
    places = [place for place in error["loc"] if not (isinstance(place, str) and "function-" in place)]
    if one and places[:1] == ["source"]:
        places = places[2:]
    key = ""
    for place in places:
        key += f"[{place + 1}]" if isinstance(place, int) else f".{place}" if key else str(place)
    text = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        text = "no such key"
        near = difflib.get_close_matches(str(places[-1]), _keys_at(places[:-1]), 1)
        if near:
            text += f", did you mean {near[0]}?"
    return f"{key or 'the map'}: {re.sub(r'[.]$', '', text)}"


def _keys_at(places: list[Any]) -> list[str]:
    known: dict[str, type[BaseModel]] = {
        "time": Time,
        "market": MarketColumns,
        "up": Quote,
        "down": Quote,
        "quote": Quote,
        "trade": TradeColumns,
        "spot": SpotColumns,
        "strike": StrikeColumns,
        "outcome": OutcomeColumns,
        "bids": Depth,
        "asks": Depth,
    }
    named = [place for place in places if isinstance(place, str) and place != "source"]
    model: type[BaseModel] = known.get(named[-1], TimeColumn) if named else TableSource
    return [*model.model_fields, *(_FOR_ALL if not named else ())]
