"""What the market line remembers does not grow with what it has seen: markets, tokens, connections, recorder runs."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest

from models.markers import Marker, encode_own
from models.timestamps import SECOND
from models.topics import FEED_CLOCK
from tests.flows.market_line.feeds import START_S, Rig

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
