"""The live venue on Kafka: commands, controls and telemetry in, reports out; and no key anywhere."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.kafka.admin import create_topics
from connectors.kafka.reader import Reader
from connectors.kafka.sink import Writer
from connectors.venues.polymarket.exchange import LiveExchange
from connectors.venues.polymarket.process import ALLOW, LiveVenue
from models.contracts import VenueCommand
from models.control import Arm, Command, Confirm, Disarm, Instruction, encode, public_key, sign
from models.inputs import AnyInput, ExecutionReport, Preflight, read_input
from models.message import Message
from models.settings import Kafka, Settings
from models.topics import CONTROL, EXECUTIONS, TELEMETRY, VENUE
from tests.connectors.venues.polymarket.conftest import account_of
from tests.connectors.venues.polymarket.rig import IMPATIENT, RUN, TOKEN
from tests.connectors.venues.polymarket.standin import CONDITION, PASSPHRASE, PRIVATE_KEY, SECRET, UP, ClobStandIn
from tests.waiting import eventually

pytestmark = pytest.mark.integration


class Kitchen:
    """A cluster with all topics, a trading flow that shows signs of life, an operator, and the venue."""

    def __init__(self, standin: ClobStandIn, exchange: LiveExchange, bootstrap: str, folder: Path) -> None:
        self.settings = Settings.model_validate(
            {
                "run_name": RUN, "data_dir": str(folder), "operator": {"public_key": public_key(TOKEN)},
                "live": {"enabled": True, "cap_order": 10, "answer_s": 30, "max_age_s": 30, "heartbeat_s": 30},
                "feeds": {"geoblock": f"{standin.url}/api/geoblock"},
            }
        ).model_copy(update={"live_account": account_of(standin)})  # fmt: skip
        self.bootstrap = bootstrap
        self.exchange = exchange
        self.said: list[str] = []
        self._writer = Writer(Kafka(), bootstrap)
        self._stop = asyncio.Event()

    def impatient(self) -> None:
        """For an exchange that does not answer."""
        live = self.settings.live.model_copy(update={"answer_s": IMPATIENT.answer_s})
        self.settings = self.settings.model_copy(update={"live": live})

    def write(self, topic: str, value: bytes) -> None:
        self._writer.write(Message(topic, "k", value, time.time_ns()))
        self._writer.flush()

    def command(self, do: Instruction) -> None:
        t = time.time_ns()
        self.write(CONTROL, encode(sign(Command(f"c{t}", RUN, t, "me", do), TOKEN)))

    def order(self, name: str, kind: str = "FAK") -> None:
        command = VenueCommand(
            f"v-{name}",
            1,
            time.time_ns(),
            "send",
            "LIVE_ARMED",
            name,
            CONDITION,
            UP,
            "buy",
            kind,
            5_200,
            10_000_000,  # type: ignore[arg-type]
        )
        self.write(VENUE, command.canonical())

    def records(self, topic: str) -> list[bytes]:
        reader = Reader(Kafka(), self.bootstrap, [topic])
        low, high = reader.watermarks(topic)
        reader.start({topic: low})
        found: list[bytes] = []
        while not reader.has_reached({topic: high}):
            found += [record.value for record in reader.read(100, 0.1)]
        reader.close()
        return found

    def inputs(self) -> list[AnyInput]:
        return [read_input(EXECUTIONS, raw) for raw in self.records(EXECUTIONS)]

    async def until(self, state: str, name: str) -> None:
        def reported() -> bool:
            heard = [each for each in self.inputs() if isinstance(each, ExecutionReport) and each.order == name]
            return state in [each.state for each in heard]

        await asyncio.to_thread(eventually, reported, 60, f"{name} {state}")

    async def ready(self) -> None:
        """Until the venue has compared with the exchange: what the operator says from now on counts."""
        await asyncio.to_thread(eventually, lambda: any("lists agree" in text for text in self.said), 60, "agreement")

    async def arm(self) -> None:
        """Arm and confirm, and wait until the venue says that it is armed."""
        await self.ready()
        await asyncio.to_thread(self.command, Arm())
        await asyncio.to_thread(self.command, Confirm("amber-otter"))

        def armed() -> bool:
            return any(b'"armed":1' in raw for raw in self.records(TELEMETRY))

        await asyncio.to_thread(eventually, armed, 60, "arming")

    async def run(self) -> None:
        """The venue, beside a trading flow, until ``end``."""
        self._stop.clear()
        venue = LiveVenue(self.exchange, self.settings, self.bootstrap, self.said.append)
        alive = asyncio.create_task(self._beat())
        try:
            await venue.run(self._stop)
        finally:
            alive.cancel()

    async def _beat(self) -> None:
        while True:
            said = json.dumps({"source": "trading", "timestamp": time.time_ns()}).encode()
            await asyncio.to_thread(self.write, TELEMETRY, said)
            await asyncio.sleep(0.3)

    def end(self) -> None:
        self._stop.set()


@pytest.fixture
async def kitchen(
    standin: ClobStandIn, exchange: LiveExchange, clean_kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Kitchen]:
    monkeypatch.setenv(ALLOW, "yes")
    create_topics(Kafka(), clean_kafka)
    yield Kitchen(standin, exchange, clean_kafka, tmp_path)


async def test_an_order_goes_from_topic_to_exchange_and_back(
    kitchen: Kitchen, standin: ClobStandIn, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    running = asyncio.create_task(kitchen.run())
    await kitchen.ready()
    await asyncio.to_thread(kitchen.order, "early")
    await kitchen.until("rejected", "early")
    await kitchen.arm()
    await asyncio.to_thread(kitchen.order, "taken")
    await kitchen.until("unknown", "taken")
    await standin.settle("CONFIRMED")
    await kitchen.until("filled", "taken")
    standin.faults = ["reject"]
    await asyncio.to_thread(kitchen.order, "refused")
    await kitchen.until("rejected", "refused")
    await asyncio.to_thread(kitchen.order, "resting", "GTC")
    await kitchen.until("accepted", "resting")
    await asyncio.to_thread(kitchen.command, Disarm())
    await kitchen.until("cancelled", "resting")
    kitchen.end()
    await running

    heard = kitchen.inputs()
    assert [each.passed for each in heard if isinstance(each, Preflight)] == [True], heard[0]
    assert len(standin.posts) == 3
    modules = b"".join(kitchen.records(TELEMETRY))
    assert b"venue.live" in modules

    told = b"".join(raw for topic in (EXECUTIONS, TELEMETRY, VENUE, CONTROL) for raw in kitchen.records(topic))
    captured = capfd.readouterr()
    told += (captured.out + captured.err + caplog.text + "".join(kitchen.said) + repr(kitchen.settings)).encode()
    for secret in (PRIVATE_KEY, PRIVATE_KEY[2:], SECRET, PASSPHRASE):
        assert secret.encode() not in told


async def test_a_venue_that_was_killed_goes_on_from_the_topics(kitchen: Kitchen, standin: ClobStandIn) -> None:
    kitchen.impatient()
    standin.faults = ["silent_filled"]
    running = asyncio.create_task(kitchen.run())
    await kitchen.arm()
    await asyncio.to_thread(kitchen.order, "lost")
    await kitchen.until("unknown", "lost")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await standin.settle("CONFIRMED")

    again = asyncio.create_task(kitchen.run())
    await kitchen.until("filled", "lost")
    kitchen.end()
    await again
    fills = [each.size for each in kitchen.inputs() if isinstance(each, ExecutionReport) and each.size]
    assert sum(fills) == 10_000_000
    assert len(standin.posts) == 1


async def test_without_the_environments_leave_nothing_is_sent(
    kitchen: Kitchen, standin: ClobStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ALLOW)
    running = asyncio.create_task(kitchen.run())
    await kitchen.ready()
    await asyncio.to_thread(kitchen.command, Arm())
    await asyncio.to_thread(kitchen.command, Confirm("amber-otter"))
    await asyncio.to_thread(kitchen.order, "forbidden")
    await kitchen.until("rejected", "forbidden")
    kitchen.end()
    await running
    assert standin.posts == []
