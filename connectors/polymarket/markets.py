"""The Polymarket door's HTTP side: definitions, strikes and resolutions of the rolling windows.

Every window goes through the same life: looked for, found (its tokens are subscribed from ``ahead_s`` before it
opens), open (asked for until the strike is there), ended (asked for with growing pauses until it is resolved), done
(looked at once more, and dropped some minutes later). An answer goes verbatim to ``feed.markets`` when it is the first
or differs from the one before in a field that matters. When Gamma is late with a resolution, the CLOB is asked as well.

What strike and payout the flow has is read off what was published, by the flow's own code (``Definitions``): the door
asks until the flow has them, and after a word of the CLOB until Gamma has spoken too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import msgspec

from connectors.clock import NS, FeedClock, sleep
from connectors.polymarket.definitions import Definitions
from connectors.polymarket.rest import RequestRefused, RestAnswers
from connectors.polymarket.windows import MarketWindow, around
from connectors.polymarket.wire import decode_strings
from connectors.recorder.pulse import ModulePulse
from connectors.recorder.writer import FeedWriter
from models.markers import Notice
from models.reasons import Reason
from models.settings import Feeds
from models.settlement import market_key
from models.timestamps import parse_iso
from models.topics import FEED_MARKETS

ROUND_S: Final = 1.0
MISSING_S: Final = 10.0  # an unknown slug is asked for again this much later
STRIKE_FAST_S: Final = 4.0  # pause while the strike is expected
STRIKE_SLOW_S: Final = 30.0  # pause once it is late by more than STRIKE_LATE_S
STRIKE_LATE_S: Final = 120.0
END_FIRST_S: Final = 4.0  # pauses after the end: from here ...
END_MOST_S: Final = 30.0  # ... growing to here
END_GROWTH: Final = 1.25
CLOB_AFTER_S: Final = 90.0  # the 90th percentile of Gamma's own delay was 87 s
LATE_S: Final = 3 * 3600.0  # from here on it is asked for every SLOW_S, and said aloud ...
SLOW_S: Final = 300.0
GIVE_UP_S: Final = 24 * 3600.0  # ... until nobody keeps the market any more
CONFIRM_S: Final = 60.0  # after a resolution it is looked at once more: it may have been taken back
LINGER_S: Final = 120.0  # tokens stay subscribed this long after the resolution
LINGER_MOST_S: Final = 900.0  # and never longer than this after the end

MATTERS: Final = (
    "conditionId",
    "clobTokenIds",
    "outcomes",
    "eventStartTime",
    "endDate",
    "active",
    "closed",
    "acceptingOrders",
    "orderMinSize",
    "orderPriceMinTickSize",
    "feesEnabled",
    "feeSchedule",
    "negRisk",
    "version",
    "umaResolutionStatus",
    "umaResolutionStatuses",
    "cryptoMarketConfig",
)

_UNREADABLE: Final = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # text that is not UTF-8, nested too deep

Terms = tuple[int, int] | None  # tick in pips, least order in shares
ClobMark = tuple[Any, Any, tuple[tuple[Any, bool, Any], ...]]


@dataclass
class FollowedWindow:
    """What the door knows of one window."""

    window: MarketWindow
    due: float = 0.0  # feed clock, seconds
    tokens: tuple[str, ...] = ()
    terms: Terms = None
    condition: str = ""
    strike: bool = False
    resolved_at: float | None = None  # when the flow had its payout
    settled_at: float | None = None  # when that was Gamma's own
    confirmed: bool = False
    pause: float = END_FIRST_S
    gamma: Any = None  # fingerprint of the last answer that was published
    clob: Any = None
    is_late: bool = False


class MarketsDoor:
    """Follows the windows of all assets and horizons. ``subscribe`` is given the tokens that are wanted now, ``listed``
    each window whose tokens, or their terms, became known."""

    def __init__(
        self,
        feeds: Feeds,
        writer: FeedWriter,
        clock: FeedClock,
        subscribe: Callable[[list[str]], Awaitable[None]],
        gamma: RestAnswers,
        clob: RestAnswers,
        listed: Callable[[MarketWindow, tuple[str, ...], Terms], None] = lambda window, tokens, terms: None,
    ) -> None:
        self.pulse = ModulePulse("connection.markets")
        self._listed = listed
        self.pulse.gauges["markets"] = lambda: len(self._followed)
        self._feeds = feeds
        self._writer = writer
        self._clock = clock
        self._subscribe = subscribe
        self._gamma = gamma
        self._clob = clob
        self._gamma_line = writer.line("gamma")
        self._clob_line = writer.line("clob")
        self._followed: dict[str, FollowedWindow] = {}
        self._known = Definitions()  # what the flow knows by what was published
        self._healthy: dict[str, bool] = {}

    async def run(self) -> None:
        """A round each second; ends only by cancellation."""
        while True:
            await self.round()
            await sleep(self._clock, max(ROUND_S, 0.02 * self._clock.speed))

    async def round(self) -> None:
        """Look after every window once."""
        now = self._clock.now_ns() / NS
        self._follow(now)
        await asyncio.gather(*(self._ask(each) for each in list(self._followed.values()) if each.due <= now))
        await self._subscribe(self._tokens(self._clock.now_ns() / NS))
        self._forget(self._clock.now_ns() / NS)

    def _follow(self, now: float) -> None:
        """The open window, and the next one as soon as it is worth knowing."""
        for asset in self._feeds.assets:
            for horizon in self._feeds.horizons:
                for window in around(asset, horizon, now):
                    if window.start - now <= self._feeds.ahead_s + 60 and window.key not in self._followed:
                        self._followed[window.key] = FollowedWindow(window)

    def _tokens(self, now: float) -> list[str]:
        tokens: list[str] = []
        for each in self._followed.values():
            end = each.window.end
            until = end + LINGER_MOST_S if each.resolved_at is None else each.resolved_at + LINGER_S
            if each.window.start - self._feeds.ahead_s <= now < min(until, end + LINGER_MOST_S):
                tokens.extend(each.tokens)
        return tokens

    def _forget(self, now: float) -> None:
        for key, each in list(self._followed.items()):
            age = now - each.window.end
            if each.resolved_at is None and age > LATE_S and not each.is_late:
                each.is_late = True
                self.pulse.count("unresolved")
                self.pulse.note("warning", f"{key}: no resolution for {LATE_S / 3600:g} h, asked on")
            if age > GIVE_UP_S and each.resolved_at is None:
                why = f"{key}: no resolution for {GIVE_UP_S / 3600:g} h, given up"
                self._writer.notice(FEED_MARKETS, Notice(self._gamma_line.conn, "refused", why))
            if age > GIVE_UP_S or (each.settled_at is not None and now > each.settled_at + LINGER_S):
                del self._followed[key]
        self._known.forget(self._clock.now_ns())

    async def _ask(self, each: FollowedWindow) -> None:
        try:
            body = await self._gamma.get(f"/markets/slug/{each.window.slug}")
            self._answered("gamma")
            self._take_gamma(each, body)
        except RequestRefused as cause:
            if not cause.missing:
                self._failed("gamma", self._gamma_line.conn, str(cause))
            else:
                self.pulse.count("missing")
        except _NOT_JSON as cause:
            self._failed("gamma", self._gamma_line.conn, f"{each.window.slug}: not JSON: {cause}")
        now = self._clock.now_ns() / NS
        if each.resolved_at is None and each.condition and now > each.window.end + CLOB_AFTER_S:
            await self._ask_clob(each)
        self._schedule(each, now)

    async def _ask_clob(self, each: FollowedWindow) -> None:
        try:
            body = await self._clob.get(f"/markets/{quote(each.condition, safe='')}")
            self._answered("clob")
            found = msgspec.json.decode(body)
        except RequestRefused as cause:
            self._failed("clob", self._clob_line.conn, str(cause))
            return
        except _NOT_JSON as cause:
            self._failed("clob", self._clob_line.conn, f"{each.condition}: not JSON: {cause}")
            return
        mark = clob_fingerprint(found)
        if mark != each.clob:
            each.clob = mark
            self._publish(self._clob_line, each, body)

    def _take_gamma(self, each: FollowedWindow, body: bytes) -> None:
        found = msgspec.json.decode(body)
        if not isinstance(found, dict):
            raise msgspec.DecodeError("the answer is no object")
        if is_of_another_hour(each.window, found):
            self.pulse.count("missing")
            return
        mark = gamma_fingerprint(found), reading(body)
        if mark != each.gamma:
            each.gamma = mark
            self._publish(self._gamma_line, each, body)
        tokens = token_ids(found) or each.tokens
        terms = self._known.terms(tokens[0]) if tokens else None
        if (tokens, terms) != (each.tokens, each.terms):
            each.tokens, each.terms = tokens, terms
            self._listed(each.window, tokens, terms)
        condition = found.get("conditionId")
        each.condition = condition if isinstance(condition, str) and condition else each.condition
        if each.settled_at is not None:
            each.confirmed = True

    def _publish(self, line: Any, each: FollowedWindow, body: bytes) -> None:
        now = self._clock.now_ns()
        line.publish(FEED_MARKETS, body, key=each.window.slug, recv_ns=now)
        self.pulse.frame(len(body), now)
        try:
            learnt = self._known.learn(body)
        except _UNREADABLE as cause:  # the flow can make nothing of it either
            self.pulse.count("unreadable")
            self.pulse.note("warning", f"{each.window.slug}: {cause}")
            return
        if learnt is None or learnt[0].market.key != each.window.key:
            return
        known, _, conflict = learnt
        each.strike = known.market.strike is not None
        if conflict:
            self.pulse.count("resolution_conflicts")
            self.pulse.note("warning", f"{Reason.RESOLUTION_CONFLICT}: {each.window.slug}")
            each.confirmed = False  # looked at again
        if known.market.payout_up is None:
            return
        if each.resolved_at is None:
            each.resolved_at = now / NS
            self.pulse.count("resolved" if known.market.resolved_by == "gamma" else "resolved_by_clob")
        if (each.settled_at is None or conflict) and known.truth_by == "gamma":
            each.settled_at = now / NS

    def _schedule(self, each: FollowedWindow, now: float) -> None:
        """When to ask next, by where the window is in its life."""
        window = each.window
        if each.settled_at is not None:
            each.due = float("inf") if each.confirmed else each.settled_at + CONFIRM_S
        elif now >= window.end:
            each.due = now + (SLOW_S if each.is_late else each.pause)
            each.pause = min(END_MOST_S, each.pause * END_GROWTH)
        elif not each.tokens:
            each.due = now + MISSING_S
        elif now < window.start:
            each.due = float(window.start)
        elif not each.strike:
            pause = STRIKE_FAST_S if now < window.start + STRIKE_LATE_S else STRIKE_SLOW_S
            each.due = min(now + pause, float(window.end))
        else:
            each.due = float(window.end)

    def _answered(self, host: str) -> None:
        if self._healthy.get(host) is False:
            line = self._gamma_line if host == "gamma" else self._clob_line
            self._writer.notice(FEED_MARKETS, Notice(line.conn, "connected", f"{host} answers again", line.n))
        self._healthy[host] = True
        self.pulse.count("answers")
        self.pulse.status = "running"

    def _failed(self, host: str, conn: str, why: str) -> None:
        if self._healthy.get(host) is not False:
            self._writer.notice(FEED_MARKETS, Notice(conn, "refused", why))
        self._healthy[host] = False
        self.pulse.count("failures")
        self.pulse.note("warning", why)


def token_ids(market: dict[str, Any]) -> tuple[str, ...]:
    """The market's token ids (a JSON-encoded string on Gamma, or a list); empty while it has none."""
    listed = market.get("clobTokenIds")
    if not isinstance(listed, str | list):
        return ()
    try:
        return tuple(token for token in decode_strings(listed) if token)
    except (ValueError, RecursionError):
        return ()


def is_of_another_hour(window: MarketWindow, found: dict[str, Any]) -> bool:
    """Whether Gamma's object is of the other of two hours that share the window's slug."""
    start = found.get("eventStartTime")
    try:
        return isinstance(start, str) and market_key(window.slug, parse_iso(start)) != window.key
    except (ValueError, IndexError):
        return False


def reading(body: bytes) -> str:
    """How a Gamma object reads to the flow: "" as a market, "unknown" as none yet, else why not at all."""
    try:
        return "" if Definitions().learn(body) is not None else "unknown"
    except _UNREADABLE as cause:
        return str(cause)


def event_metadata(market: dict[str, Any]) -> dict[str, Any]:
    events = market.get("events")
    first = events[0] if isinstance(events, list) and events else {}
    metadata = first.get("eventMetadata") if isinstance(first, dict) else None
    return metadata if isinstance(metadata, dict) else {}


def gamma_fingerprint(market: dict[str, Any]) -> Any:
    """What must change for an answer to be worth a record. Prices of a market that is open move all the time and say
    nothing the books do not; those of a closed one are its payouts."""
    metadata = event_metadata(market)
    return (
        tuple(market.get(name) for name in MATTERS),
        metadata.get("priceToBeat"),
        metadata.get("finalPrice"),
        market.get("outcomePrices") if market.get("closed") is True else None,
    )


def clob_fingerprint(market: Any) -> ClobMark:
    """Closed or not, whether it says it is a 50/50, and each token's id, whether it won, and its payout when closed."""
    if not isinstance(market, dict):
        return None, None, ()
    closed, listed = market.get("closed"), market.get("tokens")
    tokens = tuple(
        (token.get("token_id"), token.get("winner") is True, token.get("price") if closed else None)
        for token in (listed if isinstance(listed, list) else ())
        if isinstance(token, dict)
    )
    return closed, market.get("is_50_50_outcome"), tokens
