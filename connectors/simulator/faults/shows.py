"""Books shown wrongly: which tokens, how, and the books that are sent when it begins and ends. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connectors.clock import NS
from connectors.simulator.emission import Emission, Venue
from connectors.simulator.exchange import Exchange
from connectors.simulator.faults.bookview import TokenDisplay, shown, whole_book
from connectors.simulator.faults.strokes import Log, Running, Targets
from connectors.simulator.faults.timeline import BookFault, ClockSkew
from connectors.simulator.faults.truth import Injected, Session

HALF_TICK: Final = 5  # pips: off every tick of 0.001 and coarser


class Shows:
    """What the venues show otherwise than it is: books and clocks."""

    def __init__(self, core: Exchange, targets: Targets, log: Log) -> None:
        self.pushes: list[Emission] = []
        self._core = core
        self._targets = targets
        self._log = log
        self._views: dict[str, TokenDisplay] = {}
        self._skew_ns: dict[Venue, int] = {"polymarket": 0, "coinbase": 0}

    def reckon(self, running_now: Sequence[Running]) -> None:
        """Add up all that is shown wrongly now."""
        self._views = {}
        self._skew_ns = {"polymarket": 0, "coinbase": 0}
        for running in running_now:
            if isinstance(running.fault, ClockSkew):
                self._skew_ns[running.fault.venue] += round(running.fault.skew_s * NS)
            for token, view in running.views.items():
                self._views[token] = view.over(self._views[token]) if token in self._views else view

    def skew_ns(self, venue: Venue) -> int:
        """How far the venue's clock is ahead now."""
        return self._skew_ns[venue]

    def choose(self, running: Running, fault: BookFault) -> None:
        """Decide how the chosen tokens are shown."""
        for market in self._targets.markets(fault.asset, fault.horizon):
            bid, ask = market.ladder.best_bid, market.ladder.best_ask
            if not market.open or bid is None or ask is None:
                continue  # an empty book cannot be shown more wrongly
            index = 0 if fault.outcome == "up" else 1
            by, spread, high = round(fault.by * 10_000), ask - bid, (bid + ask > 10_000) == (index == 0)
            view = TokenDisplay()
            if fault.kind in ("crossed_book", "locked_book"):
                shift = spread + (by if fault.kind == "crossed_book" else 0)
                view = TokenDisplay(ask_shift=-shift) if high else TokenDisplay(bid_shift=shift)
            elif fault.kind == "parity_torn":
                view = TokenDisplay(-by, -by) if high else TokenDisplay(by, by)
            elif fault.kind == "off_tick":
                view = TokenDisplay(bid_shift=HALF_TICK)
            elif fault.kind == "one_sided_book":
                view = TokenDisplay(without=fault.side)
            elif fault.kind == "wrong_hash":
                view = TokenDisplay(false_hash=True)
            else:
                view = TokenDisplay(hidden=True)
            running.views[market.tokens[index]] = view

    def push(self, tokens: list[str], now_ns: int) -> None:
        """Books of these tokens' markets, both tokens of each at one moment."""
        done: set[str] = set()
        for token in tokens:
            found = self._core.by_token.get(token)
            if found is None or not found[0].open or found[0].condition in done:
                continue
            market = found[0]
            done.add(market.condition)
            for index, each in enumerate(market.tokens):
                frame = whole_book(market, index, now_ns // 1_000_000)
                self.pushes.append(Emission(now_ns, "polymarket", "book", (each,), frame))

    def shown(
        self,
        running_now: Sequence[Running],
        session: Session,
        channel: str,
        frame: bytes,
        now_ns: int,
        marks: list[Injected],
    ) -> bytes | None:
        """The frame as its client sees it; None: not at all. Strokes whose evidence it is go to ``marks``."""
        skew = self._skew_ns[session.venue]
        if session.venue == "polymarket" and (self._views or skew):
            seen, touched = shown(frame, self._views, skew // 1_000_000, self._core.by_token.get)
            self._mark_views(running_now, session, channel, touched, now_ns, marks)
            if seen is None:
                return None
            frame = seen
        for running in running_now if skew else ():
            fault = running.fault
            if isinstance(fault, ClockSkew) and fault.venue == session.venue:
                mark = self._log.lasting(running, session, "", now_ns)
                mark.frames += 1
                mark.amount = fault.skew_s
                if mark.shown_ns is None:
                    marks.append(mark)
        return frame

    def _mark_views(
        self,
        running_now: Sequence[Running],
        session: Session,
        channel: str,
        touched: set[str],
        now_ns: int,
        marks: list[Injected],
    ) -> None:
        for running in running_now:
            for token in running.views.keys() & touched:
                if self._views[token].hidden and running.fault.kind != "token_frozen":
                    continue  # left out, so not shown wrongly either
                mark = self._log.lasting(running, session, token, now_ns)
                mark.frames += 1
                if mark.shown_ns is None and channel == "book":
                    mark.channel = channel
                    marks.append(mark)
