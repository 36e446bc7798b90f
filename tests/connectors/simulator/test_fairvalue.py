"""The theory of the simulated exchange, checked by simulation: the maker's price is fair, a lagged one is not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

import pytest

from connectors.simulator.fairvalue import FairValue, sample_count
from connectors.simulator.ladder import ONE, quote
from connectors.simulator.latent import YEAR_S, LatentPrice, VariancePath

WINDOW_S = 300
WINDOWS = 1_200


@dataclass
class Played:
    """One window: the fair value at each second of it, and how it ended."""

    fair: list[float]
    up: bool


def play(seed: int, windows: int, count: int = 60) -> Iterator[Played]:
    """Consecutive windows on one latent path, stepped by whole seconds."""
    latent = LatentPrice(Random(f"{seed}/price"), VariancePath(Random(f"{seed}/variance"), 0.5, 0), 97_000.0, 0)
    while latent.second < 120:
        latent.step(1, 1)
    for _ in range(windows):
        start = latent.second
        fair = FairValue(latent, start, start + WINDOW_S, count)
        path = []
        for _ in range(WINDOW_S):
            latent.step(1, 1)
            path.append(fair.up())
        yield Played(path, fair.result())
        latent.samples.forget(latent.second - 200)
        latent.path.forget(latent.second - 200)


@pytest.fixture(scope="module")
def played() -> list[Played]:
    return list(play(11, WINDOWS))


def earnings(played: list[Played], lag: int, choose: Callable[[float, int | None, int | None], str]) -> list[float]:
    """Dollars a share of one trade a window at second 150: the maker quotes the fair value of ``lag`` seconds ago,
    the taker pays its price and the fee."""
    made = []
    for each in played:
        bid, ask = quote(each.fair[150 - lag], 100, 1)
        wanted = choose(each.fair[150], bid, ask)
        if wanted == "up" and ask is not None:
            price, pays = ask / ONE, each.up
        elif wanted == "down" and bid is not None:
            price, pays = 1.0 - bid / ONE, not each.up
        else:
            continue
        made.append((1.0 if pays else 0.0) - price - 0.07 * price * (1.0 - price))
    return made


def mean_and_error(values: list[float]) -> tuple[float, float]:
    mean = math.fsum(values) / len(values)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def oracle(fair: float, bid: int | None, ask: int | None) -> str:
    """Knows the fair value of now and trades when the maker is off by more than the costs."""
    if ask is not None and fair - ask / ONE > 0.07 * 0.25:
        return "up"
    if bid is not None and bid / ONE - fair > 0.07 * 0.25:
        return "down"
    return ""


def test_fair_value_is_calibrated(played: list[Played]) -> None:
    # In each band of the fair value, outcomes come as often as it says (within four standard errors).
    for second in (10, 150, 240, 285):
        for low in (0.0, 0.2, 0.4, 0.6, 0.8):
            band = [each for each in played if low <= each.fair[second] < low + 0.2]
            if len(band) < 50:
                continue
            expected = math.fsum(each.fair[second] for each in band)
            spread = math.sqrt(math.fsum(each.fair[second] * (1.0 - each.fair[second]) for each in band))
            happened = len([each for each in band if each.up])
            assert abs(happened - expected) <= 4.0 * spread + 1.0, (second, low, happened, expected)


def test_fair_value_is_a_martingale(played: list[Played]) -> None:
    moves = [each.fair[200] - each.fair[100] for each in played]
    mean, error = mean_and_error(moves)
    assert abs(mean) < 4.0 * error


def test_fair_value_ends_at_the_outcome(played: list[Played]) -> None:
    assert all(each.fair[-1] == (1.0 if each.up else 0.0) for each in played)
    assert 0.4 < len([each for each in played if each.up]) / len(played) < 0.6


@pytest.mark.parametrize(
    "choose",
    [
        lambda fair, bid, ask: "up",
        lambda fair, bid, ask: "down",
        lambda fair, bid, ask: "up" if fair > 0.5 else "down",
        lambda fair, bid, ask: "up" if fair < 0.5 else "down",
    ],
    ids=["always up", "always down", "with the move", "against the move"],
)
def test_no_edge_without_lag(played: list[Played], choose: Callable[[float, int | None, int | None], str]) -> None:
    made = earnings(played, 0, choose)
    mean, error = mean_and_error(made)
    assert len(made) > WINDOWS * 0.9
    assert mean < 2.0 * error
    # and what it costs is what spread and fee say
    assert mean > -0.05 - 4.0 * error


def test_oracle_finds_nothing_without_lag(played: list[Played]) -> None:
    assert earnings(played, 0, oracle) == []


def test_oracle_earns_from_a_lagged_maker(played: list[Played]) -> None:
    made = earnings(played, 20, oracle)
    mean, error = mean_and_error(made)
    assert len(made) > 200
    assert mean > 3.0 * error


def test_strike_is_unknown_before_the_window_and_half_is_fair() -> None:
    latent = LatentPrice(Random("p"), VariancePath(Random("v"), 0.5, 0), 97_000.0, 0)
    fair = FairValue(latent, 600, 900, 60)
    assert fair.strike is None
    assert fair.up() == pytest.approx(0.5, abs=0.002)
    for _ in range(599):
        latent.step(1, 1)
    fair.up()
    assert fair.strike is None
    latent.step(1, 1)
    fair.up()
    assert fair.strike == latent.average(600, 60)


def test_parts_of_a_second_change_neither_strike_nor_variance() -> None:
    # The exact remaining variance just before a second's end equals that just after, but for the last part.
    latent = LatentPrice(Random("p"), VariancePath(Random("v"), 0.5, 0), 97_000.0, 0)
    fair = FairValue(latent, 100, 400, 60)
    values = []
    for _ in range(200):
        for part in range(1, 21):
            latent.step(part, 20)
            values.append(fair.up())
    steps = [abs(b - a) for a, b in itertools.pairwise(values)]
    assert max(steps) < 0.1  # no seam at whole seconds, at the start of the window or at its averaging


@pytest.mark.parametrize(
    ("horizon", "start", "count"),
    [
        ("5m", 1785974400, 1),  # 2026-08-06
        ("5m", 1786060800, 30),  # 2026-08-07
        ("15m", 1786060800, 60),
        ("5m", 1786665600, 60),  # 2026-08-14
        ("1h", 1795334400, 1),
    ],
)
def test_settlement_rule_follows_the_date(horizon: str, start: int, count: int) -> None:
    assert sample_count(horizon, start) == count


def test_long_run_volatility_is_the_parameter() -> None:
    path = VariancePath(Random("long"), 0.5, 0)
    seconds = 400_000
    path.reach(seconds)
    total = math.fsum(path.diffusion.slice(0, seconds)) + math.fsum(path.jump.slice(0, seconds))
    assert math.sqrt(total / seconds * YEAR_S) == pytest.approx(0.5, rel=0.15)
