"""The door's view of which books are sound against the flow's own: the same, whatever comes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.polymarket.soundness import Soundness
from models.bounds import bounds_of
from models.markers import Notice
from models.reasons import BLOCKING, Reason
from models.settings import Checks
from models.topics import FEED_POLYMARKET
from tests.flows.market_line.feeds import DOWN, POLY, UP, Rig

MENDABLE = BLOCKING - {Reason.EMPTY_BOOK, Reason.ONE_SIDED_BOOK, Reason.SPREAD_TOO_WIDE}
tokens = st.sampled_from([UP, DOWN])
prices = st.sampled_from(["0.48", "0.49", "0.485"])
ages = st.sampled_from([0, 0, 0, 0, 40, 200, 9_000])  # ms before the usual stamp

steps = st.one_of(
    st.tuples(st.just("book"), tokens, prices, ages),
    st.tuples(st.just("change"), tokens, prices, ages, st.sampled_from(["", "0.49", "0.48"])),
    st.tuples(st.just("best"), tokens, prices, ages),
    st.tuples(st.just("tick size"), tokens, st.sampled_from(["0.01", "0.001", "0.3"])),
    st.tuples(st.just("raw"), st.sampled_from(["NO NEW ASSETS", "{", "[", '{"event_type":"book"}', "[5]"])),
    st.tuples(st.just("spoilt"), tokens, st.sampled_from(["asset_id", "timestamp", "bids", "event_type", "market"])),
    st.tuples(st.just("time"), st.sampled_from([0.05, 0.25, 1.0])),
    st.tuples(st.just("renewed"), tokens),
    st.tuples(st.just("disconnected")),
)  # fmt: skip


class Both:
    """The market line and the door's view, fed with the same."""

    def __init__(self) -> None:
        self.rig = Rig(Checks(stale_feed_s=600, stale_book_s=600))
        self.door = Soundness(bounds_of(Checks()))
        self.rig.define()
        for token in (UP, DOWN):
            self.door.define(token, 100, 5)
        self.say(self.rig.snapshot(UP), self.rig.snapshot(DOWN))

    def raw(self, text: str) -> None:
        self.rig.record(FEED_POLYMARKET, text.encode(), POLY)
        self.door.frame(POLY, text.encode(), self.rig.now)

    def say(self, *messages: dict[str, Any]) -> None:
        self.raw(json.dumps(messages[0] if len(messages) == 1 else messages))

    def take(self, step: tuple[Any, ...]) -> None:
        rig = self.rig
        rig.now += 1_000_000
        ms = rig.now // 1_000_000 - 20
        match step:
            case ("book", token, price, age):
                self.say(rig.snapshot(token, bids=((price, "9"),), ms=ms - age))
            case ("change", token, price, age, best):
                entry = {"asset_id": token, "side": "BUY", "price": price, "size": str(rig.now % 97)}
                self.say(rig.change(entry | ({"best_bid": best} if best else {}), ms=ms - age))
            case ("best", token, price, age):
                self.say(rig.of_token("best_bid_ask", token, ms=ms - age, best_bid=price, best_ask="0.5"))
            case ("tick size", token, size):
                self.say(rig.of_token("tick_size_change", token, new_tick_size=size))
            case ("raw", text):
                self.raw(text)
            case ("spoilt", token, name):
                message = rig.snapshot(token)
                del message[name]
                self.say(message)
            case ("time", seconds):
                rig.pass_time(seconds)
                rig.tick()
                self.door.tick(rig.now)
            case ("renewed", token):
                rig.own(FEED_POLYMARKET, Notice(POLY, "renewed", "…", 0, (token,)))
                self.door.renewed(POLY, (token,))
            case _:
                rig.own(FEED_POLYMARKET, Notice(POLY, "disconnected", "…", rig.numbers[POLY]))
                rig.numbers[POLY] = 0
                self.door.closed(POLY)

    def compare(self, is_settled: bool) -> None:
        """The journal's last word on each token against the door's. Best prices that differ are no last word until
        their moment is over."""
        book = self.rig.latest_book()
        views = {view.token: view for view in (book.up, book.down) if view is not None}
        lacking = {lack.token for lack in self.door.lacking(dict.fromkeys((UP, DOWN), POLY), self.rig.now)}
        for token in (UP, DOWN):
            checks = set(views[token].checks)
            if is_settled or Reason.BEST_MISMATCH not in checks:
                assert (token in lacking) is bool(checks & MENDABLE), (token, checks)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=20), st.integers(1, 6))
def test_the_door_knows_which_books_the_flow_holds_unsound(sequence: list[tuple[Any, ...]], every: int) -> None:
    both = Both()
    for number, step in enumerate(sequence):
        both.take(step)
        if number % every == 0:  # whoever looks seldom sees the same
            both.compare(False)
    both.take(("time", 0.25))
    both.compare(True)


def test_a_lack_has_a_reason_and_a_beginning_and_ends_with_a_snapshot() -> None:
    both = Both()
    both.compare(True)
    both.raw("{")
    begun = both.rig.now
    (first, second) = both.door.lacking({UP: POLY, DOWN: POLY}, begun)
    assert (first.reason, first.since, first.conn, second.token) == (Reason.DECODE_ERROR, begun, POLY, DOWN)
    both.rig.pass_time(1)
    both.say(both.rig.snapshot(UP))
    (left,) = both.door.lacking({UP: POLY, DOWN: POLY}, both.rig.now)
    assert (left.token, left.since) == (DOWN, begun)
    (other,) = both.door.lacking({UP: "another"}, both.rig.now)
    assert (other.reason, other.since) == (Reason.NO_SNAPSHOT, both.rig.now)
