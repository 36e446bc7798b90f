"""Acts on what the watch says: compares with REST, subscribes anew, gives connections up, and tells the feed why."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from urllib.parse import quote

from connectors.clock import NS, FeedClock, patience
from connectors.polymarket.rest import RequestRefused, RestAnswers
from connectors.polymarket.watch import UNSOUND_S, Act, FeedWatch
from connectors.polymarket.windows import MarketWindow
from connectors.polymarket.wire import REST_LINE
from connectors.recorder.pulse import ModulePulse
from connectors.recorder.writer import FeedWriter
from models.failures import Failure
from models.markers import Notice
from models.reasons import Reason
from models.settings import Checks, Feeds
from models.topics import FEED_COINBASE, FEED_POLYMARKET

LOOK_S: Final = 0.5  # between two looks, real seconds
LATE_S: Final = 0.3  # a look later than this is none: what seems silent may wait to be read
CHECKS_AT_ONCE: Final = 4


class Door(Protocol):
    """A door whose connections can be given up."""

    async def give_up(self, conn: str, why: str) -> None: ...


class MarketDoor(Door, Protocol):
    """The door of the market channel."""

    pulse: ModulePulse

    def serving(self) -> dict[str, str]: ...

    async def renew(self, tokens: tuple[str, ...]) -> None: ...


def patient(checks: Checks, clock: FeedClock) -> Checks:
    """The bounds at the clock's speed: a faster clock does not make sockets and schedulers faster."""
    after = patience(clock, checks.frozen_after_s) * clock.speed
    grace = patience(clock, checks.rest_grace_ms / 1000) * clock.speed
    return checks.model_copy(update={"frozen_after_s": after, "rest_grace_ms": int(grace * 1000)})


class FeedGuard:
    """Looks twice a second. REST's books go to the feed verbatim, on a numbering of their own."""

    def __init__(self, feeds: Feeds, checks: Checks, writer: FeedWriter, clock: FeedClock, clob: RestAnswers) -> None:
        speed = clock.speed
        self.watch = FeedWatch(
            patient(checks, clock),
            patience(clock, feeds.asset_silence_s) * speed,
            patience(clock, feeds.cross_check_s) * speed,
            patience(clock, UNSOUND_S) * speed,
        )
        self._writer = writer
        self._clock = clock
        self._clob = clob
        self._line = writer.line(REST_LINE)
        self._room = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._checks: dict[str, asyncio.Task[None]] = {}

    def listed(self, window: MarketWindow, tokens: tuple[str, ...], terms: tuple[int, int] | None) -> None:
        """A window's tokens became known, or their terms: tick (pips) and least order (shares)."""
        self.watch.listed(window.asset, tokens, window.start * NS, window.end * NS, terms)

    async def run(self, channel: MarketDoor, coinbase: Door) -> None:
        """Ends only by cancellation."""
        pulse = channel.pulse
        pulse.gauges["undecodable"] = lambda: self.watch.bad
        pulse.gauges["unsound"] = lambda: self.watch.lacking
        try:
            while True:
                asked = time.monotonic()
                await asyncio.sleep(LOOK_S)
                if time.monotonic() - asked > LOOK_S + LATE_S:
                    pulse.count("looks_skipped")  # we were held up ourselves: the sockets have their turn first
                    continue
                await self.look(channel, coinbase)
        finally:
            for task in self._checks.values():
                task.cancel()
            await asyncio.gather(*self._checks.values(), return_exceptions=True)

    async def look(self, channel: MarketDoor, coinbase: Door) -> None:
        """Judge once, and act; what is asked of REST is answered later."""
        for act in self.watch.judge(self._clock.now_ns(), channel.serving()):
            await self._do(act, channel, coinbase)

    async def answered(self) -> None:
        """Returns when REST has answered all that was asked."""
        while self._checks:
            await asyncio.gather(*self._checks.values())

    async def _do(self, act: Act, channel: MarketDoor, coinbase: Door) -> None:
        pulse = channel.pulse
        if act.do == "check":
            self._check(act, pulse)
            return
        if act.is_healing:
            await self._heal(act, channel)
            return
        pulse.count("suspicions")
        if act.reason == Reason.REST_MISMATCH:
            pulse.count("cross_check_mismatches")
        why = f"{act.reason}: {act.why}"
        self._writer.notice(act.feed, Notice(act.conn, "frozen", why, 0, act.tokens))
        if act.do == "resubscribe":
            pulse.count("resubscribes", len(act.tokens))
            await channel.renew(act.tokens)
        else:
            pulse.count("frozen_reconnects")
            give_up: Callable[[str, str], Awaitable[None]] = (
                coinbase.give_up if act.feed == FEED_COINBASE else channel.give_up
            )
            await give_up(act.conn, why)

    async def _heal(self, act: Act, channel: MarketDoor) -> None:
        pulse, why = channel.pulse, f"{act.reason}: {act.why}"
        pulse.count("healings")
        pulse.note("warning", why)
        if act.do == "reconnect":
            pulse.count("healing_reconnects")
            await channel.give_up(act.conn, why)
            return
        pulse.count("healing_resubscribes", len(act.tokens))
        self._writer.notice(act.feed, Notice(act.conn, "renewed", why, 0, act.tokens))
        self.watch.renewed(act.conn, act.tokens)
        await channel.renew(act.tokens)

    def _check(self, act: Act, pulse: ModulePulse) -> None:
        for token in act.tokens:
            if token not in self._checks:
                self._checks[token] = asyncio.create_task(self._ask(token, pulse))

    async def _ask(self, token: str, pulse: ModulePulse) -> None:
        try:
            async with self._room:
                pulse.count("cross_checks")
                body = await self._clob.get(f"/book?token_id={quote(token, safe='')}")
            now = self._clock.now_ns()
            self._line.publish(FEED_POLYMARKET, body, recv_ns=now)
            self.watch.rest(token, body, now)
        except RequestRefused as cause:
            pulse.count("cross_checks_missing" if cause.missing else "cross_checks_failed")
            if cause.missing:
                self.watch.missing(token)
        except Failure:  # the outlet takes nothing any more: that ends the recorder elsewhere
            pulse.count("cross_checks_failed")
        finally:
            self._checks.pop(token, None)
