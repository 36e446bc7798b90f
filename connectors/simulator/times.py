"""Times as the simulated exchanges print them. The text of the running second is kept, for it is asked for often."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


@lru_cache(maxsize=64)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def nano_time(t_ns: int) -> str:
    """Coinbase's envelope time: up to nine digits, trailing zeros left away as on the wire."""
    second, rest = divmod(t_ns, 1_000_000_000)
    return f"{_second(second)}.{rest:09d}".rstrip("0").rstrip(".") + "Z"


def micro_time(t_ns: int) -> str:
    """A level's event time: six digits."""
    second, rest = divmod(t_ns, 1_000_000_000)
    return f"{_second(second)}.{rest // 1000:06d}Z"


def go_time(t_ns: int) -> str:
    """A heartbeat's ``current_time``."""
    second, rest = divmod(t_ns, 1_000_000_000)
    return f"{_second(second).replace('T', ' ')}.{rest:09d} +0000 UTC"
