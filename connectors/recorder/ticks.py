"""The clock door: the heartbeat of everything downstream that waits or ages."""

from __future__ import annotations

from collections.abc import Callable

from connectors.clock import NS, FeedClock, sleep
from connectors.recorder.pulse import ModulePulse
from connectors.recorder.writer import FeedWriter
from models.markers import Tick
from models.progress import PipelineLag
from models.topics import FEED_CLOCK, INPUTS


class ClockDoor:
    """A tick every ``every_ms`` of the clock, and one at once when an input record arrived."""

    def __init__(self, every_ms: int, writer: FeedWriter, clock: FeedClock) -> None:
        self.pulse = ModulePulse("connection.clock")
        self.inputs = dict.fromkeys(INPUTS, 0)
        self._every_ns = every_ms * 1_000_000
        self._writer = writer
        self._clock = clock
        self._line = writer.line("clock")
        self._number = 0
        self._lag = PipelineLag()
        self.pulse.gauges["pipeline_lag_ms"] = lambda: self._lag.ms(self._writer.now_ns())
        self.on_tick: Callable[[int], None] = lambda t: None  # called with each tick, Unix ns

    async def run(self) -> None:
        """Ticks on whole multiples of the interval; those that were missed are not made up for."""
        while True:
            due = (self._writer.now_ns() // self._every_ns + 1) * self._every_ns
            while (left := due - self._clock.now_ns()) > 0:  # a simulated clock may be set back meanwhile
                await sleep(self._clock, left / NS)
            self.tick()

    def arrived(self, topic: str, count: int) -> None:
        """``count`` records of an input topic are there now: say so at once."""
        if count > self.inputs[topic]:
            self.inputs[topic] = count
            self.pulse.count("inputs")
            self.tick(cut=True)

    def progressed(self, t: int) -> None:
        """The trading flow is done with what was received at ``t`` (Unix ns)."""
        self._lag.reported(t, self._writer.now_ns())

    def tick(self, cut: bool = False) -> None:
        now = self._writer.now_ns()
        tick = Tick(self._number, now, dict(self.inputs), cut, self._lag.ms(now))
        self._line.own(FEED_CLOCK, tick, recv_ns=now)
        self._number += 1
        self.on_tick(now)
        self.pulse.frame(0, now)
