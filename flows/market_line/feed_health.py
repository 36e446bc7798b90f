"""The health of the four feeds and of each asset on them, and how far they lag: rows for telemetry."""

from __future__ import annotations

from collections import deque

from flows.market_line.health import STATUS, Health, HealthSignal, State
from models.contracts import Number
from models.histogram import Histogram
from models.reasons import Reason
from models.telemetry import ModuleState
from models.topics import FEED_CLOCK, FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET

_MICROSECOND = 1_000
_MOST_LAGS = 20_000  # between two ticks

#: What spoils a feed as a whole; a book that is one-sided or wide is the market's own affair.
TRANSPORT = frozenset(
    {
        Reason.SEQUENCE_GAP,
        Reason.DUPLICATE_FRAME,
        Reason.OUT_OF_ORDER,
        Reason.CONNECTION_GAP,
        Reason.RECORDER_GAP,
        Reason.SPOOL_FULL,
        Reason.DISCONNECTED,
        Reason.TIMESTAMP_OLD,
        Reason.TIMESTAMP_AHEAD,
        Reason.TIMESTAMP_BACKWARDS,
        Reason.CLOCK_BACKWARDS,
        Reason.HASH_MISMATCH,
        Reason.BEST_MISMATCH,
        Reason.DECODE_ERROR,
        Reason.UNKNOWN_FRAME,
        Reason.FROZEN_BOOK,
        Reason.REST_MISMATCH,
        Reason.STALE_FEED,
        Reason.RESOLUTION_CONFLICT,
    }
)


class _Module:
    """A module of telemetry: its machine, and the lags of what came, exchange time to receive time."""

    __slots__ = ("closed", "health", "lags", "stated", "window")

    def __init__(self, calm_ns: int) -> None:
        self.health = Health(calm_ns)
        self.lags = Histogram()
        self.closed: Histogram | None = None  # of the window that ended
        self.window = 0
        self.stated = -1  # transitions, when its state was last asked for


class FeedHealth:
    """Takes what the line sees of the feeds. Times are Unix ns of event time; windows are those of quality."""

    def __init__(self, window_ns: int) -> None:
        self._window = window_ns
        self._modules: dict[str, _Module] = {
            feed: _Module(window_ns) for feed in (FEED_POLYMARKET, FEED_COINBASE, FEED_MARKETS, FEED_CLOCK)
        }
        self._open: dict[str, set[str]] = {feed: set() for feed in self._modules}
        self._lags: dict[tuple[str, str], deque[int]] = {}

    def signal(self, name: str, signal: HealthSignal, t: int, reason: str = Reason.OK) -> None:
        """``name``: a feed, or ``FEED.ASSET``."""
        self._module(name).health.take(signal, t, reason)

    def found(self, feed: str, reason: str, t: int) -> None:
        """A finding, which may be on something that is no feed."""
        if feed not in self._open:
            return
        if reason == Reason.FROZEN_FEED:
            self.signal(feed, HealthSignal.SILENT, t, reason)
        elif reason in TRANSPORT:
            self.signal(feed, HealthSignal.FAULT, t, reason)

    def opened(self, feed: str, conn: str, t: int) -> None:
        """A connection stands."""
        self._open[feed].add(conn)
        self.signal(feed, HealthSignal.OPENED, t)

    def closed(self, feed: str, conn: str, t: int) -> None:
        """A connection ended or was refused; the feed is down when it was the last one."""
        self._open[feed].discard(conn)
        if not self._open[feed]:
            self.signal(feed, HealthSignal.CLOSED, t, Reason.DISCONNECTED)

    def restarted(self, t: int) -> None:
        """A new recorder run: everything begins anew."""
        for feed in self._open:
            self._open[feed].clear()
        for module in self._modules.values():
            module.health.take(HealthSignal.RESTARTED, t)

    def ended(self, feed: str, t: int) -> None:
        """The recorder said its last in this feed."""
        self._open[feed].clear()
        for name, module in self._modules.items():
            if name == feed or name.startswith(f"{feed}."):
                module.health.take(HealthSignal.CLOSED, t, Reason.DISCONNECTED)

    def lags(self, feed: str, asset: str) -> deque[int]:
        """Where the lags (ns) of an asset's frames since the last tick are to be put: the least a frame can do."""
        return self._lags.setdefault((feed, asset), deque(maxlen=_MOST_LAGS))

    def tick(self, t: int) -> list[ModuleState]:
        """Bring every module to ``t``. Those that changed their state since they were last stated."""
        self._count_lags()
        window = t // self._window
        changed: list[ModuleState] = []
        for name, module in self._modules.items():
            if module.health.state is State.DEGRADED:
                module.health.tick(t)
            if window != module.window:
                module.window = window
                module.closed, module.lags = module.lags, Histogram()
            if module.health.transitions != module.stated:
                changed.append(_state(name, module))
        return changed

    def states(self) -> list[ModuleState]:
        """Each module as it is, for telemetry."""
        return [_state(name, module) for name, module in self._modules.items()]

    def _count_lags(self) -> None:
        for (feed, asset), lags in self._lags.items():
            if lags:
                micros = [lag_ns // _MICROSECOND for lag_ns in lags]
                self._module(feed).lags.add_all(micros)
                self._module(f"{feed}.{asset}").lags.add_all(micros)
                lags.clear()

    def _module(self, name: str) -> _Module:
        module = self._modules.get(name)
        if module is None:
            module = self._modules[name] = _Module(self._window)
        return module


def _state(name: str, module: _Module) -> ModuleState:
    health = module.health
    module.stated = health.transitions
    gauges: dict[str, Number] = {
        "state": health.state.value,
        "since": health.since,
        "why": str(health.why),
        "transitions": health.transitions,
        **(_percentiles(module.closed) if module.closed is not None else {}),
    }
    return ModuleState(name, STATUS[health.state], {}, health.why, gauges)


def _percentiles(lags: Histogram) -> dict[str, Number]:
    """Milliseconds of the window that ended."""
    numbers: dict[str, Number] = {"lag_frames": lags.total}
    for name, per_mille in (("lag_p50_ms", 500), ("lag_p90_ms", 900), ("lag_p99_ms", 990)):
        value = lags.percentile(per_mille)
        numbers[name] = None if value is None else value / 1_000
    return numbers
