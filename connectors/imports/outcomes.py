"""Outcomes of markets recorded without one: from the spot at the window's ends, or from a last quote that is sure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, NamedTuple

from models.settlement import Rule, rule_for

UP: Final = ("1", "0")
DOWN: Final = ("0", "1")
#: A spot price this near to the end of an hour stands for it; of shorter windows a third of that.
HOUR_WITHIN_NS: Final = 90 * 10**9
SHORT_WITHIN_NS: Final = 30 * 10**9
QUOTE_WITHIN_NS: Final = 300 * 10**9
SURE: Final = Decimal("0.95")
_GRID_NS: Final = 300 * 10**9  # every window begins and ends on it
_LEAST_SAMPLES: Final = 3  # of an average


class Open(NamedTuple):
    """A market without an outcome. Times in Unix ns; ``sources``: what it may be taken from, ``spot``, ``quotes``."""

    key: str
    asset: str
    horizon: str
    start_ns: int
    end_ns: int
    sources: frozenset[str]

    @property
    def within_ns(self) -> int:
        return HOUR_WITHIN_NS if self.horizon == "1h" else SHORT_WITHIN_NS


class DerivedOutcome(NamedTuple):
    """An outcome: payouts of (Up, Down), the source, and in words what it was taken from."""

    market: Open
    payout: tuple[str, str]
    source: str
    words: str


class _End:
    """Spot around one end of windows."""

    __slots__ = ("distance", "price", "samples", "total")

    def __init__(self) -> None:
        self.distance = HOUR_WITHIN_NS + 1
        self.price = Decimal(0)
        self.total = Decimal(0)  # of the last minute before it
        self.samples = 0


class OutcomeTracker:
    """Notes what passes, in the order of time, and says how markets ended. Prices are dollars."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, int], _End] = {}
        self._quotes: dict[str, tuple[int, Decimal, Decimal]] = {}
        self._strikes: dict[str, Decimal] = {}
        self._waiting: list[tuple[int, int, Open]] = []
        self._entered = 0
        self.open: dict[str, Open] = {}

    def market(self, market: Open) -> None:
        """A market whose outcome is not known."""
        if market.key not in self.open:
            self.open[market.key] = market
            heapq.heappush(self._waiting, (market.end_ns, self._entered, market))
            self._entered += 1

    def resolved(self, key: str) -> None:
        """Its outcome is known now."""
        self.open.pop(key, None)

    def strike(self, key: str, price: Decimal) -> None:
        self._strikes.setdefault(key, price)

    def spot(self, asset: str, t_ns: int, price: Decimal) -> None:
        """The price of a moment."""
        at = (t_ns + _GRID_NS // 2) // _GRID_NS * _GRID_NS
        distance = abs(t_ns - at)
        if distance > HOUR_WITHIN_NS:
            return
        end = self._ends.get((asset, at))
        if end is None:
            end = self._ends[asset, at] = _End()
        if distance < end.distance:
            end.distance, end.price = distance, price
        if at - 60 * 10**9 <= t_ns <= at:
            end.total += price
            end.samples += 1

    def quote(self, key: str, t_ns: int, bid: Decimal, ask: Decimal) -> None:
        """The Up token's quote of a moment; one that cannot have stood says nothing."""
        if bid < ask:
            self._quotes[key] = (t_ns, bid, ask)

    def due(self, t_ns: int) -> Iterator[DerivedOutcome]:
        """Outcomes of the markets that ended so long before ``t_ns`` that all there is has been noted."""
        while self._waiting and self._waiting[0][0] < t_ns - self._waiting[0][2].within_ns:
            market = heapq.heappop(self._waiting)[2]
            if market.key in self.open:
                yield from self._outcome(market, t_ns)

    def rest(self, last_ns: int) -> Iterator[DerivedOutcome]:
        """The same of those that are left when the recording ends."""
        for _, _, market in sorted(self._waiting):
            if market.key in self.open and market.end_ns <= last_ns + market.within_ns:
                yield from self._outcome(market, last_ns)

    def _outcome(self, market: Open, t_ns: int) -> Iterator[DerivedOutcome]:
        found = None
        if "spot" in market.sources:
            found = self._by_spot(market)
        if found is None and "quotes" in market.sources and market.end_ns <= t_ns:
            found = self._by_quotes(market)
        if found is not None:
            self.resolved(market.key)
            yield found

    def _by_spot(self, market: Open) -> DerivedOutcome | None:
        rule = rule_for(market.horizon, market.start_ns)
        closed = self._price_at(market, market.end_ns, rule)
        opened: Decimal | None = self._strikes.get(market.key)
        against = "the strike"
        if opened is None:
            opened = self._price_at(market, market.start_ns, rule)
            against = "that at the start"
        if opened is None or closed is None:
            return None
        what = (
            "the average of the recorded spot in the last minute"
            if rule and rule.kind == "twap"
            else "the recorded spot"
        )
        words = f"{what} at the end, {closed.normalize():f}, against {against}, {opened.normalize():f}"
        return DerivedOutcome(market, UP if closed >= opened else DOWN, "spot", words)

    def _price_at(self, market: Open, at_ns: int, rule: Rule | None) -> Decimal | None:
        end = self._ends.get((market.asset, at_ns))
        if end is None or end.distance > market.within_ns:
            return None
        if rule is not None and rule.kind == "twap":
            return end.total / end.samples if end.samples >= _LEAST_SAMPLES else None
        return end.price

    def _by_quotes(self, market: Open) -> DerivedOutcome | None:
        last = self._quotes.get(market.key)
        if last is None or not 0 <= market.end_ns - last[0] <= QUOTE_WITHIN_NS:
            return None
        _, bid, ask = last
        words = f"the last quote of Up, {bid} / {ask}"
        if bid >= SURE:
            return DerivedOutcome(market, UP, "quotes", words)
        return DerivedOutcome(market, DOWN, "quotes", words) if ask <= 1 - SURE else None
