"""Inputs that are given while an archive is played are heard, in their place by the played clock."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import pytest

from api.supervisor.player import play
from connectors.archive.writer import ArchiveWriter
from connectors.kafka.admin import create_topics
from connectors.kafka.reader import Reader
from connectors.kafka.sink import Writer
from connectors.operator.commanding import send
from connectors.ordering import merge_all
from flows.market_line.line import MarketLine
from flows.trading_line.line import TradingLine
from models import topics
from models.bounds import bounds_of
from models.contracts import Answer
from models.control import Command, Kill, Pause, public_key
from models.envelope import Envelope
from models.journal import Clock, Feed, Input, decode_event
from models.markers import Marker, Tick, encode_own
from models.message import Message, Stored
from models.settings import Checks, Kafka, OperatorSettings, Settings
from models.timestamps import MILLISECOND
from tests.waiting import eventually

pytestmark = pytest.mark.integration

T = 1_790_000_000_000_000_000
TICKS = 40
RECORDED_AT = 30  # ticks before the recorded promotion
FEED_RECORDS = TICKS + 2 * len(topics.FEEDS)
TOKEN = "11" * 32


def promotion(name: str) -> bytes:
    return msgspec.json.encode({"model": name, "instance": "fair", "t": 1, "state": "shadow"})


def recording(folder: Path) -> Path:
    """Ten seconds of ticks; a promotion is recorded in them, at another offset than it will have."""
    offsets = dict.fromkeys(topics.FEEDS, 0)
    seq = 0
    with ArchiveWriter(folder) as writer:

        def add(topic: str, value: bytes, t: int) -> None:
            nonlocal seq
            envelope = Envelope(t, "r0", seq, topic, offsets[topic]).encode()
            writer.append(Stored(topic, 0, offsets[topic], "c", value, t, envelope=envelope))
            offsets[topic] += 1
            seq += 1

        for topic in topics.FEEDS:
            add(topic, encode_own(Marker("start", "r0", "sim")), T)
        for number in range(TICKS):
            t = T + number * 250 * MILLISECOND
            counts = {topics.MODELS: 6} if number >= RECORDED_AT else {topics.MODELS: 5}
            add(topics.FEED_CLOCK, encode_own(Tick(number, t, counts)), t)
        for topic in topics.FEEDS:
            add(topic, encode_own(Marker("end", "r0", "sim")), t)
        writer.append(Stored(topics.MODELS, 0, 5, "m", promotion("recorded"), T))
    return folder


def test_what_is_given_while_an_archive_is_played_gets_its_place_by_the_played_clock(
    tmp_path: Path, clean_kafka: str
) -> None:
    kafka = Kafka()
    create_topics(kafka, clean_kafka)
    before = Writer(kafka, clean_kafka)
    before.write(Message(topics.MODELS, "m", promotion("early"), T))
    before.flush()
    archive = recording(tmp_path / "archive")
    failed: list[BaseException] = []

    def run() -> None:
        try:
            play(archive, kafka, clean_kafka, lambda: False, speed=2.0)
        except BaseException as cause:
            failed.append(cause)

    player = threading.Thread(target=run)
    player.start()
    reader = Reader(kafka, clean_kafka, [*topics.FEEDS, *topics.INPUTS])
    reader.start(dict.fromkeys([*topics.FEEDS, *topics.INPUTS], 0))
    found: list[Stored] = []

    def clock_has(number: int) -> bool:
        found.extend(reader.read(1_000, 0.05))
        return len([each for each in found if each.topic == topics.FEED_CLOCK]) > number

    eventually(lambda: clock_has(8), 60)
    given = Writer(kafka, clean_kafka)
    for topic, value in ((topics.MODELS, promotion("given")), (topics.EXECUTIONS, b"{not json")):
        given.write(Message(topic, "x", value, time.time_ns()))
    given.flush()
    player.join(120)
    assert not player.is_alive() and not failed, failed
    eventually(lambda: clock_has(TICKS + 1), 60)
    reader.close()

    line = MarketLine(bounds_of(Checks()), "main")
    made = [out for record in merge_all(found) for out in line.advance(record) if isinstance(out, Message)]
    events = [decode_event(out.value) for out in made if out.topic == topics.JOURNAL]
    places = {
        msgspec.json.decode(each.payload)["model"]: len([e for e in events[:at] if isinstance(e, Clock)])
        for at, each in enumerate(events)
        if isinstance(each, Input)
    }
    assert set(places) == {"early", "given", "recorded"}
    assert places["early"] == 0, "what was there before stands before the first tick"
    assert 5 < places["given"] < TICKS
    assert places["recorded"] == RECORDED_AT, "what was recorded keeps its place"
    assert [out.key for out in made if out.topic == topics.DEAD_LETTER] != [], "what cannot be decoded is a dead letter"


def test_a_command_after_the_end_of_a_played_archive_is_ordered_and_answered(tmp_path: Path, clean_kafka: str) -> None:
    kafka = Kafka()
    create_topics(kafka, clean_kafka)
    archive = recording(tmp_path / "archive")
    over, stop = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            play(archive, kafka, clean_kafka, stop.is_set, speed=0, over=lambda _: over.set())
        except BaseException as cause:
            failed.append(cause)

    player = threading.Thread(target=run)
    player.start()
    assert over.wait(60), failed
    commands = [Command(name, "evening", time.time_ns(), "trader", do) for name, do in (("a", Pause()), ("b", Kill()))]
    reader = Reader(kafka, clean_kafka, [*topics.FEEDS, *topics.INPUTS])
    reader.start(dict.fromkeys([*topics.FEEDS, *topics.INPUTS], 0))
    found: list[Stored] = []

    def ticks() -> int:
        found.extend(reader.read(1_000, 0.05))
        return len([each for each in found if each.topic == topics.FEED_CLOCK and b'"tick"' in each.value])

    for number, command in enumerate(commands, 1):
        send(command, TOKEN, kafka, clean_kafka)
        eventually(lambda at=TICKS + number: ticks() >= at, 60)  # type: ignore[misc]
    stop.set()
    player.join(60)
    assert not player.is_alive() and not failed, failed
    eventually(lambda: ticks() and len(found) >= FEED_RECORDS + 1 + len(commands) * 2 + 2 * len(topics.FEEDS), 60)
    reader.close()

    line = MarketLine(bounds_of(Checks()), "main")
    made = [out for record in merge_all(found) for out in line.advance(record) if isinstance(out, Message)]
    events = [decode_event(out.value) for out in made if out.topic == topics.JOURNAL]
    assert [each.what for each in events if isinstance(each, Feed) and "gap" in each.what] == []
    operator = OperatorSettings(public_key=public_key(TOKEN))
    trading = TradingLine(Settings(operator=operator, run_name="evening"))
    said = [out for event in events for out in trading.advance(event) if isinstance(out, Message)]
    answers = [Answer.read(out.value) for out in said if out.topic == topics.ANSWERS]
    assert [(each.command, each.verdict) for each in answers] == [("a", "pass"), ("b", "pass")]
