"""Bounds on what frames can make the line remember: names that nobody asked for must not fill its memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

MOST_STRANGERS: Final = 128  # a market's frames may come before its definition, those of all markets do not
MOST_PRODUCTS: Final = 64


def strangers(tokens: Mapping[str, object], defined: Collection[str]) -> list[str]:
    """Of ``tokens``, by age, those without definition that are too many: the oldest."""
    if len(tokens) - len(defined) <= MOST_STRANGERS:
        return []
    unnamed = [name for name in tokens if name not in defined]
    return unnamed[: max(0, len(unnamed) - MOST_STRANGERS)]
