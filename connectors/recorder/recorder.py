"""All doors together, from the start marker to the end marker."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from connectors.clock import Clock
from connectors.coinbase.door import CoinbaseDoor
from connectors.polymarket.channel import MarketChannel
from connectors.polymarket.markets import MarketsDoor
from connectors.polymarket.rest import Rest
from connectors.recorder.pulse import Pulse, TelemetryWriter
from connectors.recorder.ticks import ClockDoor
from connectors.recorder.writer import FeedWriter, Outlet, run_id
from models.failures import Failure
from models.settings import Feeds


@dataclass(frozen=True)
class Endpoints:
    """Where the exchanges are."""

    polymarket_ws: str
    clob_rest: str
    gamma_rest: str
    coinbase_ws: str

    @classmethod
    def of(cls, feeds: Feeds) -> Endpoints:
        return cls(feeds.polymarket_ws, feeds.clob_rest, feeds.gamma_rest, feeds.coinbase_ws)


class Recorder:
    """One recorder run. ``source``: ``live`` or ``sim``, as the markers say it."""

    def __init__(
        self,
        feeds: Feeds,
        endpoints: Endpoints,
        source: str,
        clock: Clock,
        outlet: Outlet,
        run: str | None = None,
        depth: Callable[[], int] = lambda: 0,
    ) -> None:
        self.run_id = run or run_id()
        self.writer = FeedWriter(self.run_id, source, clock, outlet)
        self.pulse = Pulse("recorder")
        self.pulse.gauges["queue"] = depth
        self.pulse.gauges["records"] = lambda: self.writer.seq
        self._telemetry = TelemetryWriter(self.run_id, outlet)
        self._gamma = Rest(endpoints.gamma_rest, feeds.user_agent, clock)
        self._clob = Rest(endpoints.clob_rest, feeds.user_agent, clock)
        self.ticks = ClockDoor(feeds.clock_ms, self.writer, clock)
        self.channel = MarketChannel(feeds, self.writer, clock, endpoints.polymarket_ws)
        self.markets = MarketsDoor(feeds, self.writer, clock, self.channel.want, self._gamma, self._clob)
        self.coinbase = CoinbaseDoor(feeds, self.writer, clock, endpoints.coinbase_ws)
        self._failure: asyncio.Future[None] | None = None

    @property
    def pulses(self) -> tuple[Pulse, ...]:
        return (self.pulse, self.channel.pulse, self.markets.pulse, self.coinbase.pulse, self.ticks.pulse)

    def fail(self, failure: Failure) -> None:
        """End the run with ``failure``. To be called on the event loop."""
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(failure)

    async def run(self, stop: asyncio.Event) -> None:
        """Record until ``stop`` is set. Raises what ended the run otherwise; the end markers are written if they can
        be."""
        self._failure = asyncio.get_running_loop().create_future()
        self.writer.start()
        self.pulse.note("running", "")
        doors = (self.ticks.run, self.channel.run, self.markets.run, self.coinbase.run, self._report)
        tasks = [asyncio.create_task(_never_returns(door)) for door in doors]
        waiting = asyncio.create_task(stop.wait())
        failed: BaseException | None = None
        try:
            watched: list[asyncio.Future[Any]] = [*tasks, waiting, self._failure]
            await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        finally:
            failed = next((task.exception() for task in tasks if task.done() and not task.cancelled()), None)
            if self._failure.done():
                failed = self._failure.exception() or failed
            for task in (*tasks, waiting):
                task.cancel()
            await asyncio.gather(*tasks, waiting, return_exceptions=True)
            for rest in (self._gamma, self._clob):
                await rest.close()
            self._failure.cancel()
            with contextlib.suppress(*([Failure] if failed else [])):
                self._end(str(failed) if failed else "asked to end", failed is not None)
        if failed is not None:
            raise failed

    def _end(self, why: str, failed: bool) -> None:
        for pulse in self.pulses:
            pulse.note("failed" if failed else "stopped", why)
            self._telemetry.publish(pulse, self.writer.now_ns())
        self.writer.end()

    async def _report(self) -> None:
        """Telemetry of every door, once a real second."""
        while True:
            now = self.writer.now_ns()
            for pulse in self.pulses:
                self._telemetry.publish(pulse, now)
            await asyncio.sleep(1.0)


async def _never_returns(door: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await door()
    raise RuntimeError(f"{door.__qualname__} returned")
