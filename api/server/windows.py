"""The markets as the journal has them: definitions, books, spot and the curve of each window, for the market pages."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from api.server.titles import MarketTimes, title_of, window_of
from flows.trading_line.marks import remark
from models.contracts import Features, Number, Scan
from models.journal import AnyEvent, Book, Market, Spot, TokenBook, Trade
from models.money import DOLLAR, PIP
from models.timestamps import SECOND

#: Markets kept: those ended longest ago go first.
_KEPT: Final = 200
#: Seconds of a window's curve: an hour and some.
_POINTS: Final = 4_000
_TRADES: Final = 50
#: Seconds that a value stands on the curve without a new one: then it is not known any more.
_STANDS_S: Final = 10


class Point(msgspec.Struct):
    """A second of a window. Dollars a share of Up; ``edge`` in the unit of the strategy that has a fair value."""

    second: int
    mid: float | None = None
    fair: float | None = None
    edge: float | None = None
    threshold: float | None = None
    spot: float | None = None
    returns: float | None = None  # behind the variance of ``fair``


class Followed(msgspec.Struct):
    """All that is known of a market now."""

    key: str
    definition: Market | None = None
    book: Book | None = None
    features: Features | None = None
    scans: dict[str, Scan] = {}
    curve: deque[Point] = msgspec.field(default_factory=lambda: deque(maxlen=_POINTS))
    marks: dict[str, int] = {}  # by outcome, the pips that a share is valued at, as the trading flow does
    trades: deque[Trade] = msgspec.field(default_factory=lambda: deque(maxlen=_TRADES))
    heard: int = 0  # Unix ns of the last event
    mid_at: int = 0  # seconds of the last mid, and of the last row of features
    features_at: int = 0

    @property
    def window(self) -> MarketTimes | None:
        known = self.definition
        return window_of(self.key) if known is None else MarketTimes(known.asset, known.horizon, known.start, known.end)

    def token(self, outcome: str) -> TokenBook | None:
        return None if self.book is None else self.book.up if outcome == "Up" else self.book.down

    def bid(self, outcome: str) -> int | None:
        """The bid in pips; None where no sound one is known."""
        token = self.token(outcome)
        return token.bids[0][0] if token is not None and token.bids else None

    @property
    def mid(self) -> float | None:
        """Of Up, dollars; None where a side is missing."""
        token = self.token("Up")
        return None if token is None or not (token.bids and token.asks) else mid_of(token)

    @property
    def fair(self) -> float | None:
        return _number(self.features.values.get("fair")) if self.features is not None else None


def mid_of(token: TokenBook) -> float:
    return (token.bids[0][0] + token.asks[0][0]) / 2 / PIP


class Windows:
    """``event``, ``features``, ``scan``: one record each, in order."""

    def __init__(self) -> None:
        self.markets: dict[str, Followed] = {}
        self.spots: dict[str, Spot] = {}
        self.dirty: set[str] = set()  # whose books changed since somebody asked

    def title(self, key: str) -> str:
        known = self.markets.get(key)
        return title_of(key, known.window if known is not None else None)

    def event(self, event: AnyEvent) -> None:
        if isinstance(event, Book):
            followed = self._of(event.key)
            followed.book, followed.heard = event, event.t
            window = followed.window
            remark(followed.marks, event, event.t + 1 if window is None else window.end)
            self.dirty.add(event.key)
            mid = followed.mid
            if mid is not None:
                self._point(followed, event.t).mid = mid
                followed.mid_at = event.t // SECOND
        elif isinstance(event, Spot):
            self.spots[event.lane] = event
        elif isinstance(event, Market):
            followed = self._of(event.key)
            followed.definition, followed.heard = event, max(followed.heard, event.t)
            self.dirty.add(event.key)
        elif isinstance(event, Trade):
            self._of(event.key).trades.append(event)

    def features(self, row: Features) -> None:
        followed = self._of(row.market_key)
        followed.features = row
        followed.heard = max(followed.heard, row.timestamp)
        point = self._point(followed, row.timestamp)
        point.fair = _number(row.values.get("fair"))
        point.spot = _number(row.values.get("spot"))
        point.returns = _number(row.values.get("returns"))
        followed.features_at = row.timestamp // SECOND

    def scan(self, row: Scan) -> None:
        followed = self._of(row.market_key)
        followed.scans[row.strategy] = row
        followed.heard = max(followed.heard, row.timestamp)
        if row.metric_family == "edge_after_costs" and row.verdict != "block":
            point = self._point(followed, row.timestamp)
            point.edge, point.threshold = row.score, row.threshold

    def ordered(self) -> list[Followed]:
        """The window that ends next first, then those to come, then those that ended, the latest first."""
        now = self.now
        known = [each for each in self.markets.values() if each.window is not None]
        running = sorted((e for e in known if _ends(e) > now), key=lambda e: (_ends(e), e.key))
        ended = sorted((e for e in known if _ends(e) <= now), key=lambda e: (-_ends(e), e.key))
        return [*running, *ended]

    @property
    def now(self) -> int:
        """Event time: the latest that was heard. Unix ns."""
        return max((each.heard for each in self.markets.values()), default=0)

    def _of(self, key: str) -> Followed:
        followed = self.markets.get(key)
        if followed is None:
            followed = self.markets[key] = Followed(key)
            while len(self.markets) > _KEPT:
                del self.markets[min(self.markets, key=lambda each: _ends(self.markets[each]))]
        return followed

    @staticmethod
    def _point(followed: Followed, t: int) -> Point:
        second = t // SECOND
        curve = followed.curve
        if not curve or curve[-1].second < second:
            last = curve[-1] if curve else None
            if last is None:
                curve.append(Point(second))
            else:
                new = Point(second, last.mid if second - followed.mid_at <= _STANDS_S else None)
                if second - followed.features_at <= _STANDS_S:
                    new.fair, new.spot, new.returns = last.fair, last.spot, last.returns
                curve.append(new)
        return curve[-1]


def _ends(followed: Followed) -> int:
    window = followed.window
    return window.end if window is not None else followed.heard


def _number(value: Number) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def spot_usd(spot: Spot | None) -> float | None:
    """Dollars of a spot event."""
    return None if spot is None else spot.price / DOLLAR
