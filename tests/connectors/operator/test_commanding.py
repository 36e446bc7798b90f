"""Giving a command and hearing its answer, on a real broker."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from connectors.kafka.admin import create_topics
from connectors.operator.commanding import command_and_wait
from models.contracts import Answer
from models.control import Command, Kill
from models.failures import Failure
from models.reasons import Reason, Verdict
from models.settings import Kafka
from models.topics import ANSWERS

TOKEN = "11" * 32


def test_a_kill_that_the_watch_had_answered_first_is_answered(clean_kafka: str) -> None:
    """It is on disk before it is sent: the watch may send it, and the flow answer it, before its giver listens."""
    create_topics(Kafka(), clean_kafka)
    said = Answer(
        id="a5", journal=5, timestamp=5, command="c1", by="me", what="kill", verdict=Verdict.PASS, reason=Reason.OK,
        text="killed.",
    )  # fmt: skip
    producer = Producer({"bootstrap.servers": clean_kafka})
    producer.produce(ANSWERS, said.canonical())
    assert producer.flush(30) == 0
    assert command_and_wait(Command("c1", "evening", 5, "me", Kill()), TOKEN, Kafka(), clean_kafka, 30) == said
    with pytest.raises(Failure, match="has not answered"):
        command_and_wait(Command("c2", "evening", 6, "me", Kill()), TOKEN, Kafka(), clean_kafka, 0.3)
