"""A view for people, and the units it has: see ``connectors.audit.views``."""

from __future__ import annotations

from typing import NamedTuple


class SqlView(NamedTuple):
    """A view: its name, one sentence of what a row is, and its query."""

    name: str
    meaning: str
    query: str


def usd(column: str) -> str:
    return f"{column} * 0.000001"


shares = usd  # both are counted in millionths


def price(column: str) -> str:
    return f"{column} * 0.0001"


def utc(column: str) -> str:
    return f"make_timestamp({column} // 1000)"
