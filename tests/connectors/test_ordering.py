"""The merge against a plain model of what a recorder wrote: the order is a function of the records alone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.ordering import FeedMerge, merge_all
from models import topics
from models.envelope import Envelope
from models.markers import Marker, Tick, encode_own
from models.message import Lost, Stored

Emitted = Stored | Lost


@dataclass
class Log:
    """Topics being written, and the order that a reader must find."""

    topics: dict[str, list[Stored]] = field(default_factory=lambda: {name: [] for name in topics.FEEDS + topics.INPUTS})
    expected: list[Emitted] = field(default_factory=list)
    unplaced_inputs: list[Stored] = field(default_factory=list)

    def append(self, topic: str, value: bytes, envelope: Envelope | None = None) -> Stored:
        raw = envelope.encode() if envelope else b""
        offset = len(self.topics[topic])
        stored = Stored(topic, 0, offset, "k", value, envelope.recv_ns if envelope else 0, envelope=raw)
        self.topics[topic].append(stored)
        return stored

    def lose(self, run: str, seq: int) -> None:
        last = self.expected[-1] if self.expected else None
        if isinstance(last, Lost) and last.run == run and last.last == seq - 1:
            self.expected[-1] = Lost(run, last.first, seq)
        else:
            self.expected.append(Lost(run, seq, seq))


class Recorder:
    """Writes one run into a log the way a recorder does, with losses and duplicates as told."""

    def __init__(self, log: Log, run: str, start_ns: int) -> None:
        self.log, self.run, self.seq, self.now, self.ticks = log, run, 0, start_ns, 0
        for topic in topics.FEEDS:
            self.write(topic, encode_own(Marker("start", run, "sim")))

    def write(self, topic: str, value: bytes = b"frame", lost: bool = False) -> Stored | None:
        self.now += 1
        envelope = Envelope(self.now, self.run, self.seq, "c", self.seq)
        self.seq += 1
        if lost:
            return None
        stored = self.log.append(topic, value, envelope)
        self.log.expected.append(stored)
        return stored

    def tick(self) -> None:
        for waiting in sorted(self.log.unplaced_inputs, key=lambda s: (topics.INPUTS.index(s.topic), s.offset)):
            self.log.expected.append(waiting)
        self.log.unplaced_inputs.clear()
        counts = {name: len(self.log.topics[name]) for name in topics.INPUTS}
        self.write(topics.FEED_CLOCK, encode_own(Tick(self.ticks, self.now, counts)))
        self.ticks += 1


actions = st.lists(
    st.one_of(
        st.sampled_from([("feed", t) for t in topics.FEEDS[:3]]),
        st.sampled_from([("input", t) for t in topics.INPUTS]),
        st.sampled_from(
            [("tick", ""), ("lost", ""), ("junk", topics.FEED_POLYMARKET), ("again", topics.FEED_COINBASE)]
        ),
    ),
    max_size=40,
)


@st.composite
def logs(draw: st.DrawFn) -> Log:
    """A log of one to three runs, each with frames, ticks, inputs, losses, duplicates and unreadable records. A loss is
    always followed by a record in every topic, so that it is certain."""
    log = Log()
    for number in range(draw(st.integers(1, 3))):
        recorder = Recorder(log, f"r{number}", number * 1_000_000)
        for what, topic in draw(actions):
            if what == "feed":
                recorder.write(topic)
            elif what == "input":
                log.unplaced_inputs.append(log.append(topic, b"command"))
            elif what == "tick":
                recorder.tick()
            elif what == "lost":
                log.lose(recorder.run, recorder.seq)
                recorder.write(topics.FEED_MARKETS, lost=True)
                # every topic moves past it at once, or the place of the loss would depend on what follows
                for name in topics.FEEDS[:3]:
                    recorder.write(name)
                recorder.tick()
            elif what == "junk":
                # directly before the next readable record of its topic, which is written here
                log.expected.append(log.append(topic, b"junk"))
                recorder.write(topic)
            else:
                log.topics[topic].append(
                    Stored(topic, 0, len(log.topics[topic]), "k", b"", 0, envelope=log.topics[topic][-1].envelope)
                )
        recorder.tick()
        for name in topics.FEEDS:
            recorder.write(name, encode_own(Marker("end", recorder.run, "sim")))
    return log


def feed_all(merge: FeedMerge, log: Log, choices: list[tuple[int, int, int]]) -> list[Emitted]:
    """Offer and drain as ``choices`` say (which wanted topic, how many, drain how many), then the rest in order."""
    out: list[Emitted] = []

    def read(topic: str, count: int) -> None:
        start = merge.next_offsets()[topic]
        records = log.topics[topic][start : start + count]
        for stored in records:
            merge.offer(stored)
        if start + len(records) == len(log.topics[topic]):
            merge.exhaust(topic)

    for which, count, limit in choices:
        wanted = merge.wants()
        if wanted:
            read(wanted[which % len(wanted)], count)
        out += merge.drain(limit)
    while not merge.done:
        before = merge.snapshot(), merge.next_offsets(), merge.wants()
        for topic in merge.wants():
            read(topic, 3)
        drained = merge.drain(5)
        out += drained
        assert drained or before != (merge.snapshot(), merge.next_offsets(), merge.wants()), "the merge is stuck"
    return out


choices = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 7), st.integers(0, 9)), max_size=60)


@given(logs(), choices)
def test_order_is_independent_of_interleaving_and_chunks(log: Log, order: list[tuple[int, int, int]]) -> None:
    assert feed_all(FeedMerge(max_waiting=4), log, order) == log.expected


@given(logs(), choices, st.lists(st.integers(0, 60), min_size=1, max_size=4))
def test_resume_anywhere_equals_uninterrupted(log: Log, order: list[tuple[int, int, int]], cuts: list[int]) -> None:
    out: list[Emitted] = []
    merge = FeedMerge()
    for cut in cuts:
        for which, count, limit in order[:cut]:
            wanted = [t for t in merge.wants() if merge.next_offsets()[t] < len(log.topics[t])]
            if wanted:
                topic = wanted[which % len(wanted)]
                start = merge.next_offsets()[topic]
                for stored in log.topics[topic][start : start + count]:
                    merge.offer(stored)
            out += merge.drain(limit)
        state = merge.snapshot()
        merge = FeedMerge()
        merge.restore(state)
        assert merge.next_offsets() == state["positions"]
    out += feed_all(merge, log, [])
    assert out == log.expected


@given(logs())
def test_every_topic_in_one_gulp_gives_the_same(log: Log) -> None:
    for names in itertools.islice(itertools.permutations(log.topics), 0, 5040, 1000):
        assert merge_all(stored for name in names for stored in log.topics[name]) == log.expected


@pytest.fixture
def log() -> Log:
    return Log()


def offer(merge: FeedMerge, log: Log, *names: str) -> None:
    for name in names:
        for stored in log.topics[name][merge.next_offsets()[name] :]:
            merge.offer(stored)


def test_a_missing_record_is_waited_for_while_a_topic_could_still_bring_it(log: Log) -> None:
    recorder = Recorder(log, "r0", 0)
    recorder.write(topics.FEED_MARKETS)
    after = recorder.write(topics.FEED_POLYMARKET)
    merge = FeedMerge()
    merge.offer(log.topics[topics.FEED_MARKETS][0])
    offer(merge, log, topics.FEED_POLYMARKET, topics.FEED_COINBASE, topics.FEED_CLOCK)
    assert len(merge.drain(100)) == 4
    assert merge.drain(100) == []
    offer(merge, log, topics.FEED_MARKETS)
    assert merge.drain(100)[-1] == after


def test_what_a_crashed_run_never_delivered_is_lost_when_the_next_run_has_begun_everywhere(log: Log) -> None:
    first = Recorder(log, "r0", 0)
    first.write(topics.FEED_POLYMARKET, lost=True)
    first.write(topics.FEED_POLYMARKET, lost=True)
    survivor = first.write(topics.FEED_COINBASE)
    second = Recorder(log, "r1", 100)
    assert survivor is not None
    merge = FeedMerge()
    offer(merge, log, *topics.FEEDS)
    out = merge.drain(100)
    assert out[4:6] == [Lost("r0", 4, 5), survivor]
    assert len(out) == 6 + 4
    assert merge.stats["lost"] == 2
    assert second.seq == 4


def test_a_tick_waits_for_the_commands_it_counts(log: Log) -> None:
    recorder = Recorder(log, "r0", 0)
    command = log.append(topics.CONTROL, b"halt")
    log.unplaced_inputs.append(command)
    recorder.tick()
    merge = FeedMerge()
    offer(merge, log, *topics.FEEDS)
    assert len(merge.drain(100)) == 4
    assert topics.CONTROL in merge.wants()
    merge.offer(command)
    out = merge.drain(100)
    assert out == [command, log.topics[topics.FEED_CLOCK][-1]]


def test_a_command_that_no_tick_counts_yet_is_held_back(log: Log) -> None:
    recorder = Recorder(log, "r0", 0)
    recorder.tick()
    late = log.append(topics.CONTROL, b"halt")
    merge = FeedMerge()
    offer(merge, log, *topics.FEEDS, topics.CONTROL)
    assert late not in merge.drain(100)
    assert merge.snapshot()["positions"][topics.CONTROL] == 0


def test_commands_that_an_exhausted_topic_never_brought_are_lost_by_name(log: Log) -> None:
    recorder = Recorder(log, "r0", 0)
    recorder.write(topics.FEED_CLOCK, encode_own(Tick(0, 0, {topics.CONTROL: 2})))
    merge = FeedMerge()
    offer(merge, log, *topics.FEEDS)
    merge.exhaust(topics.CONTROL)
    assert merge.drain(100)[4] == Lost(topics.CONTROL, 0, 1)


def test_commands_older_than_the_first_readable_one_are_not_waited_for(log: Log) -> None:
    recorder = Recorder(log, "r0", 0)
    recorder.write(topics.FEED_CLOCK, encode_own(Tick(0, 0, {topics.CONTROL: 2})))
    merge = FeedMerge()
    merge.begin(topics.CONTROL, 2)
    offer(merge, log, *topics.FEEDS)
    assert len(merge.drain(100)) == 5
    assert merge.stats["lost"] == 0


def test_a_run_that_is_over_does_not_come_back(log: Log) -> None:
    Recorder(log, "r0", 0)
    Recorder(log, "r1", 100)
    log.append(topics.FEED_POLYMARKET, b"late", Envelope(200, "r0", 4, "c", 0))
    merge = FeedMerge()
    offer(merge, log, *topics.FEEDS)
    assert len(merge.drain(100)) == 8
    assert merge.stats["strays"] == 1


def test_a_full_topic_is_not_wanted_until_it_drains(log: Log) -> None:
    recorder = Recorder(log, "r0", 0)
    for _ in range(10):
        recorder.write(topics.FEED_COINBASE)
    merge = FeedMerge(max_waiting=5)
    offer(merge, log, topics.FEED_COINBASE)
    assert topics.FEED_COINBASE not in merge.wants()
    offer(merge, log, *topics.FEEDS)
    merge.drain(100)
    assert topics.FEED_COINBASE in merge.wants()


def test_bytes_bound_the_waiting_too(log: Log) -> None:
    recorder = Recorder(log, "r0", 0)
    recorder.write(topics.FEED_COINBASE, b"x" * 2_000)
    merge = FeedMerge(max_waiting_bytes=1_000)
    offer(merge, log, topics.FEED_COINBASE)
    assert topics.FEED_COINBASE not in merge.wants()
    offer(merge, log, *topics.FEEDS)
    merge.drain(100)
    assert topics.FEED_COINBASE in merge.wants()


def test_a_foreign_topic_is_refused() -> None:
    with pytest.raises(ValueError, match="not merged"):
        FeedMerge().offer(Stored(topics.JOURNAL, 0, 0, "", b"", 0))
