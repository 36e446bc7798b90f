"""A bound on tokens without a definition: frames about markets that nobody asked for must not fill the memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

MOST_UNKNOWN_TOKENS: Final = 128  # a market's frames may come before its definition, those of all markets do not


def unknown_tokens(tokens: Mapping[str, object], defined: Collection[str]) -> list[str]:
    """Of ``tokens``, by age, those without definition that are too many: the oldest."""
    if len(tokens) - len(defined) <= MOST_UNKNOWN_TOKENS:
        return []
    unknown = [name for name in tokens if name not in defined]
    return unknown[: max(0, len(unknown) - MOST_UNKNOWN_TOKENS)]
