"""The meter of a process: lag, counts and lateness as they are."""

from collections.abc import Mapping

import pytest

from connectors.kafka.meter import BEHIND, LIVE_NS, Meter
from models.message import Message
from models.topics import DECISIONS, JOURNAL, ORDERS

NOW = 1_795_000_000_000_000_000
MS = 1_000_000


class FakeReader:
    def __init__(self, lag: Mapping[str, int]) -> None:
        self.lag = lag


@pytest.fixture
def meter() -> Meter:
    return Meter(lambda: NOW)


def test_lateness_is_from_receipt_to_acknowledgement_in_percentiles(meter: Meter) -> None:
    meter.wrote([Message(DECISIONS, "k", b"", NOW - late * MS) for late in range(100, 0, -1)])
    gauges = meter.gauges()
    assert gauges["receipt_to_decisions_p50_ms"] == 51
    assert gauges["receipt_to_decisions_p99_ms"] == 100
    assert "receipt_to_journal_p50_ms" not in gauges  # nothing of it was ever written


def test_a_second_without_output_has_no_lateness(meter: Meter) -> None:
    meter.wrote([Message(JOURNAL, "k", b"", NOW - MS)])
    assert meter.gauges()["receipt_to_journal_p99_ms"] == 1
    assert meter.gauges()["receipt_to_journal_p99_ms"] is None


@pytest.mark.parametrize("t_ns", [NOW + MS, NOW - LIVE_NS - MS], ids=["a clock that runs ahead", "a replay"])
def test_times_that_are_not_live_have_no_lateness(meter: Meter, t_ns: int) -> None:
    meter.wrote([Message(JOURNAL, "k", b"", t_ns)])
    assert meter.gauges()["receipt_to_journal_p50_ms"] is None
    assert meter.counts() == {"written:journal": 1}


def test_only_the_timed_topics_are_timed_and_all_are_counted(meter: Meter) -> None:
    meter.read("feeds", 3)
    meter.read("feeds", 2)
    meter.wrote([Message(ORDERS, "k", b"", NOW)])
    assert meter.counts() == {"read:feeds": 5, "written:orders": 1}
    assert "receipt_to_orders_p50_ms" not in meter.gauges()


def test_a_process_that_is_far_behind_warns_and_names_the_topic(meter: Meter) -> None:
    meter.watch(FakeReader({"journal": 0, "feed.clock": 3}))
    assert meter.verdict() == ("running", "ok")
    assert meter.gauges()["lag_feed.clock"] == 3
    assert "lag_journal" not in meter.gauges()
    meter.watch(FakeReader({"feed.coinbase": BEHIND + 1}))
    status, reason = meter.verdict()
    assert status == "warning"
    assert "5,001 records of feed.coinbase" in reason
    assert meter.gauges()["lag_records"] == BEHIND + 4
