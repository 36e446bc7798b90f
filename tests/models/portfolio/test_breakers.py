"""A breaker goes up at once and comes down by its condition alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.portfolio.breakers import LEVELS, Breaker, BreakerBounds

PLAIN = BreakerBounds(reduce=5, stop=10, release=2, pause=3)
STERN = BreakerBounds(reduce=5, stop=10, release=2, by_operator=True)
values = st.lists(st.floats(0, 15), max_size=40)


@given(values, st.sampled_from([PLAIN, STERN]))
def test_it_is_never_lower_than_its_value_asks_for(seen: list[float], bounds: BreakerBounds) -> None:
    breaker = Breaker("drawdown", "portfolio", "main")
    for t, value in enumerate(seen):
        before, since = breaker.level, breaker.since
        changed = breaker.observe(value, t, bounds)
        assert LEVELS.index(breaker.level) >= LEVELS.index(bounds.level(value))
        assert (changed is None) == (before == breaker.level)
        if LEVELS.index(breaker.level) < LEVELS.index(before):
            assert breaker.level == "clear" and value <= bounds.release and t - since >= bounds.pause
            assert before != "stopped" or not bounds.by_operator


def test_only_the_operator_ends_what_is_the_operators() -> None:
    breaker = Breaker("drawdown", "portfolio", "main")
    assert breaker.observe(11, 0, STERN) == "clear"
    assert breaker.observe(0, 100, STERN) is None and breaker.level == "stopped"
    assert breaker.release(101) == "stopped" and breaker.level == "clear"
    assert breaker.release(102) is None
