"""What a share is valued at where there is no bid: nothing before the market's end, and what it counted last after it.
Worked by hand; the end of a market says nothing of who won."""

from __future__ import annotations

import pytest

from flows.trading_line.marks import remark
from models.contracts import RiskEvent
from models.journal import Book, Levels, TokenBook
from models.money import SHARE
from models.timestamps import SECOND
from models.topics import FEED_POLYMARKET
from tests.flows.trading_line.desk import END, KEY, Scene, settings, spoilt

EMPTY = ("empty_book",)


def token(bid: int | None, checks: tuple[str, ...] = (), ok: bool = True) -> TokenBook:
    bids: Levels = () if bid is None else ((bid, 100 * SHARE),)
    src = (FEED_POLYMARKET, 0, 1)
    return TokenBook("t", bids, (), 100, 1, END, END, src, src, ok and not checks, checks)


def after(marks: dict[str, int], t: int, up: TokenBook | None, down: TokenBook | None) -> dict[str, int]:
    known = dict(marks)
    remark(known, Book(1, t, (FEED_POLYMARKET, 0, 1), "BTC", (), KEY, up, down), END)
    return known


@pytest.mark.parametrize(
    "marks, t, up, down, expected",
    [
        ({}, END - 1, token(6_000), token(3_900), {"Up": 6_000, "Down": 3_900}),
        ({"Up": 300}, END - 1, token(None, EMPTY), None, {"Up": 0}),
        ({"Up": 9_700, "Down": 200}, END, token(None, EMPTY), token(None, EMPTY), {"Up": 9_700, "Down": 200}),
        ({"Up": 9_700}, END, token(9_900), None, {"Up": 9_900}),
        ({"Up": 300, "Down": 9_600}, END, token(None, EMPTY), token(9_900), {"Up": 100, "Down": 9_900}),
        ({"Up": 300}, END, token(None, EMPTY), token(9_900, ok=False), {"Up": 300}),
        ({}, END, token(None, EMPTY), None, {"Up": 0}),
        ({"Up": 0}, END, token(None, EMPTY), None, {"Up": 0}),
        ({"Up": 6_000}, END - 1, token(None, ("no_snapshot",)), None, {"Up": 6_000}),
        ({"Up": 6_000}, END - 1, token(5_000, ("crossed_book",)), None, {"Up": 6_000}),
    ],
)
def test_a_share_counts(
    marks: dict[str, int], t: int, up: TokenBook | None, down: TokenBook | None, expected: dict[str, int]
) -> None:
    assert after(marks, t, up, down) == expected


def equity(scene: Scene) -> float:
    value = scene.books.modules["portfolio"].gauges["equity"]
    assert isinstance(value, float)
    return value


def test_a_position_that_waits_for_its_settlement_stops_nobody() -> None:
    """Shares of 94 $ that win: the empty books between the end and the resolution are no drawdown of 0.8%."""
    fair_value = {"take_profit": 0.99, "time_exit_s": 0}
    bounds = {"drawdown_reduce": 0.004, "drawdown_stop": 0.008, "daily_loss_reduce": 0.004, "daily_loss_stop": 0.008}
    scene = Scene(settings(fair_value=fair_value, breakers=bounds))
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    (fill,) = scene.fills()
    assert fill.gross / 1e6 > 0.008 * 10_000, "enough to stop the portfolio"
    scene.now = END - SECOND
    scene.quote(59, 61)
    scene.clock()
    before = equity(scene)
    for second in range(1, 20):
        scene.now = END + second * SECOND
        assert scene.up is not None and scene.down is not None
        for each in ("up", "down"):
            setattr(scene, each, spoilt(getattr(scene, each), bids=(), asks=(), ok=False, checks=EMPTY))
        scene.book(pair=False)
        scene.clock()
        assert equity(scene) == pytest.approx(before)
    scene.resolve(10_000)
    scene.later(1)
    scene.clock()
    assert equity(scene) > before
    assert [each for each in scene.books.of(RiskEvent) if each.kind == "breaker"] == []
