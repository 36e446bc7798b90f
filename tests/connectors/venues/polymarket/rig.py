"""A live venue on a stand-in of the exchange, with an operator and a trading flow that show signs of life."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from connectors.venues.polymarket.exchange import LiveExchange
from connectors.venues.polymarket.gateway import LiveGateway
from connectors.venues.polymarket.interlock import Interlock, InterlockLimits
from models.contracts import VenueCommand
from models.control import Arm, Command, Confirm, Instruction, encode, public_key, sign
from models.inputs import AnyExecution, DryRun, ExecutionReport
from models.settings import LiveSettings
from models.timestamps import SECOND
from tests.connectors.venues.polymarket.standin import CONDITION, UP, ClobStandIn

TOKEN = "31" * 32
RUN = "evening"
#: Bounds that a slow machine does not reach: what a bound does is tested where the clock is moved on (``Rig.later``).
SETTINGS = LiveSettings(
    enabled=True, cap_order=10, cap_total=25, answer_s=30, heartbeat_s=30, max_age_s=30, reconcile_s=1
)
#: For an exchange that does not answer: that is waited for, and on sockets no clock shortens it.
IMPATIENT = SETTINGS.model_copy(update={"answer_s": 3})


class Rig:
    """``reports``: what was published, in order. ``alive``: whether the trading flow shows signs of life."""

    def __init__(self, standin: ClobStandIn, exchange: LiveExchange, folder: Path) -> None:
        self.standin = standin
        self.exchange = exchange
        self.folder = folder
        self.reports: list[AnyExecution] = []
        self.commands: list[VenueCommand] = []
        self.alive = True
        self.forbidden = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._last = 0
        self._ahead = 0
        self.make()

    def make(self, settings: LiveSettings = SETTINGS) -> None:
        """A new process: nothing is known but what the topics hold."""
        limits = InterlockLimits.of(
            settings.cap_order, settings.cap_total, settings.armed_s, settings.confirm_s, settings.heartbeat_s
        )
        self.interlock = Interlock(public_key(TOKEN), RUN, self.folder, limits, self.now())
        self.gateway = LiveGateway(
            self.exchange, self.interlock, settings, RUN, self.forbidden, self._publish, self.now
        )
        self.gateway.restore(self.commands, self.reports)

    def now(self) -> int:
        """Unix ns by the clock of the venue, the operator and the trading flow."""
        return time.time_ns() + self._ahead

    def later(self, seconds: float) -> None:
        """So much time passes at once; the trading flow is as alive as before."""
        self._ahead += round(seconds * SECOND)
        if self.alive:
            self.beat()

    async def _publish(self, reports: list[AnyExecution]) -> None:
        self.reports.extend(reports)

    # --- running ------------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def running(self, arm: bool = True) -> AsyncIterator[Rig]:
        """The process, from its start to a kill."""
        await self.gateway.begin()
        self._tasks = [asyncio.create_task(each) for each in (self._beat(), self._watch(), self._listen())]
        await asyncio.sleep(0.05)
        if arm:
            self.arm()
        try:
            yield self
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            if self.alive:
                self.beat()
            await asyncio.sleep(0.1)

    def beat(self) -> None:
        self.interlock.telemetry(json.dumps({"source": "trading", "timestamp": self.now()}).encode())

    async def _watch(self) -> None:
        while True:
            await self.gateway.watch()
            await asyncio.sleep(0.05)

    async def _listen(self) -> None:
        async for said in self.exchange.updates():
            await self.gateway.update(said)

    # --- operator and trading flow ------------------------------------------------------------------------------------

    def say(self, do: Instruction, run: str = RUN, token: str = TOKEN, t: int = 0) -> None:
        self._last = t or max(self.now(), self._last + 1)
        self.interlock.control(encode(sign(Command(f"c{self._last}", run, self._last, "me", do), token)), self.now())

    def arm(self) -> None:
        self.beat()
        self.say(Arm())
        self.say(Confirm("amber-otter"))

    async def give(self, name: str = "main-7", do: str = "send", gate: str = "LIVE_ARMED", **more: Any) -> str:
        """A command of the trading flow: to buy ten shares of Up at 0.52 dollars where nothing else is said."""
        order = {"condition": CONDITION, "token": UP, "side": "buy", "kind": "FAK", "limit": 5200, "size": 10_000_000}
        given = (order if do == "send" else {}) | {"timestamp": self.now()} | more
        command = VenueCommand(id=f"v{len(self.commands)}", journal=1, do=do, gate=gate, order=name, **given)  # type: ignore[arg-type]
        self.commands.append(command)
        await self.gateway.take(command)
        return self.venue_id(name)

    # --- what was said ------------------------------------------------------------------------------------------------

    def venue_id(self, name: str = "main-7") -> str:
        return next((each.venue_id for each in self.of(name) if each.venue_id), "")

    def of(self, name: str = "main-7") -> list[ExecutionReport]:
        return [each for each in self.reports if isinstance(each, ExecutionReport) and each.order == name]

    def states(self, name: str = "main-7") -> list[str]:
        return [each.state for each in self.of(name)]

    def dry_runs(self) -> list[DryRun]:
        return [each for each in self.reports if isinstance(each, DryRun)]

    def filled(self, name: str = "main-7") -> int:
        return sum(each.size for each in self.of(name))

    async def until(self, holds: Callable[[], bool], within_s: float = 60.0) -> None:
        deadline = time.monotonic() + within_s
        while not holds():
            assert time.monotonic() < deadline, self.reports
            await asyncio.sleep(0.02)

    async def until_done(self, state: str, name: str = "main-7") -> None:
        await self.until(lambda: self.states(name)[-1:] == [state])


def seconds_ago(seconds: float) -> int:
    return time.time_ns() - round(seconds * SECOND)
