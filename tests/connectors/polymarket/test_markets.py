"""The life of a window in the markets door, on a clock that the test moves."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from connectors.clock import NS
from connectors.polymarket import markets as markets_module
from connectors.polymarket.markets import (
    MarketsDoor,
    gamma_fingerprint,
    reading,
    token_ids,
)
from connectors.polymarket.rest import Rest
from connectors.recorder.writer import FeedWriter
from connectors.simulator.exchange import Exchange, ExchangeParameters
from models.settings import Feeds
from models.topics import FEED_MARKETS
from tests.connectors.recorder.rig import Captured

START = 1_795_334_400 + 200


class Hand:
    """A clock whose time the test sets."""

    speed = 1.0

    def __init__(self, second: float) -> None:
        self.second = second

    def now_ns(self) -> int:
        return round(self.second * NS)


class Venue:
    """Gamma and CLOB over a simulated core that is stepped along with the clock."""

    def __init__(self, clock: Hand, gamma_late: bool = False) -> None:
        self.core = Exchange(ExchangeParameters(horizons=("5m",), resolution_delay_s=30, frames_per_s=1), START)
        self.clock = clock
        self.asked: list[tuple[float, str]] = []
        self._gamma_late = gamma_late

    async def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append((self.clock.second, path))
        if path.startswith("/markets/slug/"):
            market = self.core.markets.get(path.rsplit("/", 1)[1])
            if market is None:
                return httpx.Response(404)
            body = json.loads(market.gamma(self.core.now_ns))
            if self._gamma_late:
                body |= {"closed": False}
            return httpx.Response(200, content=json.dumps(body).encode())
        return httpx.Response(200, content=self.core.by_condition[path.rsplit("/", 1)[1]].clob())


async def live(seconds: int, gamma_late: bool = False) -> tuple[Captured, Venue, list[tuple[float, list[str]]]]:
    """Run the door through ``seconds`` of time, with a whole round in each second."""
    clock = Hand(START)
    venue = Venue(clock, gamma_late)
    outlet = Captured()
    wanted: list[tuple[float, list[str]]] = []
    rounds = 0

    async def subscribe(tokens: list[str]) -> None:
        nonlocal rounds
        rounds += 1
        if not wanted or wanted[-1][1] != tokens:
            wanted.append((clock.second, tokens))

    rest = Rest("http://x", "t", clock, httpx.MockTransport(venue.handle))
    writer = FeedWriter("r1", "sim", clock, outlet)
    door = MarketsDoor(Feeds(horizons=["5m"], ahead_s=30), writer, clock, subscribe, rest, rest)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(markets_module, "sleep", lambda clock, seconds: asyncio.sleep(0))
        task = asyncio.create_task(door.run())
        for second in range(seconds):
            for _ in venue.core.run(START + second):
                pass
            clock.second = START + second
            before = rounds
            while rounds < before + 2:  # one may have begun in the second before
                assert not task.done(), task
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return outlet, venue, wanted


async def test_life_of_a_window() -> None:
    outlet, venue, wanted = await live(170)
    opened, following = f"btc-updown-5m-{START - 200}", f"btc-updown-5m-{START + 100}"
    bodies = [(message.key, json.loads(message.value), envelope.recv_ns / NS) for message, envelope in outlet.feed()]
    of_opened = [body for key, body, _ in bodies if key == opened]
    assert [body["closed"] for body in of_opened] == [False, False, True]  # found, no more orders, resolved
    assert json.loads(of_opened[-1]["outcomePrices"]) in (["1", "0"], ["0", "1"])
    strike = next(at for key, body, at in bodies if key == following and "priceToBeat" in json.dumps(body))
    assert START + 103 <= strike <= START + 109
    tokens = venue.core.markets[following].tokens
    first = next(at for at, list_ in wanted if tokens[0] in list_)
    assert START + 70 <= first <= START + 73  # 30 s ahead
    # polling stops with the resolution, and grows slower before it
    last = max(at for at, path in venue.asked if path.endswith(opened))
    assert START + 130 <= last <= START + 145


async def test_second_source_when_gamma_is_late() -> None:
    outlet, venue, _ = await live(260, gamma_late=True)
    slug = f"btc-updown-5m-{START - 200}"
    condition = venue.core.markets[slug].condition
    asked = [at for at, path in venue.asked if path.endswith(condition)]
    assert asked and min(asked) >= START + 100 + 90
    answers = [json.loads(m.value) for m, e in outlet.feed(FEED_MARKETS) if m.key == slug and e.conn == "r1.clob0"]
    assert [token["winner"] for token in answers[-1]["tokens"]].count(True) == 1
    assert len(asked) == len(answers) == 1  # resolved: asked no more


GAMMA: dict[str, Any] = {
    "conditionId": "0x1",
    "clobTokenIds": '["1", "2"]',
    "closed": False,
    "outcomePrices": '["0.5", "0.5"]',
    "bestBid": 0.4,
}


@pytest.mark.parametrize(
    ("change", "matters"),
    [
        ({"bestBid": 0.6}, False),
        ({"outcomePrices": '["0.6", "0.4"]'}, False),
        ({"volume": "1"}, False),
        ({"orderPriceMinTickSize": 0.001}, True),
        ({"acceptingOrders": False}, True),
        ({"closed": True}, True),
        ({"events": [{"eventMetadata": {"priceToBeat": 1.5}}]}, True),
        ({"feeSchedule": {"rate": 0.05}}, True),
    ],
)
def test_what_makes_an_answer_worth_a_record(change: dict[str, Any], matters: bool) -> None:
    assert (gamma_fingerprint(GAMMA) != gamma_fingerprint(GAMMA | change)) is matters


SOUND: dict[str, Any] = {"slug": "btc-updown-5m-1795334400", "conditionId": "0x1", "outcomes": '["Up", "Down"]',
                         "clobTokenIds": '["1", "2"]'}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reads"),
    [
        ({}, ""), ({"clobTokenIds": None}, "unknown"), ({"outcomes": None}, "unknown"), ({"outcomePrices": None}, ""),
        ({"clobTokenIds": ["1", "2"], "outcomes": ["Up", "Down"]}, ""), ({"slug": "will-it-rain"}, "unknown"),
        ({"orderPriceMinTickSize": 0.3}, "market btc-updown-5m-1795334400: tick '0.3' is none of the exchange's"),
    ],
)  # fmt: skip
def test_an_answer_counts_also_by_how_the_flow_reads_it(change: dict[str, Any], reads: str) -> None:
    assert reading(json.dumps(SOUND | change).encode()) == reads


@pytest.mark.parametrize("encoded", [None, "", "nonsense", 3, [], [None], "[1.5]", {"a": 1}])
def test_market_without_tokens_yet(encoded: Any) -> None:
    assert token_ids({"clobTokenIds": encoded}) == ()
