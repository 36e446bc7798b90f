"""What the property test over fault timelines once found, each in its smallest form."""

from __future__ import annotations

import pytest

from models.markers import Notice
from models.reasons import Reason
from models.topics import FEED_MARKETS
from tests.flows.market_line.feeds import DOWN, UP, Rig


@pytest.fixture
def rig() -> Rig:
    """Both books and spot are sound."""
    rig = Rig()
    rig.open_market()
    rig.spot()
    rig.tick()
    return rig


def test_books_that_contradict_each_other_stay_unfit_until_both_of_one_moment_agree(rig: Rig) -> None:
    rig.pass_time(1)
    rig.poly(rig.snapshot(UP, [("0.44", "9")], [("0.45", "9")]), rig.snapshot(DOWN))
    assert rig.latest_book().checks == (Reason.PARITY_BROKEN,)
    rig.pass_time(1)
    rig.poly(rig.snapshot(UP, [("0.43", "9")], [("0.44", "9")]))  # of another moment: nothing can be compared
    assert Reason.PARITY_BROKEN in rig.latest_book().checks
    assert rig.reasons() == [Reason.PARITY_BROKEN]  # it is counted where it was seen
    rig.pass_time(1)
    rig.both()
    assert rig.latest_book().checks == ()


def test_an_update_that_cannot_be_read_is_rejected_also_where_no_book_is_kept(rig: Rig) -> None:
    rig.level2("update", [("bid", "60000.5", "1")], number=9)
    for updates in ([("bid", "", "1")], [("bid", "60000.5", "much")], [("middle", "60000.5", "1")]):
        before = len(rig.letters)
        rig.level2("update", updates)
        assert len(rig.letters) == before + 1
    rig.level2("update", [("bid", "60000.5", "1")])
    assert len(rig.letters) == 3
    assert rig.reasons() == [Reason.SEQUENCE_GAP, *[Reason.DECODE_ERROR] * 3]


def test_a_spot_feed_that_speaks_with_a_wrong_clock_is_not_called_frozen(rig: Rig) -> None:
    for _ in range(24):
        rig.pass_time(0.25)
        rig.poly(rig.change((UP, "BUY", "0.49", str(rig.ticks % 50 + 5)), (DOWN, "SELL", "0.51", "7")))
        rig.spot(t=rig.now - 60 * 10**9)
        rig.tick()
    assert Reason.TIMESTAMP_OLD in rig.reasons()
    assert Reason.FROZEN_FEED not in rig.reasons()


def test_gammas_refusal_is_no_gap_in_our_own_numbering(rig: Rig) -> None:
    rig.own(FEED_MARKETS, Notice("gamma", "refused", "HTTP 503, again in 1 s"))
    rig.define()
    assert rig.reasons() == [Reason.DISCONNECTED]
