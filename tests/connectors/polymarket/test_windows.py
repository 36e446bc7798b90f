from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.polymarket.windows import SECONDS, around, slug


def unix(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("asset", "horizon", "start", "expected"),
    [
        ("BTC", "5m", 1790994600, "btc-updown-5m-1790994600"),
        ("ETH", "15m", 1790994600, "eth-updown-15m-1790994600"),
        ("BTC", "1h", unix("2026-10-02T05:00"), "bitcoin-up-or-down-october-2-2026-1am-et"),
        ("BTC", "1h", unix("2026-10-02T04:00"), "bitcoin-up-or-down-october-2-2026-12am-et"),
        ("SOL", "1h", unix("2026-10-02T16:00"), "solana-up-or-down-october-2-2026-12pm-et"),
        ("ETH", "1h", unix("2026-01-01T04:00"), "ethereum-up-or-down-december-31-2025-11pm-et"),
        # daylight saving ends at 06:00 UTC on 2026-11-01
        ("BTC", "1h", unix("2026-11-01T05:00"), "bitcoin-up-or-down-november-1-2026-1am-et"),
        ("BTC", "1h", unix("2026-11-01T07:00"), "bitcoin-up-or-down-november-1-2026-2am-et"),
        ("BTC", "1h", unix("2026-11-22T08:00"), "bitcoin-up-or-down-november-22-2026-3am-et"),
    ],
)
def test_slug(asset: str, horizon: str, start: int, expected: str) -> None:
    assert slug(asset, horizon, start) == expected


@given(st.sampled_from(sorted(SECONDS)), st.floats(1.7e9, 2e9))
def test_windows_tile_time(horizon: str, now: float) -> None:
    current, following = around("BTC", horizon, now)
    assert current.start <= now < current.end == following.start
    assert current.end - current.start == following.end - following.start == SECONDS[horizon]
    assert current.start % SECONDS[horizon] == 0


@given(st.sampled_from(sorted(SECONDS)), st.integers(1_700_000_000, 2_000_000_000))
def test_a_window_and_the_next_one_never_share_a_key(horizon: str, now: int) -> None:
    current, following = around("BTC", horizon, now)
    assert current.key != following.key


def test_the_hour_that_comes_twice_is_two_keys_of_one_slug() -> None:
    first, second = around("BTC", "1h", unix("2026-11-01T05:30"))
    assert first.slug == second.slug and first.key == first.slug != second.key
