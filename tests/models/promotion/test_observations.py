"""The unit of evidence: integer lots first in first out, and purses that a fair game does not fill."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.promotion.observations import HOUR_NS, LotBook
from models.promotion.wagers import Detector, Wager
from models.statistics.betting import PositiveMean

SHARE = 1_000_000


class Bookkeeper:
    """Lots by the shortest definition, in fractions: one entry a lot, oldest first."""

    def __init__(self) -> None:
        self.held: deque[list[Fraction]] = deque()  # size left, net
        self.nets: list[list[Fraction]] = []

    def buy(self, size: int, cost: int) -> None:
        lot = [Fraction(size), Fraction(-cost)]
        self.held.append(lot)
        self.nets.append(lot)

    def close(self, size: int, paid: int) -> None:
        price = Fraction(paid, size)
        left = Fraction(size)
        while left:
            part = min(self.held[0][0], left)
            self.held[0][0] -= part
            self.held[0][1] += part * price
            left -= part
            if not self.held[0][0]:
                self.held.popleft()


fills = st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(1, 9_999)), min_size=1, max_size=30)


@given(fills, st.sampled_from([0, 5_000, 10_000]))
def test_the_net_of_an_hour_is_that_of_its_lots(trades: list[tuple[bool, int, int]], payout: int) -> None:
    book, keeper, held = LotBook(), Bookkeeper(), 0
    book.buy(0, "before", "Up", "BTC", 10_000 * SHARE, 0)  # a scale that cuts nothing off
    book.settle("before", "Up", 0)
    book.advance(HOUR_NS)
    lots = 0
    for buys, shares, price in trades:
        size, paid = shares * SHARE, shares * SHARE * price // 10_000
        if buys or size > held:
            book.buy(HOUR_NS, "m", "Up", "BTC", size, paid)
            keeper.buy(size, paid)
            held += size
            lots += 1
        else:
            book.sell("m", "Up", size, paid)
            keeper.close(size, paid)
            held -= size
    assert not held or book.advance(2 * HOUR_NS) == [], "what is open is no observation"
    book.settle("m", "Up", payout)
    if held:
        keeper.close(held, held * payout // 10_000)
    (seen,) = book.advance(3 * HOUR_NS)
    expected = sum(net for _, net in keeper.nets)
    assert seen.lots == lots and seen.net == expected, "integers add up to the micro-dollar"
    assert seen.x == pytest.approx(float(expected) / (10_000 * SHARE), abs=1e-9)
    assert -1.0 <= seen.x <= 1.0 and book.irregular == 0


def test_the_scale_is_the_most_of_the_hours_before_and_what_exceeds_it_is_cut_off() -> None:
    book = LotBook()
    for hour, shares in enumerate((10, 4, 20)):
        book.buy(hour * HOUR_NS, "m", "Up", "BTC", shares * SHARE, shares * SHARE // 2)
        book.settle("m", "Up", 10_000)
    seen = book.advance(3 * HOUR_NS)
    assert [(each.hour, each.x) for each in seen] == [(1, 0.2), (2, 0.5)], "10 of 20 shares count, over a scale of 10"
    book.buy(3 * HOUR_NS, "m", "Up", "BTC", 20 * SHARE, 10 * SHARE)
    book.settle("m", "Up", 0)
    assert book.advance(4 * HOUR_NS)[0].x == -0.5, "the scale is 20 now"


def test_large_hours_are_forgotten_in_time() -> None:
    book = LotBook()
    for hour in range(27):
        size = (1_000 if hour == 0 else 10) * SHARE
        book.buy(hour * HOUR_NS, "m", "Up", "BTC", size, size // 2)
        book.settle("m", "Up", 10_000)
        seen = book.advance((hour + 1) * HOUR_NS)
    assert seen[0].x == 0.5


def test_what_does_not_count_is_sold_in_its_turn() -> None:
    book = LotBook()
    book.buy(0, "w", "Up", "BTC", 10 * SHARE, 0)
    book.settle("w", "Up", 0)
    book.advance(HOUR_NS)
    book.buy(HOUR_NS, "m", "Up", "BTC", 10 * SHARE, 5 * SHARE, counts=False)
    book.buy(HOUR_NS, "m", "Up", "BTC", 10 * SHARE, 5 * SHARE)
    book.sell("m", "Up", 10 * SHARE, 9 * SHARE)  # the first, which does not count
    book.settle("m", "Up", 0)
    assert book.advance(2 * HOUR_NS)[0].x == -0.5
    book.sell("m", "Up", SHARE, 1)
    assert book.irregular == 1, "what was never bought was sold"


def test_open_lots_count_as_lost_until_they_are_closed() -> None:
    book, wager = LotBook(), Wager()
    for hour in range(30):
        key = book.buy(hour * HOUR_NS, "m", "Up", "BTC", 10 * SHARE, 5 * SHARE)
        if key:
            before = wager.value(book)
            wager.stake(key)
            assert wager.value(book) <= before
        book.settle("m", "Up", 10_000 if hour % 4 else 0)
        for seen in book.advance((hour + 1) * HOUR_NS):
            wager.take(seen)
    closed = wager.value(book)
    key = book.buy(30 * HOUR_NS, "m", "Up", "BTC", 10 * SHARE, 5 * SHARE)
    assert key is not None
    wager.stake(key)
    stake = wager.purses["BTC"].stakes[30]
    assert wager.value(book) == pytest.approx(closed - 0.5 * stake * 0.5), "half a dollar a share may be lost"
    book.sell("m", "Up", 5 * SHARE, 4 * SHARE)
    assert wager.value(book) == pytest.approx(closed + 0.5 * stake * -0.1)


def play(kind: str, seed: int, hours: int) -> tuple[float, float, float]:
    """The highest value that evidence of a gain, of a loss, and a naive ratio ever had, in a fair game at even odds."""
    random, book, gains, losses = np.random.default_rng(seed), LotBook(), Wager(), Detector()
    naive, best, worst, fooled = PositiveMean(), 1.0, 1.0, 1.0
    for hour in range(hours):
        size, ahead, net, shares = SHARE, 0, 0, 0
        for _ in range(10):
            key = book.buy(hour * HOUR_NS, "m", "Up", "BTC", size, size // 2)
            if key:
                gains.stake(key)
                losses.stake(key)
            won = bool(random.random() < 0.5)
            book.settle("m", "Up", 10_000 * won)
            ahead += size if won else -size
            net += size // 2 if won else -size // 2
            shares += size
            if ahead > 0:
                break
            size = size * 2 if kind == "doubling" else size
        naive.take(net / shares)
        for seen in book.advance((hour + 1) * HOUR_NS):
            gains.take(seen)
            losses.take(seen)
        best, worst = max(best, gains.value(book)), max(worst, losses.value(book))
        fooled = max(fooled, naive.capital)
    return best, worst, fooled


@pytest.mark.parametrize("kind", ["stopping", "doubling"])
def test_sizing_and_stopping_by_results_fool_a_ratio_and_not_this(kind: str) -> None:
    """Ville's inequality at 1/20 over all looks of 200 games: 10 expected at most, 20 have a probability of 0.2%. The
    ratio of net and shares has a positive mean here, and is believed nearly always."""
    found = [play(kind, seed, 150) for seed in range(200)]
    assert sum(best >= 20.0 for best, _, _ in found) <= 20
    assert sum(worst >= 20.0 for _, worst, _ in found) <= 20
    assert sum(fooled >= 20.0 for _, _, fooled in found) >= 180


def test_a_purse_of_overlapping_lots_is_worth_one_on_the_mean() -> None:
    """Every lot of a game lives on one price that is drawn once: outcomes go together wholly, and hours overlap. At a
    stopping time (the first time the value is 3, or the end) its mean is at most 1; products of factors have more."""
    ends = []
    for seed in range(600):
        random, book, wager, value = np.random.default_rng(seed), LotBook(), Wager(), 1.0
        for block in range(6):
            won = bool(random.random() < 0.5)
            for hour in range(block * 6, block * 6 + 6):
                key = book.buy(hour * HOUR_NS, str(hour), "Up", "BTC", SHARE, SHARE // 2)
                if key:
                    wager.stake(key)
                for seen in book.advance(hour * HOUR_NS):
                    wager.take(seen)
            for hour in range(block * 6, block * 6 + 6):
                book.settle(str(hour), "Up", 10_000 * won)
            for seen in book.advance((block * 6 + 6) * HOUR_NS):
                wager.take(seen)
            value = wager.value(book)
            if value >= 3.0:
                break
        ends.append(value)
    assert np.mean(ends) <= 1.0 + 4 * np.std(ends) / np.sqrt(len(ends))


def test_an_edge_that_dies_is_noticed_though_the_past_was_good() -> None:
    random, book, losses = np.random.default_rng(4), LotBook(), Detector()
    alarm = None
    for hour in range(400):
        chance = 0.62 if hour < 200 else 0.38
        for place in range(4):
            key = book.buy(hour * HOUR_NS, str(place), "Up", "BTC", SHARE, SHARE // 2)
            if key:
                losses.stake(key)
            book.settle(str(place), "Up", 10_000 * bool(random.random() < chance))
        for seen in book.advance((hour + 1) * HOUR_NS):
            losses.take(seen)
        if losses.value(book) >= 10.0 and alarm is None:
            alarm = hour
    assert alarm is not None and 200 < alarm < 270
