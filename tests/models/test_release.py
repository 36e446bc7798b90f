"""Gates are climbed one by one, and every criterion says what is missing and when it could be met."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.release import GATES, Bars, Criterion, GateEvidence, criteria, step

gates = st.sampled_from(GATES)
WHOLE = GateEvidence(
    hours=1_000, rounds=1_000, clean_hours=1_000, quiet_hours=1_000, sound=True, net=10, preflight=0.5, stated=50.0,
    dry_runs=100,
)  # fmt: skip


@given(gates, gates)
def test_up_goes_one_step_and_down_any_number(old: str, new: str) -> None:
    distance = GATES.index(new) - GATES.index(old)  # type: ignore[arg-type]
    expected = "same" if distance == 0 else "down" if distance < 0 else "up" if distance == 1 else "skips"
    assert step(old, new) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("target", GATES[1:])
def test_all_that_is_asked_for_can_be_met(target: str) -> None:
    wanted = criteria(target, WHOLE, Bars())  # type: ignore[arg-type]
    assert wanted and all(each.met for each in wanted)


@pytest.mark.parametrize("target", GATES[1:])
@pytest.mark.parametrize(
    "lack",
    [{"sound": False}, {"hours": 0.1}, {"clean_hours": 0.1}, {"net": 0.0}, {"rounds": 3}, {"preflight": None},
     {"preflight": 2.0}, {"dry_runs": 3}, {"dry_refused": 1}, {"quiet_hours": 0.1}, {"stated": None}, {"stated": 0.0}],
)  # fmt: skip
def test_no_criterion_of_a_step_can_be_left_out(target: str, lack: dict[str, object]) -> None:
    """Which evidence each step looks at, by the plan: paper needs no preflight, arming no profit of its own."""
    looked_at = {
        "PAPER_CANARY": {"sound", "hours", "clean_hours"},
        "PAPER_FULL": {"sound", "hours", "clean_hours", "quiet_hours", "rounds", "net"},
        "LIVE_DRY_RUN": {"sound", "hours", "clean_hours", "quiet_hours", "rounds", "net", "preflight"},
        "LIVE_ARMED": {"sound", "hours", "clean_hours", "preflight", "stated", "dry_runs", "dry_refused"},
    }
    import msgspec

    (name,) = lack
    seen = msgspec.structs.replace(WHOLE, **lack)
    missing = [each for each in criteria(target, seen, Bars()) if not each.met]  # type: ignore[arg-type]
    assert bool(missing) == (name in looked_at[target])
    assert all(each.text() for each in missing)


def test_a_criterion_says_when_or_that_it_cannot() -> None:
    assert Criterion("rounds", 10, 50, per_hour=8).hours == 5
    assert Criterion("rounds", 10, 50).hours is None
    assert "not at the rate so far" in Criterion("net", -3, 1, per_hour=-0.5).text()
    assert Criterion("preflight", 0, 1, most=True, unknown=True).met is False
    assert "not measured" in Criterion("preflight", 0, 1, most=True, unknown=True).text()
