"""The Polymarket door's socket side: the CLOB market channel, sharded over as many connections as needed.

The set of tokens changes while the connections stand (``subscribe`` and ``unsubscribe`` operations); after a
reconnect the first frame asks for all of them again, and the server answers with new snapshots.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from connectors.clock import FeedClock
from connectors.recorder.link import Dialler, Hearer, Link, LinkRules
from connectors.recorder.pacing import RateLimiter
from connectors.recorder.pulse import ModulePulse
from connectors.recorder.writer import FeedWriter
from models.settings import Feeds
from models.topics import FEED_POLYMARKET

SHARD: Final = 200  # beyond some 500 tokens a connection stops sending snapshots; stay well below

DIALS: Final = (4.0, 8)  # connections a second and at once; no limit is documented


def first_frame(tokens: Sequence[str]) -> str:
    return json.dumps({"assets_ids": list(tokens), "type": "market", "custom_feature_enabled": True})


def operation(kind: str, tokens: Sequence[str]) -> str:
    """A live change of the subscription; ``kind`` is ``subscribe`` or ``unsubscribe``."""
    return json.dumps({"operation": kind, "assets_ids": list(tokens), "custom_feature_enabled": True})


class Shard:
    """One connection and the tokens it serves, in the order of their subscription."""

    def __init__(
        self,
        rules: LinkRules,
        writer: FeedWriter,
        clock: FeedClock,
        pulse: ModulePulse,
        observer: PolymarketObserver,
        dial: Dialler = Link,
    ) -> None:
        self.tokens: dict[str, None] = {}
        self._observer = observer
        self._link = dial("polymarket", FEED_POLYMARKET, rules, self, writer, clock, pulse)
        self._wanted = asyncio.Event()

    async def run(self) -> None:
        await self._link.run()

    async def ready(self) -> None:
        """Waits for a first token: a connection that asks for nothing gets nothing."""
        await self._wanted.wait()

    async def greet(self, socket: Hearer) -> str:
        asked = list(self.tokens)
        await socket.send(first_frame(asked))
        while asked != list(self.tokens):  # changed while the first frame was on its way
            fresh = [token for token in self.tokens if token not in asked]
            gone = [token for token in asked if token not in self.tokens]
            asked = list(self.tokens)
            if fresh:
                await socket.send(operation("subscribe", fresh))
            if gone:
                await socket.send(operation("unsubscribe", gone))
        return f"{len(asked)} tokens"

    @property
    def conn(self) -> str:
        """Id of the standing connection; empty without one."""
        return self._link.conn

    def admit(self, frame: bytes, conn: str, t: int) -> None:
        """Any frame will do: the market channel has no numbering that a door could check."""
        self._observer.polymarket(conn, frame, t)

    def closed(self, conn: str) -> None:
        self._observer.closed(conn)

    def expects_data(self) -> bool:
        return bool(self.tokens)

    async def add(self, tokens: Sequence[str]) -> None:
        self.tokens.update(dict.fromkeys(tokens))
        self._wanted.set()
        await self._link.send(operation("subscribe", tokens))

    async def remove(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            self.tokens.pop(token, None)
        if not self.tokens:
            self._wanted.clear()
        await self._link.send(operation("unsubscribe", tokens))

    async def renew(self, tokens: Sequence[str]) -> None:
        """Subscribe anew, which brings new snapshots."""
        await self._link.send(operation("unsubscribe", tokens))
        await self._link.send(operation("subscribe", tokens))

    async def give_up(self, why: str) -> None:
        await self._link.give_up(why)


class PolymarketObserver(Protocol):
    """Who looks at what the door receives."""

    def polymarket(self, conn: str, frame: bytes, t: int) -> None: ...

    def closed(self, conn: str) -> None: ...


class Blind:
    """Looks at nothing."""

    def polymarket(self, conn: str, frame: bytes, t: int) -> None: ...

    def closed(self, conn: str) -> None: ...


class MarketChannel:
    """All connections to the market channel. ``want`` tells it the tokens; ``run`` ends only by cancellation."""

    def __init__(
        self,
        feeds: Feeds,
        writer: FeedWriter,
        clock: FeedClock,
        url: str | None = None,
        shard_size: int = SHARD,
        observer: PolymarketObserver | None = None,
        dial: Dialler = Link,
    ) -> None:
        self._dial = dial
        self.pulse = ModulePulse("connection.polymarket")
        self.pulse.gauges["tokens"] = lambda: len(self.tokens)
        self._rules = LinkRules(
            url=url or feeds.polymarket_ws,
            user_agent=feeds.user_agent,
            silence_s=feeds.silence_s,
            backoff_min_s=feeds.backoff_min_s,
            backoff_max_s=feeds.backoff_max_s,
            ping_s=feeds.ping_s,
            pong_timeout_s=feeds.pong_timeout_s,
            dials=RateLimiter(*DIALS),
        )
        self._observer = observer if observer is not None else Blind()
        self._writer = writer
        self._clock = clock
        self._size = shard_size
        self._shards: list[Shard] = []
        self._tasks: dict[Shard, asyncio.Task[None]] = {}

    @property
    def tokens(self) -> set[str]:
        return {token for shard in self._shards for token in shard.tokens}

    async def run(self) -> None:
        """Fails when one of its connections' tasks fails."""
        try:
            while True:
                tasks = list(self._tasks.values())
                if tasks:
                    done, _ = await asyncio.wait(tasks, timeout=0.5, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
                else:
                    await asyncio.sleep(0.05)
        finally:
            await self.close()

    async def close(self) -> None:
        """End every connection. Raises what one of them failed of."""
        for task in self._tasks.values():
            task.cancel()
        for task in self._tasks.values():
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def want(self, tokens: Iterable[str]) -> None:
        """Subscribe to what is new in ``tokens`` and unsubscribe from what is not in it any more."""
        wanted = list(dict.fromkeys(tokens))
        have = self.tokens
        keep = set(wanted)
        for shard in self._shards:
            gone = [token for token in shard.tokens if token not in keep]
            if gone:
                await shard.remove(gone)
        fresh = [token for token in wanted if token not in have]
        while fresh:
            shard = next((each for each in self._shards if len(each.tokens) < self._size), None) or self._open()
            room = self._size - len(shard.tokens)
            await shard.add(fresh[:room])
            fresh = fresh[room:]

    def serving(self) -> dict[str, str]:
        """The id of the standing connection by token; tokens without one are left out."""
        return {token: conn for shard in self._shards if (conn := shard.conn) for token in shard.tokens}

    async def renew(self, tokens: Sequence[str]) -> None:
        """Subscribe anew to those of ``tokens`` that are served now: the exchange answers with snapshots."""
        for shard in self._shards:
            mine = [token for token in tokens if token in shard.tokens]
            if mine:
                await shard.renew(mine)

    async def give_up(self, conn: str, why: str) -> None:
        """Close the connection ``conn``, if it still stands; the next one follows."""
        for shard in self._shards:
            if shard.conn == conn:
                await shard.give_up(why)

    def _open(self) -> Shard:
        shard = Shard(self._rules, self._writer, self._clock, self.pulse, self._observer, self._dial)
        self._shards.append(shard)
        self._tasks[shard] = asyncio.create_task(shard.run())
        return shard
