"""The recorder's guard without sockets and tasks: looks twice a second, asks REST, subscribes anew, gives up.

What looks frozen is told by the real ``FeedWatch``; here is only what ``connectors.recorder.guard`` does about it. REST
answers at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from connectors.clock import NS
from connectors.polymarket.watch import Act, FeedWatch
from connectors.polymarket.wire import REST_LINE
from connectors.recorder.writer import FeedWriter
from models.markers import Notice
from models.settings import Checks, Feeds
from models.topics import FEED_COINBASE, FEED_POLYMARKET

LOOK_NS: Final = NS // 2


class GuardedDoor(Protocol):
    """A door whose connection can be given up."""

    def give_up_on(self, conn: str, why: str) -> None: ...


class RenewingDoor(GuardedDoor, Protocol):
    """The door of the market channel."""

    def serving(self) -> Mapping[str, str]: ...

    def renew(self, tokens: tuple[str, ...]) -> None: ...


class Guard:
    """``book``: REST's answer for a token at this moment, or None where it gives none. ``asked``: how often it was."""

    def __init__(self, feeds: Feeds, checks: Checks, writer: FeedWriter, book: Callable[[str], bytes | None]) -> None:
        self.watch = FeedWatch(checks, feeds.asset_silence_s, feeds.cross_check_s)
        self.asked = 0
        self._writer = writer
        self._line = writer.line(REST_LINE)
        self._book = book
        self._next_ns = 0

    def look(self, now: int, channel: RenewingDoor, coinbase: GuardedDoor) -> None:
        """To be called often; does what is to be done when it is time to look."""
        if now < self._next_ns:
            return
        self._next_ns = now + LOOK_NS
        for act in self.watch.judge(now, channel.serving()):
            self._do(act, now, channel, coinbase)

    def _do(self, act: Act, now: int, channel: RenewingDoor, coinbase: GuardedDoor) -> None:
        if act.do == "check":
            for token in act.tokens:
                self._ask(token, now)
            return
        why = f"{act.reason}: {act.why}"
        if act.is_healing:
            if act.do == "reconnect":
                channel.give_up_on(act.conn, why)
                return
            self._writer.notice(act.feed, Notice(act.conn, "renewed", why, 0, act.tokens))
            self.watch.renewed(act.conn, act.tokens)
            channel.renew(act.tokens)
            return
        self._writer.notice(act.feed, Notice(act.conn, "frozen", why, 0, act.tokens))
        if act.do == "resubscribe":
            channel.renew(act.tokens)
        elif act.feed == FEED_COINBASE:
            coinbase.give_up_on(act.conn, why)
        else:
            channel.give_up_on(act.conn, why)

    def _ask(self, token: str, now: int) -> None:
        body = self._book(token)
        if body is None:
            return
        self.asked += 1
        self._line.publish(FEED_POLYMARKET, body, recv_ns=now)
        self.watch.rest(token, body, now)
