"""Times of the wire as Unix nanoseconds."""

from __future__ import annotations

from calendar import timegm
from typing import Final

SECOND: Final = 1_000_000_000
MILLISECOND: Final = 1_000_000

_DAYS: dict[str, int] = {}


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
        if len(day) != 10 or day[4] != "-" or day[7] != "-":
            raise ValueError(f"{text!r} is not a UTC time")
        start = timegm((int(day[:4]), int(day[5:7]), int(day[8:]), 0, 0, 0)) * SECOND
        if len(_DAYS) < 4096:
            _DAYS[day] = start
    if not clock:
        return start
    whole, _, fraction = clock.partition(".")
    parts = whole.split(":")
    if len(parts) != 3:
        raise ValueError(f"{text!r} is not a UTC time")
    hours, minutes, seconds = parts
    nanos = int((fraction + "000000000")[:9]) if fraction else 0
    return start + (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * SECOND + nanos


def parse_epoch_ms(text: str) -> int:
    """Nanoseconds from a string of milliseconds since the epoch. Raises ValueError."""
    return int(text) * MILLISECOND
