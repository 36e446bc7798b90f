"""What the trading line remembers does not grow with the markets and tokens it has seen."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from models.journal import Book
from models.timestamps import SECOND
from models.topics import FEED_POLYMARKET
from tests.flows.trading_line.desk import PIP, START, Scene

HOUR = 3_600 * SECOND
#: Hours after which as much is forgotten as is learnt: a market that does not resolve is kept for a day.
SETTLED = 30
SLACK = 200  # numbers have more digits later
#: Nothing to trade on.
WIDE_BID, WIDE_ASK = ((1_000, 10**9),), ((9_000, 10**9),)


def market(scene: Scene, number: int, resolves: bool) -> None:
    """One market an hour, with its books."""
    start = START + number * HOUR
    scene.now = start + SECOND
    scene.definition = None
    key = f"btc-updown-5m-{start // SECOND}"
    tokens = {"up_token": f"up{number:04}", "down_token": f"down{number:04}"}
    scene.market(key=key, start=start, end=start + 300 * SECOND, **tokens)
    for _ in range(3):
        scene.later(1)
        scene.spot()
        up, down = (scene.token(name, WIDE_BID, WIDE_ASK) for name in tokens.values())
        scene.put(Book(**scene._head(FEED_POLYMARKET), key=key, up=up, down=down, pair_ok=True))
        scene.clock()
    if resolves:
        scene.resolve(PIP)
    scene.clock()


def resolving(scene: Scene, number: int) -> None:
    market(scene, number, True)


def unresolved(scene: Scene, number: int) -> None:
    market(scene, number, False)


def unknown_tokens(scene: Scene, number: int) -> None:
    """Books of tokens that no definition names."""
    scene.now = START + number * HOUR
    for which in range(20):
        token = scene.token(f"{number:04}{which:04}", WIDE_BID, WIDE_ASK)
        scene.put(Book(**scene._head(FEED_POLYMARKET), key="", up=token, down=None))
    scene.clock()


@pytest.mark.parametrize("hour", [resolving, unresolved, unknown_tokens])
def test_the_state_is_as_large_after_days_as_after_a_day(hour: Callable[[Scene, int], None]) -> None:
    scene = Scene()
    for number in range(SETTLED):
        hour(scene, number)
    before = _size(scene)
    for number in range(SETTLED, 4 * SETTLED):
        hour(scene, number)
    assert _size(scene) <= before + SLACK


def test_a_market_with_money_in_it_is_kept_until_it_resolves() -> None:
    scene = Scene()
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    assert scene.fills()
    for _ in range(60):
        scene.now += HOUR
        scene.clock()
    scene.resolve(PIP)
    assert scene.outcomes()[-1].pnl["updown_fair_value"] > 0
    assert scene.books.balance("position:") == 0


def _size(scene: Scene) -> int:
    return len(pickle.dumps(scene.line.trading))
