"""The exchange is killed with -9 and started again, time and again, under load: every frame is accounted for.

Processes and sockets throughout: `profit simulate` and `profit record` are children, the broker is the session's.

What can be known by whom. The recorder knows what it received: each connection's frames are numbered, and the notice of
its end says how many there were; so whatever is missing between socket and topic is found by the flows, as
`connection_gap` or `recorder_gap`. What the exchange had sent and the recorder never received it cannot know:
Polymarket numbers nothing, and the numbers of Coinbase begin anew with each connection: they show a hole in the middle
and never a missing end.
Both are called by the only name that is true: `disconnected`, books invalid until the next snapshot. How many frames
were lost that way is known to the exchange alone. Here it keeps count in a file (`profit simulate --truth-file`), and

    frames sent = frames in the feed topics + frames lost in flight

is exact because each connection is told by the checksum of its first frame: no frame of a connection is in the topics
twice or beyond what that session was sent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest

from connectors.kafka.admin import create_topics
from connectors.ordering import merge_all
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.journal import Book, Feed, decode_event
from models.markers import OWN_PREFIX, Notice, decode_own
from models.message import Lost, Message, Stored
from models.settings import Checks, Kafka
from models.topics import FEED_POLYMARKET, JOURNAL
from tests.integration.killed_exchange import LOAD, RECORDER, SPEED, START, VENUES, FeedTopics, KilledExchange, settle
from tests.integration.recording import recording

pytestmark = pytest.mark.integration

KILLS = int(os.environ.get("PROFIT_TEST_KILLS", "10"))


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[KilledExchange]:
    made = KilledExchange(tmp_path, SPEED, START, **LOAD)
    yield made
    made.close()


def kill_often(exchange: KilledExchange, bootstrap: str, folder: Path, kills: int, seed: int) -> FeedTopics:
    """All of the feed topics after ``kills`` kills at moments that differ: while connections are made, in the middle of
    first snapshots, after some and after many frames."""
    rng = Random(seed)
    create_topics(Kafka(), bootstrap)
    exchange.begin()
    exchange.ready()
    options = ("--exchange", str(exchange.addresses))
    with recording(bootstrap, folder, *options, **LOAD, **RECORDER) as child:
        topics = FeedTopics(bootstrap)
        try:
            for number in range(kills):
                early = number > 0 and rng.random() < 0.2
                least = rng.randrange(0, 20) if early else rng.randrange(20, 400)
                before = dict(topics.count)
                topics.until(
                    lambda before=before, least=least: all(  # type: ignore[misc]
                        topics.count[topic] >= before[topic] + least for topic in VENUES.values()
                    ),
                    180,
                    f"{least} frames after kill {number}",
                )
                exchange.ahead()
                exchange.kill()
                exchange.begin()
                exchange.ready()
                assert child.process.poll() is None, child.output
            before = dict(topics.count)
            topics.until(lambda: topics.count[FEED_POLYMARKET] > before[FEED_POLYMARKET] + 100, 120, "the last frames")
            exchange.kill()
            ends = len(topics.notices(FEED_POLYMARKET))
            topics.until(lambda: len(topics.notices(FEED_POLYMARKET)) > ends, 120, "the last notice")
            assert child.end() == 0, child.output
            topics.until_end()
        finally:
            topics.close()
    return topics


def in_the_topics(topics: FeedTopics) -> int:
    """The exchange's frames, by what they are and not by their connections."""
    return sum(
        not record.value.startswith(OWN_PREFIX) and ".rest" not in envelope.conn
        for record, envelope in topics.records
        if record.topic in VENUES.values()
    )


def books_wait_for_snapshots(records: list[Stored | Lost]) -> tuple[int, int]:
    """No book is ok between a disconnection and its token's next snapshot. Returns sound books, and the disconnections
    after which there were any."""
    line = MarketLine(bounds_of(Checks()), "main")
    known: set[str] = set()
    sound = recoveries = disconnected = 0
    waiting = False
    for record in records:
        assert isinstance(record, Stored), record
        if record.topic == FEED_POLYMARKET:
            if record.value.startswith(OWN_PREFIX):
                own = decode_own(record.value)
                if isinstance(own, Notice) and own.state == "disconnected":
                    known.clear()
                    waiting = True
                    disconnected += 1
            elif b".rest" not in record.envelope:
                body = msgspec.json.decode(record.value)
                for each in body if isinstance(body, list) else [body]:
                    if each.get("event_type") == "book":
                        known.add(each["asset_id"])
        for out in line.advance(record):
            if not isinstance(out, Message) or out.topic != JOURNAL:
                continue
            event = decode_event(out.value)
            if isinstance(event, Book):
                for book in (event.up, event.down):
                    if book is not None and book.ok:
                        assert book.token in known, f"{book.token} is ok without a snapshot: {event.seq}"
                        sound += 1
                        recoveries += waiting
                        waiting = False
            elif isinstance(event, Feed):
                disconnected -= event.feed == FEED_POLYMARKET and event.what == "disconnected"
    assert disconnected == 0  # each stands in the journal
    return sound, recoveries


def check(exchange: KilledExchange, bootstrap: str, folder: Path, kills: int, seed: int) -> None:
    topics = kill_often(exchange, bootstrap, folder, kills, seed)
    sent, received, lost = settle(topics, exchange, kills)
    assert sent == received + lost and received == in_the_topics(topics) and received > 100 * kills
    seqs = sorted(envelope.seq for _, envelope in topics.records)
    assert seqs == list(range(len(seqs)))  # one run, nothing lost and nothing twice
    for topic in VENUES.values():
        times = [envelope.recv_ns for record, envelope in topics.records if record.topic == topic]
        assert times == sorted(times)
    sound, recoveries = books_wait_for_snapshots(merge_all(record for record, _ in topics.records))
    print(
        f"\n{kills} kills: {sent:,} frames sent, {received:,} in the feed topics, {lost:,} lost in flight; "
        f"{sound:,} sound books, again after {recoveries} disconnections"
    )
    assert recoveries >= kills * 0.5


def test_an_exchange_that_is_killed_twice(exchange: KilledExchange, clean_kafka: str, tmp_path: Path) -> None:
    check(exchange, clean_kafka, tmp_path, 2, 1)


@pytest.mark.slow
@pytest.mark.takes(60)
def test_an_exchange_that_is_killed_many_times(exchange: KilledExchange, clean_kafka: str, tmp_path: Path) -> None:
    check(exchange, clean_kafka, tmp_path, KILLS, 2)
