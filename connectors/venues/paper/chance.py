"""Chance that is the same in every run: drawn from a stable hash of a seed and what it is drawn for."""

from __future__ import annotations

import hashlib
from typing import Final

_MILLION: Final = 1_000_000


def draw(seed: int, subject: str, most: int) -> int:
    """A whole number from 0 to ``most``, both included, uniform over subjects."""
    digest = hashlib.blake2b(f"{seed}/{subject}".encode(), digest_size=16).digest()
    return int.from_bytes(digest, "big") % (most + 1)


def happens(seed: int, subject: str, millionths: int) -> bool:
    """Whether an event of that probability comes true for ``subject``."""
    return draw(seed, subject, _MILLION - 1) < millionths
