"""Faults of the exchange itself and not of its frames: markets that resolve oddly, ticks that change, REST that lies,
hosts that ask for patience, venues that take no connections. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from connectors.clock import NS
from connectors.simulator.emission import Venue
from connectors.simulator.faults.evidence import EVIDENCE
from connectors.simulator.faults.strokes import Log, Running, Targets
from connectors.simulator.faults.timeline import HttpStatus, ResolutionFault, RestStale, TickChange, VenueFault
from connectors.simulator.faults.truth import Session
from connectors.simulator.resolution import Fate
from models.reasons import Reason


class Conditions:
    """What the exchange itself is made to do."""

    def __init__(self, targets: Targets, log: Log) -> None:
        self._targets = targets
        self._log = log

    def change_tick(self, running: Running, fault: TickChange, now_ns: int) -> None:
        """The open markets' tick becomes finer at the next step."""
        running.left = 0
        for market in self._targets.markets(fault.asset, fault.horizon):
            if market.open and market.window.start * NS <= now_ns:
                market.refine_next = "announced" if fault.announced else "unannounced"
                mark = self._log.mark(running, now_ns, tokens=market.tokens)
                mark.possible = EVIDENCE[fault.kind].possible if not fault.announced else (Reason.NO_SNAPSHOT,)

    def keep_books(self, running: Running, fault: RestStale, now_ns: int) -> None:
        """What REST shows from now on."""
        for market in self._targets.markets(fault.asset, fault.horizon):
            mark = self._log.mark(running, now_ns, tokens=market.tokens)
            for index, token in enumerate(market.tokens):
                running.marks["", token] = mark
                running.books[token] = market.rest_book(index)

    def decree(self, running: Running, fault: ResolutionFault, begins_ns: int, now_ns: int) -> None:
        """Give their fate to the markets whose windows end while the fault is at work, also those still to come, and
        take down when it comes true: at the usual time of resolution, and with a second answer."""
        fate = {
            "resolves_late": Fate(late_s=fault.by_s),
            "resolves_never": Fate(never=True),
            "resolves_half": Fate(half=True),
            "resolves_twice": Fate(again_s=fault.by_s),
            "resolves_proposed": Fate(proposed_s=fault.by_s),
        }[fault.kind]
        for market in self._targets.markets(fault.asset, fault.horizon):
            if market.resolved_ns is None and begins_ns <= market.closes_ns < running.until_ns:
                market.resolution.fate = fate
            if market.resolution.fate != fate or now_ns < market.resolution.due_ns:
                continue
            mark = running.marks.get(("", market.condition))
            if mark is None:
                mark = running.marks["", market.condition] = self._log.mark(running, now_ns, tokens=market.tokens)
                mark.amount, mark.note = fault.by_s, market.window.slug
            if market.resolution.contradicted and mark.shown_ns is None:
                mark.shown_ns = now_ns

    def http_status(
        self, running_now: Sequence[Running], host: Literal["gamma", "clob"], now_ns: int
    ) -> tuple[int, float] | None:
        """(status, seconds for Retry-After) in place of an answer, or None."""
        for running in running_now:
            fault = running.fault
            if isinstance(fault, HttpStatus) and fault.host == host and running.strikes():
                mark = self._log.mark(running, now_ns, venue=host)
                mark.shown_ns, mark.note = now_ns, f"HTTP {fault.status}"
                return fault.status, fault.retry_after_s
        return None

    @staticmethod
    def rest_book(running_now: Sequence[Running], token: str) -> bytes | None:
        """The stale answer of ``/book``, or None where the true one is to be given."""
        for running in running_now:
            if token in running.books:
                running.marks["", token].frames += 1
                return running.books[token]
        return None

    def refuse(self, running_now: Sequence[Running], venue: Venue, now_ns: int, session: Session | None) -> None:
        """A client was refused, or its standing ``session`` was ended."""
        for running in running_now:
            if not refuses(running, venue):
                continue
            if session is None:
                mark = self._log.mark(running, now_ns, venue=venue)
            else:
                mark = self._log.stroke(running, now_ns, session, "", ())
                self._log.take(mark)
            mark.shown_ns = now_ns


def refuses(running: Running, venue: Venue) -> bool:
    """Whether this fault keeps clients of ``venue`` out."""
    fault = running.fault
    return isinstance(fault, VenueFault) and fault.kind == "refused" and fault.venue == venue
