"""Numbers and books of the simulated exchange in the wire's own digits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from connectors.simulator.ladder import ONE

ODD_SHARE: Final = 0.02  # share of price strings that are not in their shortest form

_TEXT: dict[int, str] = {}
_SIZES: dict[int, str] = {}


def price_text(pips: int) -> str:
    """The shortest decimal form: 0.5, 0.48, 0.485."""
    text = _TEXT.get(pips)
    if text is None:
        text = _TEXT[pips] = f"{pips / ONE:.4f}".rstrip("0").rstrip(".") if pips % ONE else str(pips // ONE)
    return text


def odd_text(pips: int, rng: Random) -> str:
    """Now and then a longer or shorter form, as on the real wire."""
    text = price_text(pips)
    if rng.random() >= ODD_SHARE:
        return text
    return f"{pips / ONE:.3f}" if rng.random() < 0.5 else text.removeprefix("0")


def size_text(hundredths: int) -> str:
    """The shortest decimal form of a size: 213, 120.5, 10924.61."""
    text = _SIZES.get(hundredths)
    if text is None:
        whole, part = divmod(hundredths, 100)
        text = f"{whole}.{part:02d}".rstrip("0") if part else str(whole)
        if len(_SIZES) < 100_000:
            _SIZES[hundredths] = text
    return text


def levels_text(levels: Sequence[tuple[int, int]]) -> str:
    return "[" + ",".join(f'{{"price":"{price_text(p)}","size":"{size_text(s)}"}}' for p, s in levels) + "]"


def book_hash(pieces: dict[str, str]) -> str:
    """SHA1 of the book as one compact JSON object with an empty hash, its keys in the exchange's order."""
    return hashlib.sha1(
        (
            f'{{"market":"{pieces["market"]}","asset_id":"{pieces["asset_id"]}","timestamp":"{pieces["timestamp"]}",'
            f'"hash":"","bids":{pieces["bids"]},"asks":{pieces["asks"]},"min_order_size":"5",'
            f'"tick_size":"{pieces["tick_size"]}","neg_risk":false,"last_trade_price":"{pieces["last_trade_price"]}"}}'
        ).encode(),
        usedforsecurity=False,
    ).hexdigest()


def compact(body: dict[str, Any]) -> bytes:
    """JSON without blanks."""
    return json.dumps(body, separators=(",", ":")).encode()
