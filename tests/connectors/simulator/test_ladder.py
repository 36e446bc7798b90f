from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from connectors.simulator.ladder import LEAST, MIN_SIZE, ONE, Ladder, quote

FAIR = st.floats(0.0, 1.0, allow_nan=False)


@given(FAIR, st.sampled_from([100, 10]), st.integers(1, 20))
def test_quote_is_on_tick_inside_the_range_and_never_better_than_fair(fair: float, tick: int, spread: int) -> None:
    bid, ask = quote(fair, tick, spread)
    if bid is not None:
        assert bid % tick == 0 and tick <= bid <= ONE - tick
        assert bid <= fair * ONE + 1e-6
    if ask is not None:
        assert ask % tick == 0 and tick <= ask <= ONE - tick
        assert ask >= fair * ONE - 1e-6
    if bid is not None and ask is not None:
        assert ask - bid >= tick


@given(st.lists(st.tuples(FAIR, st.booleans()), min_size=1, max_size=60), st.integers(0, 9))
def test_changes_rebuild_the_book(path: list[tuple[float, bool]], seed: int) -> None:
    ladder = Ladder(Random(seed))
    stored: dict[str, dict[int, int]] = {"BUY": {}, "SELL": {}}
    for fair, resize in path:
        bid, ask = quote(fair, 100, 1)
        ladder.move(bid, ask, 100)
        if resize:
            ladder.resize()
        for (side, price), size in ladder.take_changes().items():
            if size:
                stored[side][price] = size
            else:
                stored[side].pop(price, None)
        assert stored == {"BUY": ladder.bids, "SELL": ladder.asks}
        assert ladder.best_bid == bid and ladder.best_ask == ask
        assert all(size >= MIN_SIZE for size in (*ladder.bids.values(), *ladder.asks.values()))


@given(st.floats(0.15, 0.85))
def test_depth(fair: float) -> None:
    ladder = Ladder(Random(1))
    ladder.move(*quote(fair, 100, 1), 100)
    assert len(ladder.bids) >= LEAST and len(ladder.asks) >= LEAST
