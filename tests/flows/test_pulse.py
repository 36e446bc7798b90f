"""The pulse of a flow: what its rows say after any counting."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from flows.pulse import FlowPulse
from models.contracts import Telemetry
from models.reasons import Reason, Verdict
from models.telemetry import Totals
from models.timestamps import SECOND

counting = st.tuples(
    st.sampled_from(("a", "b")),
    st.sampled_from(list(Verdict)),
    st.sampled_from((Reason.OK, Reason.STALE_FEED, Reason.COOLDOWN)),
    st.integers(1, 3),
)


seconds_of_counting = st.lists(st.lists(counting, max_size=6), min_size=1, max_size=6)


@given(seconds_of_counting, st.integers(0, 5))
def test_records_add_up_to_all_that_was_counted(seconds: list[list[tuple[str, str, str, int]]], joined: int) -> None:
    """For who heard everything, and for who came late and heard one that states all."""
    pulse = FlowPulse("test", ("a", "b"), "chief", SECOND)
    counted: dict[str, Counter[str]] = {"a": Counter(), "b": Counter(), "chief": Counter()}
    last = {"a": "", "b": "", "chief": ""}
    early, late = Totals(), Totals()
    for second, items in enumerate(seconds, 1):
        for module, verdict, reason, by in items:
            pulse.count(module, verdict, reason, by)
            counted[module][f"{verdict}:{reason}"] += by
            last[module] = reason
        message = pulse.beat(second * SECOND, {}, whole=second == len(seconds))
        record = Telemetry.read(message.value)
        assert set(record.named()) == set(counted)
        assert (message.key, message.ordinal, record.timestamp) == ("test", second - 1, second * SECOND)
        early.take(record)
        if second > joined:
            late.take(record)
        for module in counted:
            assert early.modules[module].counts == counted[module]
            assert early.modules[module].last_reason == last[module]
            assert early.modules[module].heartbeat == second * SECOND
    if joined < len(seconds):
        assert {name: (each.counts, each.whole) for name, each in late.modules.items()} == {
            name: (dict(counts), True) for name, counts in counted.items()
        }


@given(seconds_of_counting)
def test_what_did_not_change_is_named_and_not_reported_again(seconds: list[list[tuple[str, str, str, int]]]) -> None:
    pulse = FlowPulse("test", ("a", "b"), "chief", SECOND)
    pulse.beat(0, {"n": 1})
    for second, items in enumerate(seconds, 1):
        for module, verdict, reason, by in items:
            pulse.count(module, verdict, reason, by)
        record = Telemetry.read(pulse.beat(second * SECOND, {"n": 1}).value)
        assert {each.module for each in record.modules} == {module for module, *_ in items}
        assert {*record.resting} == {"a", "b", "chief"} - {module for module, *_ in items}
        assert not record.standing


def test_it_is_due_once_an_interval_of_event_time() -> None:
    pulse = FlowPulse("test", ("a",), "chief", 60 * SECOND)
    due = []
    for second in range(1, 200):
        if pulse.is_due(second * SECOND):
            due.append(second)
            pulse.beat(second * SECOND, {})
    assert due == [60, 120, 180]
