"""The one rule of "resolved": what is a payout, and what is an open question."""

from __future__ import annotations

import itertools

import pytest

from models.money import PIP, NotANumber
from models.resolution import by_prices, by_winner, outranks

HALF = PIP // 2
PRICES = [("1", "0"), ("0", "1"), ("0.5", "0.5"), ("0", "0"), ("1", "1"), ("0.9995", "0.0005"), ("0.99995", "0.00005"),
          (None, None), ("", ""), ("1", None), (1, 0), (0.0, 1.0), (".5", "0.50"), (0.5, 0.5)]  # fmt: skip
STATUSES = ["", "resolved", "Resolved", "proposed", "disputed", "challenged", "requested", "unknown"]


@pytest.mark.parametrize(("closed", "status", "prices"), list(itertools.product([True, False], STATUSES, PRICES)))
def test_gamma_pays_when_closed_with_final_prices_and_no_status_but_resolved(
    closed: bool, status: str, prices: tuple[str | float | None, ...]
) -> None:
    paid = by_prices(closed, status, prices)
    final = {("1", "0"): (PIP, 0), (1, 0): (PIP, 0), ("0", "1"): (0, PIP), (0.0, 1.0): (0, PIP),
             ("0.5", "0.5"): (HALF, HALF), (".5", "0.50"): (HALF, HALF), (0.5, 0.5): (HALF, HALF)}  # fmt: skip
    sure = closed and status in ("", "resolved", "Resolved")
    assert paid == (final.get(prices) if sure else None)


def test_a_price_that_is_no_number_is_an_error_once_it_counts() -> None:
    for bad in ("one", "nan", "inf", float("nan"), "1e400"):
        assert by_prices(False, "", (bad, "0")) is None
        with pytest.raises(NotANumber):
            by_prices(True, "resolved", (bad, "0"))


def test_floats_with_artefacts_are_the_numbers_they_stand_for() -> None:
    assert by_prices(True, "", (0.1 + 0.4, 0.5000000000000001)) == (HALF, HALF)
    assert by_prices(True, "", ("0.9999", "0.0001")) is None


@pytest.mark.parametrize(("up", "down", "closed", "split"), list(itertools.product([True, False], repeat=4)))
def test_the_clob_pays_its_one_winner_or_a_split_that_it_states(
    up: bool, down: bool, closed: bool, split: bool
) -> None:
    paid = by_winner(closed, (up, down), split)
    if not closed or (up and down) or (not up and not down and not split):
        assert paid is None
    else:
        assert paid == ((PIP, 0) if up else (0, PIP) if down else (HALF, HALF))
    assert by_winner(closed, (up,), split) is None


def test_gamma_goes_before_the_clob_and_the_clob_before_the_socket() -> None:
    order = ["market_resolved", "clob", "gamma"]
    for one, other in itertools.product(order, repeat=2):
        assert outranks(one, other) is (order.index(one) >= order.index(other))
