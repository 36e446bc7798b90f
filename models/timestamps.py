"""Times of the wire as Unix nanoseconds."""

from __future__ import annotations

from calendar import monthrange, timegm
from datetime import UTC, datetime
from typing import Final, Literal

SECOND: Final = 1_000_000_000
MILLISECOND: Final = 1_000_000

_DAYS: dict[str, int] = {}
_FIRST_YEAR, _LAST_YEAR = 1970, 2261  # what 64 bits of nanoseconds hold


_CHARACTERS: Final = {"day": 10, "minute": 16, "second": 19, "millisecond": 23}


def utc(t_ns: int, to: Literal["day", "minute", "second", "millisecond"] = "second") -> str:
    """The Unix time ``t_ns`` (nanoseconds) for people: in UTC, cut to ``to``.

    >>> utc(1_790_000_000_123_456_789)
    '2026-09-21 14:13:20'
    >>> utc(1_790_000_000_123_456_789, "millisecond"), utc(1_790_000_000_123_456_789, "day")
    ('2026-09-21 14:13:20.123', '2026-09-21')
    """
    text = f"{datetime.fromtimestamp(t_ns // SECOND, UTC):%Y-%m-%d %H:%M:%S}.{t_ns // MILLISECOND % 1000:03d}"
    return text[: _CHARACTERS[to]]


def parse_iso(text: str) -> int:
    """Nanoseconds from ``2026-09-26T04:14:54.777523902Z``, any number of fraction digits, blank or T, Z or +00:00.

    Raises ValueError for anything else."""
    body = text.strip()
    for ending in ("Z", "+00:00", "+00"):
        if body.endswith(ending):
            body = body[: -len(ending)]
            break
    day, clock = body[:10], body[11:]
    start = _DAYS.get(day)
    if start is None:
        start = _midnight(day)
        if len(_DAYS) < 4096:
            _DAYS[day] = start
    if not clock and len(body) == 10:
        return start
    if body[10] not in "T ":
        raise ValueError(f"{text!r} is not a UTC time")
    whole, _, fraction = clock.partition(".")
    parts = whole.split(":")
    if len(parts) != 3:
        raise ValueError(f"{text!r} is not a UTC time")
    hours, minutes, seconds = int(parts[0]), int(parts[1]), int(parts[2])
    nanos = int((fraction + "000000000")[:9]) if fraction else 0
    if not (0 <= hours < 24 and 0 <= minutes < 60 and 0 <= seconds < 60 and nanos >= 0):
        raise ValueError(f"{text!r} is not a UTC time")
    return start + (hours * 3600 + minutes * 60 + seconds) * SECOND + nanos


def _midnight(day: str) -> int:
    if len(day) != 10 or day[4] != "-" or day[7] != "-":
        raise ValueError(f"{day!r} is not a date")
    year, month, date = int(day[:4]), int(day[5:7]), int(day[8:])
    if not (_FIRST_YEAR <= year <= _LAST_YEAR and 1 <= month <= 12 and 1 <= date <= monthrange(year, month)[1]):
        raise ValueError(f"{day!r} is not a date we can count from")
    return timegm((year, month, date, 0, 0, 0)) * SECOND


def parse_epoch_ms(text: str) -> int:
    """Nanoseconds from a string of milliseconds since the epoch, at most 13 digits. Raises ValueError."""
    if len(text) > 13 or not (text.isascii() and text.isdecimal()):
        raise ValueError(f"{text[:40]!r} is no time in milliseconds")
    return int(text) * MILLISECOND
