"""The markets that texts name: slugs, addresses that hold one, questions. The window is that nearest to the row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from connectors.imports.summary import RefusedRow
from connectors.polymarket.windows import NAMES, NEW_YORK, slug
from models.settlement import window_of

LENGTHS: Final = {"5m": 300, "15m": 900, "1h": 3_600, "4h": 14_400}
_HORIZONS: Final = {seconds: horizon for horizon, seconds in LENGTHS.items()}
_ASSETS: Final = {name: asset for asset, name in NAMES.items()}
_MONTHS: Final = {
    month: number
    for number, month in enumerate(
        "january february march april may june july august september october november december".split(),  # noqa: SIM905
        1,
    )
}
_ROLLING = re.compile(r"[a-z]+-updown-(?:5m|15m|4h)-[1-9]\d{8,9}(?!\d)", re.ASCII)
_HOURLY = re.compile(r"([a-z]+)-up-or-down-([a-z]+)-(\d{1,2})-(?:(\d{4})-)?(\d{1,2})(am|pm)-et", re.ASCII)
_QUESTION = re.compile(
    r"(\w+) Up or Down\s*[-–—]\s*(\w+) (\d{1,2}),? (?:(\d{4}),? )?(\d{1,2})(?::(\d\d))?\s*(AM|PM)?"
    r"(?:\s*[-–—]\s*(\d{1,2})(?::(\d\d))?\s*(AM|PM))? ET",
    re.ASCII | re.IGNORECASE,
)


class Named(NamedTuple):
    """A market's window. Times in Unix ns; ``fixed``: the text alone tells it, whatever the row's time."""

    slug: str
    asset: str
    horizon: str
    start_ns: int
    end_ns: int
    fixed: bool = True

    @property
    def length_ns(self) -> int:
        return self.end_ns - self.start_ns


def made(asset: str, horizon: str, start_ns: int) -> Named:
    """The market of an asset, a horizon and a start. Raises RefusedRow where no such market can be named."""
    start = start_ns // 10**9
    if start_ns % 10**9 or start % 300:
        raise RefusedRow("bad_window", f"{horizon} from {datetime.fromtimestamp(start_ns / 1e9, UTC)}")
    if horizon == "1h" and asset not in NAMES:
        raise RefusedRow("unknown_asset", asset)
    return Named(slug(asset, horizon, start), asset, horizon, start_ns, start_ns + LENGTHS[horizon] * 10**9)


def of_length(length_ns: int) -> str:
    """The horizon of a window's length. Raises RefusedRow."""
    horizon = _HORIZONS.get(length_ns // 10**9)
    if horizon is None or length_ns % 10**9:
        raise RefusedRow("bad_window", f"{length_ns / 1e9:g} s")
    return horizon


def by_slug(text: str, t_ns: int | None) -> Named:
    """The market whose slug stands in ``text``, alone or in an address or a file's name. Raises RefusedRow."""
    lower = text.strip().lower()
    match = _ROLLING.search(lower)
    if match is not None:
        window = window_of(match[0])
        if window is None:
            raise RefusedRow("unknown_market_slug", text)
        return Named(match[0], window.asset, window.horizon, window.start_ns, window.end_ns)
    match = _HOURLY.search(lower)
    if match is None:
        raise RefusedRow("unknown_market_slug", text)
    name, month, day, year, hour, half = match.groups()
    if name not in _ASSETS or month not in _MONTHS or (year is None and t_ns is None):
        raise RefusedRow("unknown_market_slug", text)
    clock = int(hour) % 12 + (12 if half == "pm" else 0)
    starts = _starts(_MONTHS[month], int(day), clock, 0, int(year) if year else None, t_ns)
    return _nearest(_ASSETS[name], "1h", starts, t_ns, "unknown_market_slug", text)


def by_question(text: str, t_ns: int | None) -> Named:
    """The market of "Bitcoin Up or Down - July 21, 5PM ET" or "… 3:15AM-3:30AM ET". Raises RefusedRow."""
    match = _QUESTION.fullmatch(text.strip())
    if match is None or match[1].lower() not in _ASSETS or match[2].lower() not in _MONTHS:
        raise RefusedRow("unknown_market_name", text)
    name, month, day, year, hour, minute, half, until, until_minute, until_half = match.groups()
    half = half or until_half
    if half is None or (year is None and t_ns is None):
        raise RefusedRow("unknown_market_name", text)
    begin = _minutes(hour, minute, half)
    horizon = "1h"
    if until is not None:
        length = (_minutes(until, until_minute, until_half) - begin) % 1_440
        horizon = of_length(length * 60 * 10**9)
    starts = _starts(_MONTHS[month.lower()], int(day), begin // 60, begin % 60, int(year) if year else None, t_ns)
    return _nearest(_ASSETS[name.lower()], horizon, starts, t_ns, "unknown_market_name", text)


def _minutes(hour: str, minute: str | None, half: str) -> int:
    return (int(hour) % 12 + (12 if half.upper() == "PM" else 0)) * 60 + int(minute or 0)


def _starts(month: int, day: int, hour: int, minute: int, year: int | None, t_ns: int | None) -> Iterator[int]:
    """Where such a New York time can stand, Unix ns: in the years around the row's time, and in the hour that is there
    twice when clocks are set back."""
    if year is None:
        here = datetime.fromtimestamp((t_ns or 0) // 10**9, UTC).astimezone(NEW_YORK).year
        years = range(here - 1, here + 2)
    else:
        years = range(year, year + 1)
    for each in years:
        for fold in (0, 1):
            try:
                local = datetime(each, month, day, hour, minute, tzinfo=NEW_YORK, fold=fold)
            except ValueError:
                continue
            yield int(local.timestamp()) * 10**9


def _nearest(asset: str, horizon: str, starts: Iterator[int], t_ns: int | None, reason: str, text: str) -> Named:
    length = LENGTHS[horizon] * 10**9
    found = sorted(set(starts))
    if not found:
        raise RefusedRow(reason, text)
    if t_ns is None:
        start = found[0]
    else:
        t = t_ns
        start = min(found, key=lambda each: max(each - t, t - (each + length - 1), 0))
    return made(asset, horizon, start)._replace(fixed=len(found) == 1)
