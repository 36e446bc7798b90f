"""The way of a lag: the trading flow's report on a real broker, the recorder's tick, the journal's clock event."""

import time

import pytest

from connectors.clock import SystemClock
from connectors.kafka.admin import create_topics
from connectors.kafka.client import consumer_config
from connectors.kafka.progress import EVERY_S, ProgressReporter
from connectors.kafka.sink import KafkaSink
from connectors.recorder.inputs import InputCounter
from connectors.recorder.ticks import ClockDoor
from connectors.recorder.writer import FeedWriter
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.journal import Clock, decode_event
from models.markers import Tick, decode_own
from models.message import Message, Stored
from models.progress import decode_progress
from models.settings import Checks, Kafka
from models.topics import DECISIONS, JOURNAL, PROGRESS, QUALITY, TELEMETRY
from tests.connectors.recorder.rig import Captured
from tests.waiting import eventually

MS = 1_000_000


def test_the_oldest_timely_row_of_a_batch_is_reported_and_not_too_often() -> None:
    now = [5.0]
    reporter = ProgressReporter("trading", lambda: now[0])
    rows = [Message(TELEMETRY, "m", b"", 900), Message(DECISIONS, "m", b"", 700), Message(QUALITY, "q", b"", 100)]
    report = reporter.report(rows)
    assert report is not None
    assert report.topic == PROGRESS
    assert decode_progress(report.value).t == 700
    assert reporter.report(rows) is None
    now[0] += EVERY_S
    assert reporter.report([Message(QUALITY, "q", b"", 100)]) is None  # counts of a window say nothing of now
    assert reporter.report(rows) is not None


def test_a_tick_carries_the_lag_and_the_journal_has_it() -> None:
    outlet = Captured()
    clock = SystemClock()
    door = ClockDoor(250, FeedWriter("r0", "sim", clock, outlet), clock)
    door.tick()
    door.progressed(clock.now_ns() - 2_500 * MS)
    door.tick()
    ticks = [decode_own(message.value) for message in outlet.messages]
    assert [tick.lag_ms == -1 for tick in ticks if isinstance(tick, Tick)] == [True, False]

    line = MarketLine(bounds_of(Checks()), "main")
    events = []
    for offset, message in enumerate(outlet.messages):
        stored = Stored(message.topic, 0, offset, "", message.value, message.t_ns, envelope=message.envelope)
        events += [decode_event(m.value) for m in line.advance(stored) if isinstance(m, Message) and m.topic == JOURNAL]
    lags = [event.lag_ms for event in events if isinstance(event, Clock)]
    assert lags[0] == -1
    assert 2_500 <= lags[1] < 60_000


@pytest.mark.integration
def test_what_the_trading_flow_acknowledges_is_heard_by_the_recorder(clean_kafka: str) -> None:
    kafka = Kafka()
    create_topics(kafka, clean_kafka)
    heard: list[int] = []
    failures: list[Exception] = []
    counter = InputCounter(consumer_config(kafka, clean_kafka), lambda *_: None, failures.append, heard.append)
    sink = KafkaSink(kafka, clean_kafka, progress=ProgressReporter("trading")).build("trading_out", 0, 1)
    try:
        counter.start()
        begun = time.time_ns()
        sink.write_batch([Message(TELEMETRY, "portfolio", b"{}", begun)])
        eventually(lambda: heard, what="the report is heard")
        sink.close()
    finally:
        counter.close()
    assert heard == [begun]
    assert not failures
