"""The live venue as a process on Kafka: reads ``venue``, ``control`` and ``telemetry``, writes ``executions``.

What it knew before it was started again stands on ``venue`` and ``executions``: it has no other memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

import msgspec

from connectors.kafka.pulse import ProcessPulse
from connectors.kafka.reader import Reader
from connectors.kafka.sink import Writer
from connectors.venues.polymarket.exchange import ExchangeWaits, LiveExchange, NoAnswer
from connectors.venues.polymarket.gateway import LiveGateway
from connectors.venues.polymarket.interlock import Interlock, InterlockLimits
from connectors.venues.polymarket.preflight import preflight
from models.contracts import Number, VenueCommand
from models.failures import Failure
from models.inputs import AnyExecution, Preflight, read_input
from models.message import Message, Stored
from models.settings import Settings
from models.telemetry import ModuleState
from models.topics import CONTROL, EXECUTIONS, TELEMETRY, VENUE

ALLOW: Final = "PROFIT_LIVE_ACCOUNT_ALLOW"
MODULE: Final = "venue.live"
_TOPICS: Final = [VENUE, CONTROL, TELEMETRY, EXECUTIONS]
_TALKATIVE: Final = ("httpx", "httpcore", "hpack", "h2", "websockets", "polymarket")
_LOOK_S: Final = 0.1
_RETRY_S: Final = 1.0
_END_S: Final = 5.0

_encode = msgspec.json.Encoder().encode


def forbidden() -> str:
    """Why the environment allows no real order; "" where it does. A file of settings cannot allow it."""
    return "" if os.environ.get(ALLOW) == "yes" else f"the environment does not allow real orders: {ALLOW} is not yes"


def silence_clients() -> None:
    """Keep the libraries that talk to the exchange from logging what they send: keys are in it."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def interlock_of(settings: Settings, begun: int) -> Interlock:
    """The interlock by its own bounds. ``begun``: Unix ns."""
    live = settings.live
    limits = InterlockLimits.of(live.cap_order, live.cap_total, live.armed_s, live.confirm_s, live.heartbeat_s)
    return Interlock(settings.operator.public_key, settings.run_name, settings.data_dir, limits, begun)


class LiveVenue:
    """``run`` until ``stop``. Raises Failure where Kafka is away for long; what it had not said is found again."""

    def __init__(self, exchange: LiveExchange, settings: Settings, bootstrap: str, say: Callable[[str], None]) -> None:
        self._exchange = exchange
        self._settings = settings
        self._say = say
        self._interlock = interlock_of(settings, time.time_ns())
        self.gateway = LiveGateway(
            exchange, self._interlock, settings.live, settings.run_name, forbidden(), self._publish
        )
        self._reader = Reader(settings.kafka, bootstrap, _TOPICS)
        self._writer = Writer(settings.kafka, bootstrap)
        self._pulse = ProcessPulse("live", settings.kafka, bootstrap, self._rows, say)
        self._commands: asyncio.Queue[VenueCommand] = asyncio.Queue()
        self._passed: bool | None = None
        self._ready = False

    async def run(self, stop: asyncio.Event) -> None:
        """Know what was, compare with the exchange, and then serve. When asked to end, everything is cancelled."""
        silence_clients()
        await asyncio.to_thread(self._remember)
        self._pulse.start()
        work: tuple[Coroutine[Any, Any, None], ...] = (
            self._read(),
            self._serve(),
            self._listen(),
            self._watch(),
            self._check_regularly(),
        )
        tasks = [asyncio.create_task(each) for each in (*work, _until(stop))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(NoAnswer, ExchangeWaits, TimeoutError, Failure):
                await asyncio.wait_for(self.gateway.end(), _END_S)
            self._pulse.close("stopped")
            self._reader.close()

    # --- Kafka ----------------------------------------------------------------------------------------------------

    def _remember(self) -> None:
        """Read everything that was said so far, and go on from there."""
        ends = {topic: self._reader.watermarks(topic) for topic in _TOPICS}
        self._reader.start({topic: low if topic != TELEMETRY else high for topic, (low, high) in ends.items()})
        commands: list[VenueCommand] = []
        reports: list[AnyExecution] = []
        wanted = {topic: high for topic, (_, high) in ends.items()}
        while not self._reader.has_reached(wanted):
            for record in self._reader.read(1_000, 0.1):
                if record.topic == VENUE:
                    commands += self._command_in(record)
                elif record.topic == EXECUTIONS:
                    reports += _report_in(record)
                else:
                    self._hear(record)
        self.gateway.restore(commands, reports)

    async def _read(self) -> None:
        while True:
            for record in await asyncio.to_thread(self._reader.read, 500, 0.05):
                if record.topic == VENUE:
                    for command in self._command_in(record):
                        self._commands.put_nowait(command)
                else:
                    self._hear(record)

    def _hear(self, record: Stored) -> None:
        if record.topic == CONTROL:
            self._interlock.control(record.value, time.time_ns())
        elif record.topic == TELEMETRY:
            self._interlock.telemetry(record.value)

    def _command_in(self, record: Stored) -> list[VenueCommand]:
        try:
            return [VenueCommand.read(record.value)]
        except msgspec.MsgspecError:
            self._say(f"{VENUE} {record.offset}: a record that is no command; nothing was done")
            return []

    async def _publish(self, reports: list[AnyExecution]) -> None:
        await asyncio.to_thread(self._write, reports)

    def _write(self, reports: list[AnyExecution]) -> None:
        for report in reports:
            key = "preflight" if isinstance(report, Preflight) else report.order
            self._writer.write(Message(EXECUTIONS, key, _encode(report), report.t))
        self._writer.flush()

    # --- work -----------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        await self._until_answered(self.gateway.begin)
        self._ready = True
        self._say("the exchange's lists agree with what is known; nothing is sent before the operator arms")
        while True:
            await self.gateway.take(await self._commands.get())

    async def _until_answered(self, act: Callable[[], Awaitable[None]]) -> None:
        said = ""
        while True:
            try:
                return await act()
            except (NoAnswer, ExchangeWaits) as cause:
                if str(cause) != said:
                    said = str(cause)
                    self._say(f"the exchange does not answer: {cause}")
                await asyncio.sleep(cause.seconds if isinstance(cause, ExchangeWaits) else _RETRY_S)

    async def _listen(self) -> None:
        while True:
            try:
                async for said in self._exchange.updates():
                    await self.gateway.update(said)
            except (NoAnswer, ExchangeWaits) as cause:
                self._say(f"the user channel does not answer: {cause}")
            await asyncio.sleep(_RETRY_S)

    async def _watch(self) -> None:
        while True:
            await self.gateway.watch()
            await asyncio.sleep(_LOOK_S)

    async def _check_regularly(self) -> None:
        while True:
            found = await preflight(self._exchange, self._settings)
            self._passed = found.passed
            await self._publish([found])
            await asyncio.sleep(self._settings.live.preflight_s)

    def _rows(self) -> list[ModuleState]:
        why = forbidden() or self._interlock.unarmed(time.time_ns())
        reason = "the exchange's lists are not read yet" if not self._ready else why or "armed"
        checked = -1 if self._passed is None else int(self._passed)
        gauges: dict[str, Number] = {**self.gateway.gauges(), "preflight": checked}
        return [ModuleState(MODULE, "running" if self._ready else "waiting", dict(self.gateway.counts), reason, gauges)]


def _report_in(record: Stored) -> list[AnyExecution]:
    try:
        said = read_input(EXECUTIONS, record.value)
    except (msgspec.MsgspecError, ValueError):
        return []
    return [said]  # type: ignore[list-item]


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()
