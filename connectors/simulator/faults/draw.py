"""Timelines drawn by lot, for tests and long runs. Pure: a seed and a duration give the same timeline."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from connectors.simulator.faults.timeline import KINDS, AnyFault, OnceOfVenue, Timeline, VenueFault, make_fault

VENUES: Final = ("polymarket", "coinbase")
SINGLE: Final = (
    "oversized",
    "sequence_gap",
    "unknown_frame",
    "disconnect",
    "slow_consumer",
    "tick_change",
    "control_text",
    "foreign_message",
    "no_first_book",
)
OF_ONE_VENUE: Final = ("as_strings", "odd_neighbour")  # strokes too
OF_BOOKS: Final = (
    "token_frozen",
    "crossed_book",
    "locked_book",
    "one_sided_book",
    "off_tick",
    "parity_torn",
    "wrong_hash",
)
STROKES: Final = (
    "lost",
    "duplicated",
    "reordered",
    "delayed",
    "malformed",
    "truncated",
    "as_numbers",
    "empty_string",
    "missing_field",
)


def random_timeline(
    seed: int,
    duration_s: float,
    kinds: Sequence[str] = tuple(sorted(KINDS)),
    most: int = 8,
    begin_s: float = 5.0,
) -> Timeline:
    """One to ``most`` faults of these kinds, within [``begin_s``, ``duration_s``]. Raises ValueError for a kind that is
    none, and for a time that leaves no room."""
    unknown = sorted(set(kinds) - KINDS.keys())
    if unknown or not kinds:
        raise ValueError(f"no such kinds: {', '.join(unknown)}" if unknown else "no kinds to choose from")
    if not begin_s < duration_s:
        raise ValueError(f"nothing fits between {begin_s:g} s and {duration_s:g} s")
    rng = Random(f"timeline/{seed}")
    faults = [_draw(rng, rng.choice(list(kinds)), begin_s, duration_s) for _ in range(rng.randint(1, most))]
    return Timeline(seed=seed, fault=tuple(sorted(faults, key=lambda fault: fault.at_s)))


def _draw(rng: Random, kind: str, begin_s: float, duration_s: float) -> AnyFault:
    at = round(rng.uniform(begin_s, duration_s), 3)
    keys: dict[str, Any] = {"kind": kind, "at_s": at}
    if kind in STROKES or KINDS[kind] in (VenueFault, OnceOfVenue) or kind in ("clock_skew", "oversized"):
        keys["venue"] = rng.choice(VENUES)
    if kind in STROKES or kind in OF_ONE_VENUE:
        if rng.random() < 0.5:
            keys["count"] = rng.randint(1, 6)
        else:
            keys |= {"for_s": _length(rng), "probability": round(rng.choice((0.02, 0.1, 0.5, 1.0)), 3)}
    elif kind not in SINGLE:
        keys["for_s"] = _length(rng)
    if kind in OF_BOOKS or (kind in STROKES and keys["venue"] == "polymarket" and rng.random() < 0.3):
        keys["outcome"] = rng.choice(("up", "down"))
    return make_fault(**keys, **_particulars(rng, kind, keys))


def _length(rng: Random) -> float:
    """Seconds: mostly short, now and then longer than any watchdog waits."""
    return round(rng.choice((rng.uniform(0.1, 2.0), rng.uniform(2.0, 10.0), rng.uniform(10.0, 30.0))), 3)


def _particulars(rng: Random, kind: str, keys: dict[str, Any]) -> dict[str, Any]:
    if kind == "delayed":
        return {"delay_s": round(rng.choice((rng.uniform(0.05, 1.0), rng.uniform(1.0, 8.0))), 3)}
    if kind == "sequence_gap":
        return {"skip": rng.choice((1, 2, 1000))}
    if kind == "clock_skew":
        return {"skew_s": round(rng.choice((-1, 1)) * rng.choice((rng.uniform(0.05, 1.5), rng.uniform(3.0, 60.0))), 3)}
    if kind in ("crossed_book", "parity_torn"):
        return {"by": rng.choice((0.01, 0.05, 0.2))}
    if kind == "one_sided_book":
        return {"side": rng.choice(("bids", "asks"))}
    if kind == "http_status":
        return {
            "host": rng.choice(("gamma", "clob")),
            "status": rng.choice((425, 429, 503)),
            "retry_after_s": rng.choice((0.5, 2.0)),
        }
    if kind == "tick_change":
        return {"announced": rng.random() < 0.7}
    if kind == "missing_field" and rng.random() < 0.5:
        names = ("asset_id", "timestamp", "side", "size", "event_type", "hash", "bids", "best_bid")
        return {"field": rng.choice(names if keys["venue"] == "polymarket" else ("timestamp", "sequence_num", "side"))}
    if kind.startswith("resolves_"):
        return {"by_s": round(rng.uniform(1.0, 120.0), 3)}
    return {}
