"""What the market line remembers does not grow with what it has seen: markets, tokens, connections, recorder runs."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from models.journal import Book, Market
from models.markers import Marker, encode_own
from models.reasons import Reason
from models.timestamps import SECOND
from models.topics import FEED_CLOCK
from tests.flows.market_line.feeds import DOWN, START_S, UP, Rig

HOUR_S = 3_600
#: Hours after which as much is forgotten as is learnt: a market that does not resolve is kept for a day.
SETTLED = 30
SLACK = 200  # numbers have more digits later


def roll(rig: Rig, number: int, payouts: tuple[str, str] | None = None, **more: str) -> None:
    """One market an hour, from its definition to an hour later."""
    start = START_S + number * HOUR_S
    rig.now = start * SECOND + SECOND
    slug, condition = f"btc-updown-5m-{start}", f"0x{number:08}"
    tokens = {"up_token": f"1{number:08}", "down_token": f"2{number:08}"} | more
    window = {"start_ns": start * SECOND, "end_ns": (start + 300) * SECOND}
    rig.define(slug=slug, condition=condition, **tokens, **window)
    rig.poly(*(rig.snapshot(token) | {"market": condition} for token in tokens.values()))
    rig.tick()
    rig.pass_time(60)  # no word of it any more: its books are stale
    rig.tick()
    if payouts is not None:
        rig.define(payouts, slug=slug, condition=condition, **tokens, **window)
        rig.tick()


def resolving(rig: Rig, number: int) -> None:
    roll(rig, number, ("1", "0"))


def unresolved(rig: Rig, number: int) -> None:
    roll(rig, number)


def renamed(rig: Rig, number: int) -> None:
    """The definition names other tokens while the market runs."""
    roll(rig, number, up_token=f"3{number:08}")
    roll(rig, number, ("1", "0"))


def restarting(rig: Rig, number: int) -> None:
    """Each hour a recorder dies without a word, and another one begins."""
    run = f"run{number:04}"
    rig.record(FEED_CLOCK, encode_own(Marker("start", run, "sim")), f"{run}.recorder")
    rig.spot(conn=f"{run}.coinbase0")
    rig.both(conn=f"{run}.polymarket0")
    roll(rig, number, ("1", "0"))


@pytest.mark.parametrize("hour", [resolving, unresolved, renamed, restarting])
def test_the_state_is_as_large_after_days_as_after_a_day(hour: Callable[[Rig, int], None]) -> None:
    rig = Rig()
    for number in range(SETTLED):
        hour(rig, number)
    before = len(pickle.dumps(rig.line))
    for number in range(SETTLED, 4 * SETTLED):
        hour(rig, number)
    assert len(pickle.dumps(rig.line)) <= before + SLACK


def test_a_tokens_levels_go_a_minute_after_its_markets_end() -> None:
    """Hundreds of levels each: the snapshot of the state, once a second, would grow with every market of a day."""
    rig = Rig()
    deep = [(f"0.{cents:02}", "10") for cents in range(1, 40)]
    rig.open_market()
    empty = _levels(rig)
    rig.poly(*(rig.snapshot(token, bids=deep, asks=[(f"0.{c}", "10") for c in range(60, 99)]) for token in (UP, DOWN)))
    assert _levels(rig) > empty + 100
    (end,) = {event.end for event in rig.events if isinstance(event, Market)}
    while rig.now < end + 50 * SECOND:
        rig.pass_time(10)
        rig.tick()
    assert _levels(rig) > empty + 100, "just after the end they are there"
    rig.pass_time(20)
    rig.tick()
    assert _levels(rig) == 0
    book = rig.latest_book()
    assert book.up is not None
    assert (book.up.ok, book.up.bids, book.up.checks) == (False, (), (Reason.NO_SNAPSHOT,))
    assert Reason.NO_SNAPSHOT not in rig.reasons()
    rig.pass_time(1)
    assert not any(isinstance(event, Book) for event in rig.tick()), "said once"


def _levels(rig: Rig) -> int:
    """Price levels of both tokens that a snapshot would hold."""
    tokens = rig.line._feeds.books.tokens
    return sum(len(side.keys) for name in (UP, DOWN) for side in (tokens[name].bids, tokens[name].asks))
