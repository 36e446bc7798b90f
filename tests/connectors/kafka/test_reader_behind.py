"""A reader far behind on a topic of many small batches catches up, whatever the broker makes of short fetches."""

from __future__ import annotations

import time

from confluent_kafka import Producer

from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics
from connectors.kafka.reader import Reader
from models.settings import Broker, Kafka
from models.topics import Topic

BATCHES = 30_000
BEGIN = 15_000


def test_a_reader_far_behind_does_not_starve() -> None:
    with EmbeddedBroker.start(Broker()) as broker:
        create_topics(Kafka(), broker.bootstrap, [Topic("t", "out", "", "")])
        config = {"bootstrap.servers": broker.bootstrap, "linger.ms": 0, "batch.num.messages": 1}
        producer = Producer(config)
        for number in range(BATCHES):
            producer.produce("t", b"x" * 200)
            while len(producer) > 2_000:
                producer.poll(0.01)
            if number % 500 == 0:
                producer.poll(0)
        assert producer.flush(180) == 0
        reader = Reader(Kafka(), broker.bootstrap, ["t"])
        reader.start({"t": BEGIN})
        read: list[int] = []
        deadline = time.monotonic() + 180
        while len(read) < BATCHES - BEGIN and time.monotonic() < deadline:
            read.extend(record.offset for record in reader.read(2_000, 0.02))
        reader.close()
    assert read == list(range(BEGIN, BATCHES))
