"""Router and barrier keep the journal's order, whatever comes twice, late or to several lanes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.trading_line.barrier import Barrier, BarrierState
from flows.trading_line.items import Judged
from flows.trading_line.route import Router, RouterState
from models.journal import NO_SRC, AnyEvent, Clock, Feed, Input
from models.timestamps import SECOND

START = 1_795_000_200 * SECOND
LANES = ["", "BTC", "ETH", "SOL"]


def event(seq: int, lane: str) -> AnyEvent:
    if lane == "clock":
        return Clock(seq, START + seq, NO_SRC, "", (), seq)
    if lane in ("models", "control", "executions"):
        return promotion(seq, lane, seq % 3)
    return Feed(seq, START + seq, NO_SRC, lane, (), "f", "c", "w")


def promotion(seq: int, topic: Any, which: int) -> Input:
    said = {"model": f"m{seq}", "instance": f"i{which}", "t": seq, "state": "canary"}
    return Input(seq, START + seq, NO_SRC, "", (), topic, json.dumps(said))


journals = st.lists(st.sampled_from([*LANES, "clock", "models", "control", "executions"]), max_size=40).map(
    lambda lanes: [event(seq, lane) for seq, lane in enumerate(lanes)]
)


@given(journal=journals)
def test_every_event_goes_somewhere_and_says_how_many_copies_there_are(journal: list[AnyEvent]) -> None:
    router = Router()
    seen: set[str] = set()
    for each in journal:
        routed = router.route(each)
        assert [copy.copies for copy in routed] == [len(routed)] * len(routed)
        if isinstance(each, Clock | Input):
            assert [copy.lane for copy in routed] == (sorted(seen) or [""])
        else:
            assert [copy.lane for copy in routed] == [each.lane]
            seen |= {each.lane} - {""}


@given(journal=journals)
def test_a_late_lane_is_handed_the_last_promotion_of_each_instance_in_their_order(journal: list[AnyEvent]) -> None:
    router = Router()
    seen: set[str] = set()
    last: dict[str, Input] = {}
    for each in journal:
        (first, *_) = router.route(each)
        if isinstance(each, Input) and each.topic == "models":
            last[json.loads(each.payload)["instance"]] = each
        expected = tuple(sorted(last.values(), key=lambda latest: latest.seq))
        is_new = not isinstance(each, Clock | Input) and each.lane not in ("", *seen)
        assert first.standing == (expected if is_new else ())
        seen |= {each.lane} - {""}


@given(journal=journals, cut=st.integers(0, 40))
def test_router_and_barrier_go_on_from_their_state(journal: list[AnyEvent], cut: int) -> None:
    """Through bytes and back, as names: nothing of it depends on the order of fields."""
    router, barrier = Router(), Barrier()
    plain_router, plain_barrier = Router(), Barrier()
    for at, each in enumerate(journal):
        if at == cut:
            router = Router(msgspec.json.decode(msgspec.json.encode(router.state()), type=RouterState))
            barrier = Barrier(msgspec.json.decode(msgspec.json.encode(barrier.state()), type=BarrierState))
        routed = router.route(each)
        assert routed == plain_router.route(each)
        for copy in reversed(routed):
            judged = Judged(copy.lane, each.seq, copy.copies, each, ())
            assert barrier.offer(judged) == plain_barrier.offer(judged)


@given(journal=journals, data=st.data())
def test_an_event_that_comes_twice_is_dropped(journal: list[AnyEvent], data: st.DataObject) -> None:
    router, clean = Router(), Router()
    for at, each in enumerate(journal):
        assert router.route(each) == clean.route(each)
        again = data.draw(st.integers(0, at))
        assert router.route(journal[again]) == []


def test_a_gap_in_the_journal_is_an_error_and_not_a_guess() -> None:
    router = Router()
    router.route(event(0, "BTC"))
    with pytest.raises(ValueError, match="jumps from event 0 to 2"):
        router.route(event(2, "BTC"))


@settings(max_examples=60, deadline=None)
@given(journal=journals, dice=st.randoms(use_true_random=False))
def test_any_interleaving_of_the_lanes_comes_out_in_the_journals_order(journal: list[AnyEvent], dice: Any) -> None:
    router = Router()
    queues: dict[str, list[Judged]] = {}
    for each in journal:
        for routed in router.route(each):
            judged = Judged(routed.lane, each.seq, routed.copies, each, ())
            queues.setdefault(routed.lane, []).append(judged)
    barrier = Barrier()
    out: list[list[Judged]] = []
    while any(queues.values()):
        lane = dice.choice([lane for lane, queue in queues.items() if queue])
        out.extend(barrier.offer(queues[lane].pop(0)))
    assert [copies[0].seq for copies in out] == list(range(len(journal)))
    for copies in out:
        assert len(copies) == copies[0].copies
        assert [copy.lane for copy in copies] == sorted(copy.lane for copy in copies)


def test_the_barrier_holds_back_until_the_next_is_whole_and_drops_what_it_gave_out() -> None:
    barrier = Barrier()
    clock, later = event(0, "clock"), event(1, "BTC")
    assert barrier.offer(Judged("BTC", 1, 1, later, ())) == []
    assert barrier.offer(Judged("ETH", 0, 2, clock, ())) == []
    ready = barrier.offer(Judged("BTC", 0, 2, clock, ()))
    assert [[copy.lane for copy in copies] for copies in ready] == [["BTC", "ETH"], ["BTC"]]
    assert barrier.offer(Judged("BTC", 1, 1, later, ())) == []


def test_the_barrier_keeps_nothing_of_what_it_gave_out() -> None:
    barrier = Barrier()
    for _ in range(3):
        barrier.offer(Judged("BTC", 0, 1, event(0, "BTC"), ()))
    assert barrier.state().waiting == {}
