"""What really happened in the simulated exchange: what was sent to whom, which faults struck, and the true books."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from connectors.simulator.emission import Venue
from connectors.simulator.exchange import Exchange
from connectors.simulator.ladder import ONE

MOST_INJECTIONS: Final = 10_000  # injections; the counts know of all
MOST_SESSIONS: Final = 1_000  # of those that are over; the counts know of all


@dataclass(slots=True)
class Session:
    """One client's connection. Frames are counted when their bytes were handed on; PONGs are no frames. ``conn``: the
    recorder's name of it, where the two live in one process."""

    id: str
    venue: Venue
    opened_ns: int
    sent: int = 0
    pongs: int = 0
    cut: int = 0  # frames of which only a part was sent
    closed_ns: int | None = None
    why: str = ""
    conn: str = ""

    @property
    def open(self) -> bool:
        return self.closed_ns is None


@dataclass(slots=True)
class Injected:
    """One stroke of a fault. Simulated Unix nanoseconds.

    ``fault``: its place in the timeline. ``t_ns``: when it struck; ``shown_ns`` and ``frame``: when the evidence was
    sent, and that frame's number in the session (from 0); None and -1 while there was none. ``reasons``: what a check
    must find in that evidence; empty: nothing certain, ``possible`` may come. ``frames``: how many frames it changed or
    swallowed. ``amount``: seconds of a delay or skew. ``ends_ns``: when a lasting one was over."""

    fault: int
    kind: str
    t_ns: int
    venue: str = ""
    session: str = ""
    conn: str = ""
    tokens: tuple[str, ...] = ()
    product: str = ""
    channel: str = ""
    reasons: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    shown_ns: int | None = None
    frame: int = -1
    frames: int = 0
    amount: float = 0.0
    ends_ns: int | None = None
    note: str = ""

    @property
    def detectable(self) -> bool:
        """Whether the evidence was sent and leaves no doubt."""
        return bool(self.reasons) and self.shown_ns is not None


@dataclass(frozen=True)
class Best:
    """A token's true best prices in pips (None: an empty side) and when they came to be so, Unix ns."""

    bid: int | None
    ask: int | None
    since_ns: int


@dataclass
class TrueBooks:
    """The core's best prices of every token over time; ``note`` after each step keeps them."""

    _history: dict[str, tuple[list[int], list[tuple[int | None, int | None]]]] = field(default_factory=dict)

    def note(self, core: Exchange) -> None:
        """Take down what changed in the last step."""
        now = core.now_ns
        for market in core.markets.values():
            touch = (market.ladder.best_bid, market.ladder.best_ask)
            most = self._history.get(market.tokens[0])
            if most is None:
                most = self._history[market.tokens[0]] = ([], [])
                self._history[market.tokens[1]] = most
            if not most[1] or most[1][-1] != touch:
                most[0].append(now)
                most[1].append(touch)

    def best(self, core: Exchange, token: str, at_ns: int) -> Best | None:
        """The best prices of ``token`` as they were at ``at_ns``; None before the first one known."""
        found = core.by_token.get(token)
        most = self._history.get(token)
        if found is None or most is None:
            return None
        at = bisect_right(most[0], at_ns) - 1
        if at < 0:
            return None
        bid, ask = most[1][at]
        if found[1] == 1:
            bid, ask = (None if ask is None else ONE - ask), (None if bid is None else ONE - bid)
        return Best(bid, ask, most[0][at])


class Truth:
    """The log. ``most``: how many injections are remembered one by one; None = all, and all sessions. ``books``:
    whether the true best prices are kept, for an oracle."""

    def __init__(self, core: Exchange, most: int | None = MOST_INJECTIONS, books: bool = False) -> None:
        self._core = core
        self._most_sessions = None if most is None else MOST_SESSIONS
        self._opened: Counter[Venue] = Counter()
        self._sent_before: Counter[Venue] = Counter()  # in sessions that are forgotten
        self.sessions: list[Session] = []
        self.injected: deque[Injected] = deque(maxlen=most)
        self.by_kind: Counter[str] = Counter()
        self.books: TrueBooks | None = TrueBooks() if books else None

    def session(self, venue: Venue, now_ns: int) -> Session:
        """A new connection's entry; ids are the venue and how many it had before."""
        made = Session(f"{venue}-{self._opened[venue]}", venue, now_ns)
        self._opened[venue] += 1
        self.sessions.append(made)
        if self._most_sessions is not None and len(self.sessions) > self._most_sessions:
            self._forget_session()
        return made

    def _forget_session(self) -> None:
        """The oldest one that is over."""
        for at, each in enumerate(self.sessions):
            if not each.open:
                self._sent_before[each.venue] += each.sent
                del self.sessions[at]
                return

    def inject(self, stroke: Injected) -> Injected:
        self.injected.append(stroke)
        self.by_kind[stroke.kind] += 1
        return stroke

    def sent(self, venue: Venue | None = None) -> int:
        """Frames sent, over all sessions of a venue or of both."""
        before = sum(self._sent_before.values()) if venue is None else self._sent_before[venue]
        return before + sum(each.sent for each in self.sessions if venue in (None, each.venue))

    def best(self, token: str, at_ns: int) -> Best | None:
        """The true best prices of ``token`` at simulated Unix ns. Raises LookupError when books are not kept."""
        if self.books is None:
            raise LookupError("the true books were not stored: Truth(core, books=True)")
        return self.books.best(self._core, token, at_ns)

    def summary(self, last: int = 200) -> dict[str, Any]:
        """For ``/sim/truth``: counts, and the last injections one by one."""
        return {
            "frames": {venue: self.sent(venue) for venue in ("polymarket", "coinbase")},
            "sessions": [asdict(each) for each in self.sessions[-last:]],
            "open": sum(1 for each in self.sessions if each.open),
            "connections": sum(self._opened.values()),
            "injected": dict(sorted(self.by_kind.items())),
            "last": [asdict(each) | {"detectable": each.detectable} for each in list(self.injected)[-last:]],
        }
