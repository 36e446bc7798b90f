"""Planted effects: what each does to quotes, depth and trades, by its formula; and that off is off."""

from __future__ import annotations

import hashlib
import math
import statistics
from itertools import pairwise

import pytest

from connectors.simulator.effects import BIAS_S, NO_EFFECTS, SHOCK_RELAX_S, Effects, PlantedEffects
from connectors.simulator.exchange import Exchange, ExchangeParameters

START = 1_795_000_200 - 1_795_000_200 % 900


def exchange(**changes: object) -> Exchange:
    return Exchange(ExchangeParameters(**{"horizons": ("5m",), "lag_s": 0.0, "frames_per_s": 1.0, **changes}), START)  # type: ignore[arg-type]


def digest(core: Exchange, seconds: int = 20) -> str:
    return hashlib.sha256(b"".join(each.frame for each in core.run(START + seconds))).hexdigest()


def test_an_effect_that_is_off_draws_no_chance() -> None:
    plain = digest(exchange(lag_s=2.0))
    assert digest(exchange(lag_s=2.0, effects=Effects())) == plain
    assert digest(exchange(lag_s=2.0, effects=Effects(favourite_bias=0.3))) == plain, "nothing before the last seconds"
    assert digest(exchange(lag_s=2.0, effects=Effects(toxic=5.0))) != plain


def test_the_favourite_is_too_cheap_near_the_end_alone() -> None:
    planted = PlantedEffects(Effects(favourite_bias=0.1), "seed", 0.1)
    assert planted.quoted(0.98, BIAS_S + 1) == 0.98
    assert planted.quoted(0.98, BIAS_S) == pytest.approx(0.932)
    assert planted.quoted(0.02, 1.0) == pytest.approx(0.068)
    assert planted.quoted(0.5, 1.0) == 0.5


def test_quotes_jump_and_come_back() -> None:
    """Jumps of ±0.2 once in 45 s, halved every 17 s: the mean square of a shot noise of which the last jump counts."""
    planted = PlantedEffects(Effects(overreaction=0.2), "seed", 0.1)
    path = [planted.quoted(0.5, 1e9) - 0.5 for _ in range(100_000)]
    jumps = [index for index in range(1, len(path)) if abs(path[index] - path[index - 1]) > 0.03]
    assert 160 < len(jumps) < 290  # 222 expected, fewer where a jump falls on a fresh one of its own side
    assert max(abs(each) for each in path) == pytest.approx(0.2)
    assert abs(statistics.fmean(path)) < 0.03
    quiet = next(i for i, j in pairwise(jumps) if j - i > 400)
    kept = path[quiet + 300] / path[quiet + 100]
    assert kept == pytest.approx(math.exp(-20.0 / SHOCK_RELAX_S))


def test_depth_leans_to_where_late_quotes_go_next() -> None:
    core = exchange(lag_s=4.0, effects=Effects(imbalance=0.85))
    market = next(each for each in core.markets.values() if each.window.start == START)
    ahead, leans = [], []
    for _ in range(120 * 20):
        core.step()
        ladder = market.ladder
        bids = math.fsum(ladder.bids[price] for price in sorted(ladder.bids)[-5:])
        asks = math.fsum(ladder.asks[price] for price in sorted(ladder.asks)[:5])
        ahead.append(market.exact - market.quoted)
        leans.append((bids - asks) / (bids + asks))
    assert statistics.correlation(ahead, leans) > 0.6


def test_takers_who_know_better_trade_only_stale_quotes_and_only_their_way() -> None:
    planted = PlantedEffects(Effects(toxic=20.0), "seed", 0.05)  # certain in every step
    assert planted.informed(0.55, 4900, 5000, 10_000) is True
    assert planted.informed(0.45, 4900, 5000, 10_000) is False
    assert planted.informed(0.495, 4900, 5000, 10_000) is None
    assert planted.informed(0.55, 4900, None, 10_000) is None
    assert PlantedEffects(NO_EFFECTS, "seed", 0.05).informed(0.55, 4900, 5000, 10_000) is None
