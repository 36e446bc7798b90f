"""The tick size of markets whose changes of it were not recorded, inferred from their prices."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Final

from connectors.imports.frames import Frame, tick_size_change
from connectors.imports.summary import ImportSummary
from models.topics import FEED_POLYMARKET

FIRST: Final = "0.01"
_FINER: Final = (FIRST, "0.001", "0.0001")
NOTE: Final = "tick size changes were not recorded: one is sent before the first price that needs it"


class TickWatch:
    """The tick of each market so far: the exchange's 0.01, then finer when a price is."""

    def __init__(self, summary: ImportSummary) -> None:
        self._ticks: dict[str, str] = {}
        self._summary = summary

    def of(self, market: str) -> str:
        return self._ticks.get(market, FIRST)

    def watch(self, market: str, tokens: Iterable[str], t_ns: int, prices: Iterable[str]) -> Iterator[Frame]:
        """The ``tick_size_change`` frames, one a token, that must precede these prices."""
        old = new = self.of(market)
        for price in prices:
            if len(price) > len(new):
                new = next((tick for tick in _FINER if not Decimal(price) % Decimal(tick)), _FINER[-1])
        if new != old:
            self._ticks[market] = new
            self._summary.count("tick_size_changes_derived")
            self._summary.note(NOTE)
            for token in tokens:
                value = tick_size_change(market, token, t_ns // 1_000_000, old, new)
                yield Frame(t_ns, FEED_POLYMARKET, "polymarket", "", value)
