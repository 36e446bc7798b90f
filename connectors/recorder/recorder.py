"""All doors together, from the start marker to the end marker."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.clock import FeedClock
from connectors.coinbase.door import CoinbaseDoor
from connectors.polymarket.channel import MarketChannel
from connectors.polymarket.markets import MarketsDoor
from connectors.polymarket.rest import GAMMA_LIMITS, Rest
from connectors.recorder.guard import FeedGuard
from connectors.recorder.outlet import Backlog
from connectors.recorder.pulse import ModulePulse, TelemetryWriter
from connectors.recorder.ticks import ClockDoor
from connectors.recorder.writer import FeedWriter, Outlet, run_id
from models.failures import Failure
from models.markers import Notice
from models.reasons import MEANING, Reason
from models.settings import Checks, Feeds

PLACED_S: Final = 2.0  # how long the end waits for records that have no place yet


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
        clock: FeedClock,
        outlet: Outlet,
        run: str | None = None,
        backlog: Callable[[], Backlog] = Backlog,
        checks: Checks = Checks(),
    ) -> None:
        self.run_id = run or run_id()
        self.writer = FeedWriter(self.run_id, source, clock, outlet)
        self.pulse = ModulePulse("recorder")
        self._backlog = backlog
        self._reported_drops: Counter[str] = Counter()
        self.pulse.gauges["tasks"] = lambda: len(asyncio.all_tasks())
        self.pulse.gauges["records"] = lambda: self.writer.seq
        self._telemetry = TelemetryWriter(self.run_id, outlet)
        self._gamma = Rest(endpoints.gamma_rest, feeds.user_agent, clock, limits=GAMMA_LIMITS)
        self._clob = Rest(endpoints.clob_rest, feeds.user_agent, clock)
        self.ticks = ClockDoor(feeds.clock_ms, self.writer, clock)
        self._guard = FeedGuard(feeds, checks, self.writer, clock, self._clob)
        watch = self._guard.watch
        self.ticks.on_tick = watch.tick
        self.channel = MarketChannel(feeds, self.writer, clock, endpoints.polymarket_ws, observer=watch)
        self.markets = MarketsDoor(
            feeds, self.writer, clock, self.channel.want, self._gamma, self._clob, self._guard.listed
        )
        self.coinbase = CoinbaseDoor(feeds, self.writer, clock, endpoints.coinbase_ws, watch)
        self._failure: asyncio.Future[None] | None = None

    @property
    def pulses(self) -> tuple[ModulePulse, ...]:
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
        doors = (self.ticks.run, self.channel.run, self.markets.run, self.coinbase.run, self._watch, self._report)
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
            await self._placed()
            with contextlib.suppress(*([Failure] if failed else [])):
                self._end(str(failed) if failed else "asked to end", failed is not None)
        if failed is not None:
            raise failed

    def _end(self, why: str, failed: bool) -> None:
        self._look_back(ending=True)
        for pulse in self.pulses:
            pulse.note("failed" if failed else "stopped", why)
        self._telemetry.publish(self.pulses, self.writer.now_ns(), whole=True)
        self.writer.end()

    async def _placed(self) -> None:
        """Wait until every record has its place, so that what has none is counted before the last word."""
        deadline = time.monotonic() + PLACED_S
        while self._backlog().queue and time.monotonic() < deadline:
            await asyncio.sleep(0.01)

    def _look_back(self, ending: bool = False) -> None:
        """How the way to Kafka is: on the recorder's pulse, and once there is room again or the run ends, what was
        dropped meanwhile in the topics that miss it."""
        backlog, pulse = self._backlog(), self.pulse
        for host, rest in (("gamma", self._gamma), ("clob", self._clob)):
            pulse.counts.update({f"{host}_{name}": count for name, count in rest.counts.items()})
        pulse.set_gauges(
            queue=backlog.queue,
            under_way=backlog.under_way,
            undelivered=backlog.undelivered,
            oldest_s=backlog.oldest_s,
            spool_records=backlog.spool_records,
            spool_mib=backlog.spool_mib,
        )
        for name, count in (
            ("dropped", sum(backlog.dropped.values())),
            ("dropped_telemetry", backlog.dropped_telemetry),
            ("rejected", backlog.rejected),
        ):
            if count:
                pulse.counts[name] = count
        if ending or not backlog.full:
            self._tell_dropped(backlog.dropped)
        if backlog.full:
            pulse.note("warning", f"{Reason.SPOOL_FULL}: {MEANING[Reason.SPOOL_FULL]}")
        elif backlog.away:
            pulse.note("warning", "Kafka takes no records: they wait on disk")
        elif backlog.spool_records:
            pulse.note("warning", "records that waited on disk are on their way to Kafka")
        elif pulse.status == "warning":
            pulse.note("running", "")

    def _tell_dropped(self, dropped: Mapping[str, int]) -> None:
        for topic, count in dropped.items():
            fresh = count - self._reported_drops[topic]
            if fresh:
                self._reported_drops[topic] = count
                why = f"{Reason.SPOOL_FULL}: {fresh} records were dropped"
                self.writer.notice(topic, Notice(f"{self.run_id}.recorder", "spool_full", why, fresh))

    async def _watch(self) -> None:
        await self._guard.run(self.channel, self.coinbase)

    async def _report(self) -> None:
        """Telemetry of every door, once a real second."""
        while True:
            self._look_back()
            self._telemetry.publish(self.pulses, self.writer.now_ns())
            await asyncio.sleep(1.0)


async def _never_returns(door: Callable[[], Coroutine[Any, Any, None]]) -> None:
    await door()
    raise RuntimeError(f"{door.__qualname__} returned")
