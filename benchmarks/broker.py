"""The embedded broker: processor time at steady rates, the latency of one hop, throughput, and a start on what it kept.

One producer and one consumer, with the system's own settings for both, and records of a kilobyte: less than a book
frame, more than a row of telemetry.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Final

import psutil
from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.figures import Result, percentile
from benchmarks.options import Options
from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics
from connectors.kafka.client import consumer_config, producer_config
from models.settings import Broker, Kafka
from models.topics import Topic

NAME = "broker"
RATES: Final = (100, 1_000)  # records a second
LINGERS_MS: Final = (1, 5)
PACED_S: Final = 30.0
QUICK_PACED_S: Final = 2.0
SETTLE_S: Final = 1.0
ROUNDS: Final = 3
VALUE: Final = bytes(range(256)) * 4
#: Batches that are there before a rate is measured again: nothing may depend on a topic's length.
LENGTH: Final = 100_000
QUICK_LENGTH: Final = 2_000
#: What is written and read at full speed.
VOLUME: Final = 512 * 1024 * 1024
QUICK_VOLUME: Final = 16 * 1024 * 1024
BLOCK: Final = 50_000  # bytes of a record there
MIB: Final = 1024 * 1024
TOPIC: Final = "hop"
WIDE: Final = "volume"


def measure(options: Options) -> Result:
    result = Result(NAME)
    rounds = 1 if options.quick else ROUNDS
    paced = QUICK_PACED_S if options.quick else PACED_S
    with tempfile.TemporaryDirectory(prefix="profit-bench-") as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        broker = stack.enter_context(EmbeddedBroker.start(Broker(), folder=folder))
        create_topics(Kafka(), broker.bootstrap, [Topic(name, "out", "", "") for name in (TOPIC, WIDE)])
        for rate in RATES:
            for linger in LINGERS_MS:
                options.say(f"{rate} records/s, linger {linger} ms")
                _steady(result, f"{rate}/s, linger {linger} ms", broker, rate, linger, paced, rounds)
        length = QUICK_LENGTH if options.quick else LENGTH
        options.say(f"{length:,} batches")
        _lengthen(broker.bootstrap, length)
        _steady(result, f"100/s, linger 1 ms, after {length:,} batches", broker, 100, 1, paced, rounds)
        options.say("full speed")
        _volume(result, broker, QUICK_VOLUME if options.quick else VOLUME)
        _start_again(result, broker)
    result.notes.append(
        f"records of {len(VALUE)} bytes, one producer and one consumer in one process, fetch wait "
        f"{Kafka().fetch_wait_max_ms} ms, {paced:g} s a round; volume in uncompressed records of {BLOCK:,} bytes"
    )
    return result


def _steady(
    result: Result, name: str, broker: EmbeddedBroker, rate: int, linger: int, paced: float, rounds: int
) -> None:
    hops: list[list[float]] = []
    processor: list[float] = []
    for _ in range(rounds):
        latencies, seconds = _round(broker, rate, linger, paced)
        hops.append(latencies)
        processor.append(seconds)
    result.add(f"{name}: hop p50", "ms", [percentile(each, 0.5) for each in hops])
    result.add(f"{name}: hop p99", "ms", [percentile(each, 0.99) for each in hops])
    result.add(f"{name}: broker's processor", "s/min", processor)


def _round(broker: EmbeddedBroker, rate: int, linger: int, paced: float) -> tuple[list[float], float]:
    """Latencies in ms, from handing a record to the producer to having it from the consumer; and processor seconds a
    minute of the broker."""
    kafka = Kafka(linger_ms=linger)
    producer = Producer(producer_config(kafka, broker.bootstrap))
    consumer = _consumer(broker.bootstrap, TOPIC, at_end=True)
    process = psutil.Process(broker.pid)
    latencies: list[float] = []
    begun = due = time.perf_counter()
    counted_from, over = begun + SETTLE_S, threading.Event()

    def read() -> None:
        while not over.is_set():
            message = consumer.poll(0.1)
            now = time.perf_counter_ns()
            if message is not None and (sent := int(message.key() or b"0")) > counted_from * 1e9:
                latencies.append((now - sent) / 1e6)

    reader = threading.Thread(target=read)
    reader.start()
    used = 0.0
    while (now := time.perf_counter()) < begun + SETTLE_S + paced:
        if now >= counted_from and not used:
            counted_from, used = now, _processor(process)
        producer.produce(TOPIC, VALUE, b"%d" % time.perf_counter_ns(), partition=0)
        producer.poll(0)
        due += 1 / rate
        time.sleep(max(due - time.perf_counter(), 0.0))
    seconds = (_processor(process) - used) / (time.perf_counter() - counted_from) * 60
    over.set()
    reader.join()
    producer.flush(10)
    consumer.close()
    return latencies, seconds


def _consumer(bootstrap: str, topic: str, at_end: bool) -> Consumer:
    config: dict[str, Any] = consumer_config(Kafka(), bootstrap)
    consumer = Consumer(config)
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
    consumer.assign([TopicPartition(topic, 0, high if at_end else low)])
    return consumer


def _processor(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _lengthen(bootstrap: str, batches: int) -> None:
    producer = Producer(producer_config(Kafka(linger_ms=0), bootstrap) | {"batch.num.messages": 1})
    for _ in range(batches):
        while len(producer) > 1_000:
            producer.poll(0.01)
        producer.produce(TOPIC, VALUE[:100], b"0", partition=0)
    producer.flush(120)


def _volume(result: Result, broker: EmbeddedBroker, volume: int) -> None:
    block = (VALUE * (BLOCK // len(VALUE) + 1))[:BLOCK]
    producer = Producer(producer_config(Kafka(compression="none"), broker.bootstrap))
    records = volume // BLOCK
    begun = time.perf_counter()
    for _ in range(records):
        while len(producer) > 2_000:
            producer.poll(0.01)
        producer.produce(WIDE, block, partition=0)
    producer.flush(120)
    result.add("writing", "MB/s", [volume / 1e6 / (time.perf_counter() - begun)])
    consumer = _consumer(broker.bootstrap, WIDE, at_end=False)
    begun, found = time.perf_counter(), 0
    while found < records:
        found += len(consumer.consume(500, 0.1))
    result.add("reading", "MB/s", [volume / 1e6 / (time.perf_counter() - begun)])
    consumer.close()
    result.add("broker's memory then", "MiB", [broker.memory_bytes() / MIB])


def _start_again(result: Result, broker: EmbeddedBroker) -> None:
    """As after kill -9."""
    process = psutil.Process(broker.pid)
    process.kill()
    process.wait(10)
    begun = time.perf_counter()
    broker.restart()
    result.add("start on all that, after kill -9", "ms", [(time.perf_counter() - begun) * 1000])
