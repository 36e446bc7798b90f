"""Gauges in words."""

from __future__ import annotations

import pytest

from api.server.telling import duration, tell
from models.contracts import Number
from models.timestamps import SECOND
from tests.api.server.records import T0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h"),
        (7_500, "2 h 5 min"),
        (86_400, "1 d"),
        (97_200, "1 d 3 h"),
    ],
)
def test_a_duration_has_at_most_two_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_feed_tells_since_when_and_how_late() -> None:
    gauges: dict[str, Number] = {
        "state": "stale",
        "since": T0 - 185 * SECOND,
        "why": "stale_feed",
        "transitions": 7,
        "lag_frames": 240,
        "lag_p50_ms": 12.34,
        "lag_p90_ms": 20.0,
        "lag_p99_ms": 140.2,
    }
    assert tell(T0, gauges) == "for 3 min; lag p50 12.3 ms, p99 140 ms"


def test_a_flow_tells_its_lag_and_what_has_no_value_is_left_out() -> None:
    gauges: dict[str, Number] = {
        "lag_records": 12_345,
        "receipt_to_decisions_p50_ms": 8.2,
        "receipt_to_decisions_p99_ms": 31.0,
        "receipt_to_orders_p50_ms": None,
        "receipt_to_orders_p99_ms": None,
    }
    assert tell(T0, gauges) == "lag records 12,345; receipt to decisions p50 8.2 ms, p99 31 ms"


def test_a_process_tells_its_memory() -> None:
    gauges: dict[str, Number] = {"pid": 4711, "last_exit": None, "memory_mib": 132.4, "threads": 9, "files": 40}
    assert tell(T0, gauges) == "memory 132 MiB; threads 9; files 40"


def test_a_feed_that_never_was_anything_tells_no_time() -> None:
    assert tell(T0, {"state": "connecting", "since": 0, "why": "no_snapshot"}) == ""


def test_a_median_without_its_tail_stands_alone() -> None:
    assert tell(T0, {"lag_p50_ms": 3, "lag_p99_ms": None}) == "lag p50 3 ms"


@pytest.mark.parametrize(
    ("gauges", "text"),
    [
        ({"data_age_ms": 999}, "data age 999 ms"),
        ({"data_age_ms": 1_653}, "data age 1.65 s"),
        ({"data_age_ms": 104_535}, "data age 1 min"),
        ({"oldest_s": 0.34}, "oldest 0.34 s"),
        ({"memory_bytes": 58_834_944, "memory_budget_bytes": 2 << 30}, "memory 56.1 MiB; memory budget 2,048 MiB"),
        ({"supported": True, "mode_ms": "unknown"}, "supported True; mode ms unknown"),
    ],
)
def test_units_suit_the_size(gauges: dict[str, Number], text: str) -> None:
    assert tell(T0, gauges) == text


def test_what_goes_wrong_on_purpose_comes_first() -> None:
    assert tell(T0, {"speed": 1.0, "faults_running": 2, "pid_market": 7}) == "faults running 2; speed 1"
