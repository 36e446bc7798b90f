"""A recorder on a simulated exchange, its records captured in a list."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.recorder.recorder import Endpoints, Recorder
from connectors.simulator.exchange import ExchangeParameters
from connectors.simulator.server import SimulatedExchange
from models.envelope import Envelope, decode_envelope
from models.markers import Notice, decode_own
from models.message import Message
from models.settings import Checks, Feeds

#: 250 s into a five-minute window; nothing else depends on the date but the settlement rule
START = 1_795_334_400 + 250


@dataclass
class Captured:
    """An outlet that keeps what it gets."""

    messages: list[Message] = field(default_factory=list)

    def put(self, message: Message) -> None:
        self.messages.append(message)

    def feed(self, topic: str | None = None) -> list[tuple[Message, Envelope]]:
        """Feed records with their envelopes, in order."""
        return [
            (message, decode_envelope(message.envelope))
            for message in list(self.messages)
            if message.envelope and topic in (None, message.topic)
        ]

    def frames(self, topic: str) -> list[bytes]:
        """The exchange's frames in a topic: everything that is not our own."""
        return [message.value for message, _ in self.feed(topic) if not message.value.startswith(b'{"profit":')]

    def notices(self, topic: str) -> list[Notice]:
        found = (decode_own(message.value) for message, _ in self.feed(topic))
        return [each for each in found if isinstance(each, Notice)]

    def states(self, topic: str) -> list[str]:
        return [notice.state for notice in self.notices(topic)]

    def markets(self) -> list[dict[str, Any]]:
        return [json.loads(frame) for frame in self.frames("feed.markets")]


@dataclass
class Rig:
    exchange: SimulatedExchange
    recorder: Recorder
    outlet: Captured

    async def until(self, condition: Callable[[], bool], seconds: float = 90.0) -> None:
        """Wait until ``condition`` holds; fail after ``seconds``."""
        deadline = asyncio.get_running_loop().time() + seconds
        while not condition():
            assert asyncio.get_running_loop().time() < deadline, "not in time"
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def rig(
    speed: float = 1.0,
    feeds: Feeds | None = None,
    given: ExchangeParameters | None = None,
    gamma_status: int = 200,
    checks: Checks | None = None,
) -> AsyncIterator[Rig]:
    """A simulated exchange and a recorder that is recording it; both ended after, markers written."""
    exchange = SimulatedExchange(given or ExchangeParameters(horizons=("5m",), resolution_delay_s=5), speed, START)
    if gamma_status != 200:
        exchange.inject("http_status", status=gamma_status, retry_after_s=0.2)
    urls = await exchange.start()
    outlet = Captured()
    endpoints = Endpoints(urls.polymarket_ws, urls.clob_rest, urls.gamma_rest, urls.coinbase_ws)
    recorder = Recorder(feeds or quick_feeds(), endpoints, "sim", exchange.clock, outlet, checks=checks or Checks())
    stop = asyncio.Event()
    running = asyncio.create_task(recorder.run(stop))
    try:
        yield Rig(exchange, recorder, outlet)
    finally:
        stop.set()
        await running
        await exchange.stop()


def quick_feeds(**changes: Any) -> Feeds:
    """Feeds whose watchdogs and back-off suit a test."""
    return Feeds(
        **{
            "horizons": ["5m"],
            "silence_s": 5,
            "backoff_min_s": 0.02,
            "backoff_max_s": 0.1,
            "ping_s": 0.1,
            "pong_timeout_s": 5,
            **changes,
        }
    )
