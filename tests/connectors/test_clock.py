"""The recorder's clock goes on, whatever is done to the computer's."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from connectors.clock import NS, SystemClock


class Computer:
    """``wall`` can be set; ``steady`` only runs."""

    def __init__(self) -> None:
        self.wall = 1_795_000_000 * NS
        self.steady = 5 * NS

    def clock(self) -> SystemClock:
        return SystemClock(lambda: self.wall, lambda: self.steady)

    def pass_by(self, ns: int) -> None:
        self.wall += ns
        self.steady += ns


def test_it_is_the_computers_time_while_that_runs() -> None:
    computer = Computer()
    clock = computer.clock()
    for _ in range(5):
        computer.pass_by(NS // 3)
        assert clock.now_ns() == computer.wall
    computer.wall += 3600 * NS  # set forward, or awake again
    assert clock.now_ns() == computer.wall


def test_set_back_it_goes_on_at_half_the_pace_until_both_meet() -> None:
    computer = Computer()
    clock = computer.clock()
    before = clock.now_ns()
    computer.wall -= 10 * NS
    for second in range(1, 20):
        computer.pass_by(NS)
        assert clock.now_ns() == before + second * NS // 2
    computer.pass_by(5 * NS)
    assert clock.now_ns() == computer.wall


@given(steps=st.lists(st.tuples(st.integers(0, 10 * NS), st.integers(-3600 * NS, 3600 * NS)), max_size=30))
def test_time_passes_at_half_its_pace_at_least(steps: list[tuple[int, int]]) -> None:
    computer = Computer()
    clock = computer.clock()
    last = clock.now_ns()
    for passed, jump in steps:
        computer.pass_by(passed)
        computer.wall += jump
        now = clock.now_ns()
        assert now >= last + passed // 2
        assert now >= computer.wall
        last = now
