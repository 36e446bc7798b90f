"""Mark-outs of a simulated run, against mids looked up in the journal by another way."""

from __future__ import annotations

from functools import cache

from models.contracts import Fill, MarkOut, Outcome
from models.journal import AnyEvent, Book, Clock, TokenBook
from models.timestamps import SECOND
from tests.flows.trading_line.desk import Bookkeeper, Line, settings
from tests.recordings import LAGGING, journal_of

CHOSEN = settings(
    portfolio={"cooldown_s": 2}, fair_value={"warm_up_s": 20, "half_life_s": 120, "sample_s": 2, "edge_decay": 0.1}
)
HORIZONS = (1, 5, 30)


@cache
def journal() -> list[AnyEvent]:
    return journal_of(LAGGING, 345)


@cache
def books() -> Bookkeeper:
    line, kept = Line(CHOSEN), Bookkeeper(CHOSEN)
    for event in journal():
        kept.take(line.take(event))
    return kept


def mid_at(fill: Fill, moment: int) -> int:
    """The token's mid at the first clock tick at or after ``moment``, as the journal had it; -1 for none."""
    last: Book | None = None
    for event in journal():
        if isinstance(event, Book) and event.key == fill.market_key:
            last = event
        elif isinstance(event, Clock) and event.t >= moment:
            break
    if last is None:
        return -1
    own, other = (last.up, last.down) if fill.outcome == "Up" else (last.down, last.up)
    own_mid, other_mid = middle(own), middle(other)
    return own_mid if own_mid >= 0 else 10_000 - other_mid if other_mid >= 0 else -1


def middle(token: TokenBook | None) -> int:
    if token is None or not token.ok or not token.bids or not token.asks:
        return -1
    return (token.bids[0][0] + token.asks[0][0]) // 2


def test_every_fill_is_marked_once_at_each_horizon_that_came() -> None:
    fills, marks = books().of(Fill), books().of(MarkOut)
    end = journal()[-1].t
    assert len(fills) > 5
    for fill in fills:
        mine = [mark.horizon_s for mark in marks if mark.fill == fill.id and mark.horizon_s > 0]
        due = [each for each in HORIZONS if fill.timestamp + each * SECOND <= end - SECOND]
        assert mine[: len(due)] == due
        assert len(set(mine)) == len(mine)


def test_a_mark_is_the_mid_of_its_moment() -> None:
    fills = {fill.id: fill for fill in books().of(Fill)}
    checked = 0
    for mark in books().of(MarkOut):
        if mark.horizon_s < 0:
            continue
        fill = fills[mark.fill]
        assert mark.mid == mid_at(fill, fill.timestamp + mark.horizon_s * SECOND), mark
        sign = 1 if fill.side == "buy" else -1
        assert mark.gain == (sign * (mark.mid - fill.price) if mark.mid >= 0 else None)
        assert mark.slippage == (sign * (fill.price - fill.decision_mid) if fill.decision_mid >= 0 else None)
        checked += 1
    assert checked > 10


def test_at_the_settlement_a_share_is_worth_what_it_paid() -> None:
    fills = {fill.id: fill for fill in books().of(Fill)}
    paid = {each.market_key: each for each in books().of(Outcome)}
    last = [mark for mark in books().of(MarkOut) if mark.horizon_s < 0]
    assert len(last) == len([fill for fill in fills.values() if fill.market_key in paid]) > 0
    for mark in last:
        outcome = paid[mark.market_key]
        assert mark.mid == (outcome.payout_up if fills[mark.fill].outcome == "Up" else outcome.payout_down)
