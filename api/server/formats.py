"""How the answers write times and money: ISO 8601 in UTC with nanoseconds, and dollars as numbers."""

from __future__ import annotations

from datetime import UTC, datetime

from models.money import DOLLAR, PIP, SHARE
from models.timestamps import SECOND


def iso(ns: int) -> str:
    """``2026-11-30T02:28:13.751667087Z`` of Unix nanoseconds; "" for 0, which stands for never."""
    if ns <= 0:
        return ""
    seconds, rest = divmod(ns, SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def usd(micro: int) -> float:
    """Dollars of micro-dollars."""
    return micro / DOLLAR


def shares(micro: int) -> float:
    """Shares of micro-shares."""
    return micro / SHARE


def price(pips: int) -> float:
    """Dollars a share of pips."""
    return pips / PIP
