"""Feed-to-decision latency at a steady rate of frames, through the real processes of the flows.

A publisher paces the frames of a simulated recording into the feed topics; a receiver reads scans and decisions. Each
row names the journal event that triggered it, the journal names the feed record of that event, and the publisher knows
when it handed that record to the Kafka client.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from confluent_kafka import Producer

from api.supervisor.run import PROFIT
from benchmarks.figures import Result, percentile
from benchmarks.options import Options
from benchmarks.recordings import simulated
from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics, delete_topics, partitions
from connectors.kafka.client import producer_config
from connectors.kafka.reader import Reader
from connectors.kafka.records import headers_of
from connectors.simulator.exchange import ExchangeParameters
from models.failures import Failure
from models.journal import decode_event
from models.message import Message, Stored
from models.settings import Broker, Kafka
from models.timestamps import SECOND
from models.topics import BY_NAME, DECISIONS, FEED_COINBASE, JOURNAL, SCANS

NAME = "latency"
RATE: Final = 1_000  # frames a second
#: Made to emit about RATE records a simulated second, so that event time goes about as fast as the clock on the wall.
PARAMETERS: Final = ExchangeParameters(assets=("BTC", "ETH", "SOL", "XRP"), frames_per_s=175.0)
HISTORY_S: Final = 75  # simulated seconds sent before, unpaced: the fair value needs 60 to warm up
SETTLE_S: Final = 3.0  # paced seconds that do not count
PACED_S: Final = 30
QUICK_PACED_S: Final = 5
ROUNDS: Final = 3
PATIENCE_S: Final = 120.0
KAFKA_SCRIPT: Final = Path(".ci/kafka")
UNDER_SCRIPT: Final = "PROFIT_TEST_KAFKA"
NOT_HERE: Final = 77

Times = dict[str, list[int]]


class _Row(msgspec.Struct):
    """What is read of a scan or decision."""

    journal: int
    timestamp: int


class Sample(msgspec.Struct):
    """One round on one broker; latencies in milliseconds. ``behind_ms``: the latest start of a frame after it was due.
    ``rate``: frames a second that were really sent."""

    scans: list[float]
    decisions: list[float]
    hop: list[float]
    rate: float
    behind_ms: float


def measure(options: Options) -> Result:
    """p50 and p99 on the embedded broker and, where there is one or one can be started, on Apache Kafka."""
    if not options.kafka and not options.quick and KAFKA_SCRIPT.is_file():
        answer = _under_script(options)
        if answer is not None:
            return answer
    return _measure(options)


def _under_script(options: Options) -> Result | None:
    """The benchmark run by ``.ci/kafka``, which starts an Apache Kafka for it; None where there is none."""
    with tempfile.TemporaryDirectory(prefix="profit-bench-") as place:
        answer = Path(place) / "answer.json"
        options.say("starting Apache Kafka")
        done = subprocess.run(
            [str(KAFKA_SCRIPT.resolve()), sys.executable, "-m", "benchmarks.latency", str(answer)],
            stdout=sys.stderr,
            check=False,
        )
        if done.returncode == NOT_HERE or not answer.is_file():
            options.say("no Apache Kafka could be started here: measuring the embedded broker alone")
            return None
        return msgspec.json.decode(answer.read_bytes(), type=Result)


def _measure(options: Options) -> Result:
    result = Result(NAME)
    paced = QUICK_PACED_S if options.quick else PACED_S
    rounds = 1 if options.quick else ROUNDS
    options.say("simulating the feeds")
    records = simulated(HISTORY_S + paced + 15, PARAMETERS)
    samples: dict[str, list[Sample]] = {"embedded": []}
    if options.kafka:
        samples["Apache Kafka"] = []
    for number in range(rounds):
        for broker, taken in samples.items():
            options.say(f"{broker}: round {number + 1} of {rounds}")
            with _embedded() if broker == "embedded" else _given(options.kafka) as bootstrap:
                taken.append(_round(bootstrap, records, paced))
    for broker, taken in samples.items():
        _add(result, broker, taken)
    result.notes.append(
        f"{RATE:,} frames/s, evenly paced, {paced} s a round, {rounds} rounds; warm-up excluded: {HISTORY_S} simulated "
        f"seconds sent unpaced before, and the first {SETTLE_S:g} s of the pacing"
    )
    if not options.kafka:
        result.notes.append("Apache Kafka was not measured: name one with --kafka HOST:PORT")
    return result


def _add(result: Result, broker: str, samples: list[Sample]) -> None:
    for what in ("scans", "decisions"):
        rounds = [latencies for sample in samples if (latencies := getattr(sample, what))]
        if not rounds:
            result.notes.append(f"{broker}: there were no {what} to measure")
            continue
        for share, name in ((0.5, "p50"), (0.99, "p99")):
            result.add(f"{broker}: feed to {what[:-1]} {name}", "ms", [percentile(each, share) for each in rounds])
    result.add(f"{broker}: one bare Kafka hop p50", "ms", [percentile(sample.hop, 0.5) for sample in samples])
    result.add(f"{broker}: one bare Kafka hop p99", "ms", [percentile(sample.hop, 0.99) for sample in samples])
    result.add(
        f"{broker}: feed to scan p50 / bare hop p50",
        "ratio",
        [percentile(sample.scans, 0.5) / percentile(sample.hop, 0.5) for sample in samples],
    )
    result.add(f"{broker}: frames sent", "frames/s", [sample.rate for sample in samples])
    result.notes.append(
        f"{broker}: {', '.join(str(len(s.scans)) for s in samples)} scans and "
        f"{', '.join(str(len(s.decisions)) for s in samples)} decisions measured; the publisher was at most "
        f"{max(sample.behind_ms for sample in samples):.1f} ms late"
    )


@contextlib.contextmanager
def _embedded() -> Iterator[str]:
    with EmbeddedBroker.start(Broker()) as broker:
        create_topics(Kafka(), broker.bootstrap)
        yield broker.bootstrap


@contextlib.contextmanager
def _given(bootstrap: str) -> Iterator[str]:
    """The user's cluster: only one that has no topic of ours, so that nobody's data is read, mixed or deleted."""
    kafka = Kafka()
    used = sorted(BY_NAME.keys() & partitions(kafka, bootstrap).keys())
    if used:
        raise Failure(
            f"{bootstrap} has topics of a run already: {', '.join(used)}.",
            "Name a cluster without them: the benchmark makes the topics and deletes them afterwards.",
        )
    try:
        create_topics(kafka, bootstrap)
        yield bootstrap
    finally:
        delete_topics(kafka, bootstrap, BY_NAME)


@contextlib.contextmanager
def _flows(bootstrap: str) -> Iterator[None]:
    """The market and the trading flow, each a process of its own, with the default settings."""
    with tempfile.TemporaryDirectory(prefix="profit-bench-") as place:
        folder = Path(place)
        defaults = folder / "defaults.toml"
        defaults.touch()
        log = (folder / "log").open("w+b")
        words = ("--kafka", bootstrap, "--run-dir", place, "--config", str(defaults), "--lifeline")
        processes = [
            subprocess.Popen(
                (*PROFIT, "flow", name, *words),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )
            for name in ("market", "trading")
        ]
        try:
            yield
        except Failure as failure:
            log.seek(0)
            said = log.read().decode(errors="replace").strip().splitlines()
            causes = [line for line in said if line.startswith("profit: ")] or said
            raise Failure(failure.cause + (f" The flows said: {causes[-1]}" if causes else ""), failure.cure) from None
        finally:
            for process in processes:
                if process.stdin is not None:
                    process.stdin.close()  # their lifeline
            for process in processes:
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            log.close()


class _Receiver:
    """Reads some topics in a thread and notes when each record came (monotonic ns), one by one: a call that asks for
    several records would wait for all of them."""

    def __init__(self, bootstrap: str, topics: list[str]) -> None:
        self.received: list[tuple[int, Stored]] = []
        self._reader = Reader(Kafka(), bootstrap, topics)
        self._reader.start(dict.fromkeys(topics, 0))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            for record in self._reader.read(1, 0.05):
                self.received.append((time.monotonic_ns(), record))

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._reader.close()


class _Publisher:
    """Sends feed records as the recorder does; remembers when each was handed over (monotonic ns), by topic and
    offset."""

    def __init__(self, bootstrap: str) -> None:
        self.times: Times = {}
        self._failed: list[str] = []
        self._producer = Producer(producer_config(Kafka(), bootstrap))

    def send(self, record: Stored) -> None:
        message = Message(record.topic, record.key, record.value, record.t_ns, envelope=record.envelope)
        headers = headers_of(message)
        # One producer into fresh topics: the records of a topic have the offsets 0, 1, 2 …
        self.times.setdefault(record.topic, []).append(time.monotonic_ns())
        self._producer.produce(
            message.topic,
            message.value,
            message.key.encode(),
            partition=0,
            timestamp=message.t_ns // 1_000_000,
            headers=headers,
            on_delivery=self._report,
        )
        self._producer.poll(0)

    def flush(self) -> None:
        remaining = self._producer.flush(30)
        if remaining or self._failed:
            raise Failure(
                f"the broker did not take every frame ({remaining} left; {' '.join(self._failed[:1])}).",
                "Look at the broker, then measure again.",
            )

    def _report(self, error: object, _message: object) -> None:
        if error is not None:
            self._failed.append(str(error))


def _round(bootstrap: str, records: list[Stored], paced_s: int) -> Sample:
    first_ns = records[0].t_ns
    begin = next(number for number, r in enumerate(records) if r.t_ns - first_ns >= HISTORY_S * SECOND)
    paced = records[begin : begin + RATE * paced_s]
    with _flows(bootstrap), contextlib.ExitStack() as stack:
        rows = _Receiver(bootstrap, [SCANS, DECISIONS])
        stack.callback(rows.close)
        publisher = _Publisher(bootstrap)
        for record in records[:begin]:
            publisher.send(record)
        publisher.flush()
        _await_rows(rows, records[begin - 1].t_ns)
        hops = _Receiver(bootstrap, [FEED_COINBASE])
        stack.callback(hops.close)
        _await(lambda: len(hops.received) >= len(publisher.times[FEED_COINBASE]), "the feed topic was not read")
        rate, behind_ms, since = _pace(publisher, paced)
        publisher.flush()
        _await_rows(rows, paced[-1].t_ns)
        journal = _journal(bootstrap, max(_decoded(record).journal for _, record in rows.received))
    counted = _latencies(rows.received, journal, publisher.times, since)
    hop = [
        (at - sent) / 1e6
        for at, record in hops.received
        if (sent := publisher.times[FEED_COINBASE][record.offset]) >= since
    ]
    return Sample(counted[SCANS], counted[DECISIONS], hop, rate, behind_ms)


def _pace(publisher: _Publisher, records: list[Stored]) -> tuple[float, float, int]:
    """Send ``RATE`` records a second. Rate reached, the worst delay in ms, and the time the counting begins at."""
    begun = time.monotonic_ns()
    step = 1_000_000_000 // RATE
    behind = 0
    for number, record in enumerate(records):
        due = begun + number * step
        while (wait := due - time.monotonic_ns()) > 0:
            time.sleep(wait / 1e9)
        behind = max(behind, -wait)
        publisher.send(record)
    return len(records) / ((time.monotonic_ns() - begun) / 1e9), behind / 1e6, begun + int(SETTLE_S * 1e9)


def _latencies(
    received: list[tuple[int, Stored]], journal: dict[int, tuple[str, int]], times: Times, since: int
) -> dict[str, list[float]]:
    """Milliseconds from handing over the triggering frame to receipt of the row, for frames sent since ``since``."""
    found: dict[str, list[float]] = {SCANS: [], DECISIONS: []}
    for at, record in received:
        topic, offset = journal[_decoded(record).journal]
        sent = times[topic][offset]
        if sent >= since:
            found[record.topic].append((at - sent) / 1e6)
    return found


def _journal(bootstrap: str, last: int) -> dict[int, tuple[str, int]]:
    """The feed record behind every journal event up to ``last``."""
    reader = Reader(Kafka(), bootstrap, [JOURNAL])
    try:
        reader.start({JOURNAL: 0})
        sources: dict[int, tuple[str, int]] = {}

        def complete() -> bool:
            for record in reader.read(10_000, 0.2):
                event = decode_event(record.value)
                topic, _, offset = event.src
                sources.setdefault(event.seq, (topic, offset))
            return last in sources

        _await(complete, "the journal ended early")
        return sources
    finally:
        reader.close()


def _await_rows(rows: _Receiver, until_ns: int) -> None:
    """Wait until scans, which go out each second of event time, have come to ``until_ns`` and ceased."""

    def reached() -> bool:
        received = rows.received
        return bool(received) and _decoded(received[-1][1]).timestamp >= until_ns - 2 * SECOND

    _await(reached, "the flows did not keep up")
    settled = len(rows.received)
    while True:
        time.sleep(0.3)
        if len(rows.received) == settled:
            return
        settled = len(rows.received)


def _await(holds: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise Failure(f"latency: {otherwise} within {PATIENCE_S:.0f} s.", "Measure again on a quieter machine.")
        time.sleep(0.01)


def _decoded(record: Stored) -> _Row:
    return msgspec.json.decode(record.value, type=_Row)


def main(answer: str) -> None:
    """For ``.ci/kafka``: measure on the cluster it started, and leave the result in the file ``answer``."""
    options = Options(kafka=os.environ[UNDER_SCRIPT], say=lambda text: print(f"  {text}", file=sys.stderr, flush=True))
    Path(answer).write_bytes(msgspec.json.encode(_measure(options)))


if __name__ == "__main__":
    main(sys.argv[1])
