"""Single values of foreign recordings: numbers, times, ids, assets, horizons, outcomes. Raises RefusedRow."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import UTC, datetime, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Final, Literal

from connectors.imports.summary import RefusedRow
from connectors.polymarket.windows import NAMES

Outcome = Literal["up", "down"]

_EARLIEST_NS: Final = int(datetime(2019, 1, 1, tzinfo=UTC).timestamp()) * 10**9
_LATEST_NS: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 10**9
UNITS: Final = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
#: A float as text has up to 17 significant digits, of which 15 are sure.
_SURE_DIGITS: Final = 15
_SHORT_DIGITS: Final = 12
_BLANKS: Final = " \u00a0\u202f\u2009'’"
_GROUPED = {
    ".": re.compile(rf"[+-]?\d{{1,3}}(?:(,\d{{3}})+|([{_BLANKS}]\d{{3}})+)(\.\d*)?", re.ASCII),
    ",": re.compile(rf"[+-]?\d{{1,3}}(?:(\.\d{{3}})+|([{_BLANKS}]\d{{3}})+)(,\d*)?", re.ASCII),
}
_UNGROUP: Final = {mark: str.maketrans("", "", _BLANKS + other) for mark, other in ((".", ","), (",", "."))}
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_ISO = re.compile(
    r"(\d{4})([-/]?)(\d\d)\2(\d\d)[T ](\d\d)(:?)(\d\d)(?:\6(\d\d)(?:[.,](\d{1,18}))?)?"
    r"\s*(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_WHOLE = re.compile(r"[+-]?(\d+)\.0*", re.ASCII)
_TICKER = re.compile(r"[A-Z]{2,10}", re.ASCII)
_BY_NAME: Final = {name.upper(): asset for asset, name in NAMES.items()}
_HORIZONS: Final = {
    "5m": ("5", "5m", "5min", "5mins", "5minute", "5minutes", "300", "300s", "m5", "pt5m"),
    "15m": ("15", "15m", "15min", "15mins", "15minute", "15minutes", "900", "900s", "m15", "pt15m"),
    "1h": ("60", "1h", "1hr", "1hour", "60m", "60min", "hour", "hourly", "3600", "3600s", "h1", "pt1h"),
    "4h": ("240", "4h", "4hr", "4hour", "4hours", "240m", "240min", "14400", "14400s", "h4", "pt4h"),
}
_HORIZON_OF: Final = {word: horizon for horizon, words in _HORIZONS.items() for word in words}
_UP: Final = frozenset({"up", "yes", "y", "true", "higher", "above", "u"})
_DOWN: Final = frozenset({"down", "no", "n", "false", "lower", "below", "d"})


def number(value: object, decimal: str = ".") -> Decimal:
    """A finite decimal, exactly as written (floats by their shortest digits). Raises RefusedRow."""
    if isinstance(value, bool):
        raise RefusedRow("not_a_number", value)
    if isinstance(value, int):
        return Decimal(value)
    text = repr(value) if isinstance(value, float) else str(value).strip().removeprefix("$")
    if not isinstance(value, float):
        grouped = _GROUPED[decimal].fullmatch(text)
        if grouped is not None:
            text = text.translate(_UNGROUP[decimal])
        if decimal == ",":
            text = text.replace(",", ".")
    if _NUMBER.fullmatch(text) is None:
        raise RefusedRow("not_a_number", value)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise RefusedRow("not_a_number", value) from None


def tidy(value: Decimal) -> Decimal:
    """``value`` without the last digits that come from binary floats: 0.30000000000000004 is 0.3."""
    if len(value.as_tuple().digits) <= _SURE_DIGITS:
        return value
    exponent = value.adjusted() - _SURE_DIGITS + 1
    rounded = (value.scaleb(-exponent).to_integral_value()).scaleb(exponent).normalize()
    return rounded if len(rounded.as_tuple().digits) <= _SHORT_DIGITS else value


def unix_ns(value: object, unit: int) -> int:
    """Unix nanoseconds of a number of ``unit`` nanoseconds, exactly. Raises RefusedRow."""
    return plausible(int(number(value) * unit))


def utc_ns(text: object) -> int:
    """Unix nanoseconds of an ISO time, UTC where it names no zone. Raises RefusedRow."""
    return _iso_ns(str(text), UTC)


def moment(value: object, unit: str = "auto", zone: tzinfo = UTC, decimal: str = ".") -> int:
    """Unix nanoseconds of a time: a number of ``unit`` (s, ms, us, ns; inferred from its size for "auto"), ISO text, or
    text in the strptime format ``unit``. ``zone`` is that of text which names none. Raises RefusedRow."""
    if "%" in unit:
        return _formatted_ns(value, unit, zone)
    if unit != "iso" and not (isinstance(value, str) and _is_text(value)):
        try:
            exact = number(value, decimal)
        except RefusedRow:
            raise RefusedRow("bad_time", value) from None
        return plausible(int(exact * (UNITS[unit] if unit in UNITS else _unit_of(exact))))
    return _iso_ns(str(value), zone)


def _is_text(value: str) -> bool:
    return "-" in value[1:] or "/" in value or ":" in value or _ISO.fullmatch(value.strip()) is not None


def _unit_of(value: Decimal) -> int:
    size = abs(value)
    for bound, unit in ((10**11, "s"), (10**14, "ms"), (10**17, "us")):
        if size < bound:
            return UNITS[unit]
    return 1


def _iso_ns(text: str, zone: tzinfo) -> int:
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise RefusedRow("bad_time", text)
    year, month, day, hour, minute = (int(match[group]) for group in (1, 3, 4, 5, 7))
    second = int(match[8] or 0)
    nanos = int(f"{match[9] or ''}000000000"[:9])
    try:
        there = datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise RefusedRow("bad_time", text) from None
    ending = (match[10] or "").upper()
    if ending:
        return plausible((timegm(there.timetuple()) - _offset_s(ending)) * 10**9 + nanos)
    return plausible(_zoned_s(there, zone, text) * 10**9 + nanos)


def _offset_s(ending: str) -> int:
    if ending in ("Z", "UTC", "GMT"):
        return 0
    digits = ending[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return -seconds if ending[0] == "-" else seconds


def _zoned_s(there: datetime, zone: tzinfo, text: object) -> int:
    if zone is UTC:
        return timegm(there.timetuple())
    first, second = (there.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first != second:  # twice or never, on a day when clocks are changed
        raise RefusedRow("ambiguous_local_time", text)
    return int(there.replace(tzinfo=zone).timestamp())


def _formatted_ns(value: object, form: str, zone: tzinfo) -> int:
    try:
        there = datetime.strptime(str(value).strip(), form)
    except ValueError:
        raise RefusedRow("bad_time", value) from None
    nanos = there.microsecond * 1000
    there = there.replace(microsecond=0)
    seconds = int(there.timestamp()) if there.tzinfo else _zoned_s(there, zone, value)
    return plausible(seconds * 10**9 + nanos)


def plausible(t_ns: int) -> int:
    """``t_ns`` if it lies within 2019 to 2099. Raises RefusedRow."""
    if not _EARLIEST_NS <= t_ns < _LATEST_NS:
        raise RefusedRow("bad_time", t_ns)
    return t_ns


def identity(value: object) -> str:
    """An id as text, whole numbers without fraction, "" for none. Raises RefusedRow for one whose digits are lost."""
    if value is None:
        return ""
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= 2**53:
            raise RefusedRow("not_an_id", value)
        return str(int(value))
    text = str(value).strip()
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text


def asset_of(value: object) -> str:
    """The asset's ticker, from BTC, btc, bitcoin, BTCUSDT, BTC-USD. Raises RefusedRow."""
    text = str(value).strip().upper()
    text = re.split(r"[-/_: ]", text)[0]
    for quote in ("USDT", "USDC", "USD"):
        if text != quote and text.endswith(quote):
            text = text.removesuffix(quote)
            break
    text = _BY_NAME.get(text, text)
    if _TICKER.fullmatch(text) is None:
        raise RefusedRow("unknown_asset", value)
    return text


def horizon_of(value: object) -> str:
    """The horizon, from 15m, 15min, 15, 900. Raises RefusedRow."""
    found = _HORIZON_OF.get(identity(value).lower().replace(" ", "").replace("-", "").replace("_", ""))
    if found is None:
        raise RefusedRow("unknown_horizon", value)
    return found


def outcome_of(value: object, ups: frozenset[str] = frozenset(), downs: frozenset[str] = frozenset()) -> Outcome | None:
    """Which token words speak of; None for words that say neither. ``ups`` and ``downs`` are the recording's own."""
    word = identity(value).lower()
    if word in ups:
        return "up"
    if word in downs:
        return "down"
    if ups or downs:
        return None
    return "up" if word in _UP else "down" if word in _DOWN else None
