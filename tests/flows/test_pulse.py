"""The pulse of a flow: what its rows say after any counting."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from flows.pulse import FlowPulse
from models.contracts import Telemetry
from models.reasons import Reason, Verdict
from models.timestamps import SECOND

counting = st.tuples(
    st.sampled_from(("a", "b")),
    st.sampled_from(list(Verdict)),
    st.sampled_from((Reason.OK, Reason.STALE_FEED, Reason.COOLDOWN)),
    st.integers(1, 3),
)


@given(st.lists(st.lists(counting, max_size=6), min_size=1, max_size=6))
def test_rows_tell_all_counts_so_far_sorted_and_the_last_reason(seconds: list[list[tuple[str, str, str, int]]]) -> None:
    pulse = FlowPulse("test", ("a", "b"), "chief")
    counted: dict[str, Counter[str]] = {"a": Counter(), "b": Counter()}
    last = {"a": "", "b": ""}
    for second, items in enumerate(seconds, 1):
        for module, verdict, reason, by in items:
            pulse.count(module, verdict, reason, by)
            counted[module][f"{verdict}:{reason}"] += by
            last[module] = reason
        beat = pulse.beat(second * SECOND, {})
        rows = {message.key: Telemetry.read(message.value) for message in beat}
        assert "chief" in rows
        assert {module for module, *_ in items} <= set(rows)
        for module in rows.keys() & counted:
            assert rows[module].counts == counted[module]
            assert list(rows[module].counts) == sorted(counted[module])
            assert rows[module].last_reason == last[module]
