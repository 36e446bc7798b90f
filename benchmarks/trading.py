"""Trading flow against a bare Bytewax pass-through of the same journal, both from Kafka; with all strategies on against
the first two alone; and what each stage and each strategy takes."""

from __future__ import annotations

import gc
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow

from benchmarks.figures import Pace, Result, Stopwatch, add_paces, alternate
from benchmarks.options import Options
from benchmarks.recordings import journal_of, simulated
from benchmarks.sinks import Discard
from benchmarks.stages import STAGES, by_stage, by_strategy, only
from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics
from connectors.kafka.sink import KafkaSink, Writer
from connectors.kafka.source import KafkaSource, ReadRange
from connectors.simulator.exchange import ExchangeParameters
from flows import trading
from flows.engine import output_to, run
from models.message import Message
from models.settings import Broker, Settings
from models.strategies.registry import STRATEGIES
from models.topics import JOURNAL

NAME = "trading"
ASSETS = ("BTC", "ETH")
SECONDS = 420
QUICK_SECONDS = 30
ROUNDS = 5
THROUGH = "bare pass-through"
WHOLE = "trading flow"
#: What the first version had.
FIRST_TWO = ("updown_fair_value", "parity")
TWO = "trading flow, two strategies"
#: Events whose stages are timed.
STAGED = 20_000


class _Timed(KafkaSource):
    """Starts the watch when it is connected and ready to read: connecting is no part of a rate."""

    watch = Stopwatch()

    def build_part(self, step_id: str, for_part: str, resume_state: dict[str, Any] | None) -> Any:
        part = super().build_part(step_id, for_part, resume_state)
        self.watch = Stopwatch()
        return part


def measure(options: Options) -> Result:
    """Journal events a second: pass-through, trading flow, and trading flow with its output written to Kafka."""
    result = Result(NAME)
    settings = Settings.model_construct()
    seconds = QUICK_SECONDS if options.quick else SECONDS
    rounds = 1 if options.quick else ROUNDS
    options.say(f"simulating {seconds} s")
    journal = journal_of(simulated(seconds, ExchangeParameters(assets=ASSETS)), settings)
    count = len(journal)
    with EmbeddedBroker.start(Broker()) as broker:
        kafka, bootstrap = settings.kafka, broker.bootstrap
        create_topics(kafka, bootstrap)
        writer = Writer(kafka, bootstrap)
        for message in journal:
            writer.write(message)
        writer.flush()

        def source() -> _Timed:
            return _Timed(JOURNAL, kafka, bootstrap, bounds=ReadRange(end=count))

        def rate(feed: _Timed, flow: Dataflow) -> Pace:
            gc.collect()
            run(flow)
            return feed.watch.pace(count)

        passed: list[int] = []

        def through() -> Pace:
            feed, sink = source(), Discard()
            flow = Dataflow("through")
            op.output("out", flow_input(flow, feed), sink)
            reached = rate(feed, flow)
            passed.append(sink.count)
            return reached

        def flow_input(flow: Dataflow, feed: _Timed) -> Any:
            return op.input("journal", flow, feed)

        written: list[int] = []

        def alone() -> Pace:
            feed, sink = source(), Discard()
            reached = rate(feed, trading.build(feed, output_to(lambda: sink), settings))
            written.append(sink.count)
            return reached

        def two() -> Pace:
            feed = source()
            return rate(feed, trading.build(feed, output_to(Discard), only(settings, *FIRST_TWO)))

        def to_kafka() -> Pace:
            feed = source()
            return rate(feed, trading.build(feed, output_to(lambda: KafkaSink(kafka, bootstrap)), settings))

        options.say(f"{count:,} journal events, {rounds} rounds")
        contenders = {THROUGH: through, WHOLE: alone, TWO: two, "trading flow with output to Kafka": to_kafka}
        paces = alternate(rounds, contenders)
    if set(passed) != {count}:
        raise RuntimeError(f"the pass-through saw {passed} of {count} journal events")
    add_paces(result, "events", paces, THROUGH)
    pairs = list(zip(paces[WHOLE], paces[TWO], strict=True))
    result.add(f"{WHOLE}: {len(STRATEGIES)} strategies / two", "ratio", [one.wall / other.wall for one, other in pairs])
    result.add(
        f"{WHOLE}: {len(STRATEGIES)} strategies / two, processor time",
        "ratio",
        [one.cpu / other.cpu for one, other in pairs],
    )
    options.say("stages")
    _add_stages(result, journal[:STAGED], settings, rounds)
    size = sum(len(message.value) for message in journal) / count
    result.notes.append(
        f"{count:,} journal events of {size:,.0f} bytes on average ({seconds} simulated seconds of "
        f"{', '.join(ASSETS)}) led to {written[-1]:,} records; embedded broker, one process"
    )
    return result


def _add_stages(result: Result, journal: list[Message], settings: Settings, rounds: int) -> None:
    """Microseconds of processor time an event, round by round."""
    staged = [by_stage(journal, settings) for _ in range(rounds)]
    alone = [by_strategy(journal, settings) for _ in range(rounds)]
    for stage in STAGES:
        result.add(f"stage {stage}", "us an event", [each[stage] for each in staged])
    for name in STRATEGIES:
        result.add(f"strategy {name}, alone in the lanes", "us an event", [each[name] for each in alone])
    result.notes.append(f"stages and strategies: the first {len(journal):,} events, without engine and Kafka")
