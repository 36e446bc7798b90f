from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.clock import SystemClock
from connectors.polymarket.rest import CLOB_LIMITS, GAMMA_LIMITS, RequestRefused, Rest, retry_after
from connectors.recorder.pacing import RateLimiter


class Server:
    """Answers from a list; notes when and how it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[float, httpx.Request]] = []

    async def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((asyncio.get_running_loop().time(), request))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(server: Server) -> Rest:
    return Rest("http://x/gamma", "profit-system/test", SystemClock(), httpx.MockTransport(server.handle))


async def test_body_is_verbatim_and_the_agent_named() -> None:
    server = Server(httpx.Response(200, content=b'{ "a":1}'))
    assert await client(server).get("/markets/slug/s") == b'{ "a":1}'
    request = server.asked[0][1]
    assert request.headers["User-Agent"] == "profit-system/test"
    assert request.url.path == "/gamma/markets/slug/s"


@pytest.mark.parametrize("status", [425, 429, 503])
async def test_retry_after_is_obeyed(status: int) -> None:
    server = Server(httpx.Response(status, headers={"Retry-After": "0.3"}), httpx.Response(200, content=b"{}"))
    rest = client(server)
    with pytest.raises(RequestRefused, match=f"HTTP {status}, again in 0.3 s"):
        await rest.get("/a")
    assert await rest.get("/b") == b"{}"
    assert server.asked[1][0] - server.asked[0][0] >= 0.3


async def test_missing_is_told_from_failing() -> None:
    rest = client(Server(httpx.Response(404), httpx.Response(500)))
    with pytest.raises(RequestRefused) as missing:
        await rest.get("/a")
    assert missing.value.missing
    with pytest.raises(RequestRefused) as failing:
        await rest.get("/a")
    assert not failing.value.missing


async def test_connection_closed_under_us_is_tried_once_more() -> None:
    rest = client(Server(httpx.ReadError("gone"), httpx.Response(200, content=b"{}")))
    assert await rest.get("/a") == b"{}"
    twice = client(Server(httpx.ReadError("gone"), httpx.ReadError("gone")))
    with pytest.raises(RequestRefused, match="ReadError"):
        await twice.get("/a")


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        ("7", "", 7.0),
        ("0.25", "", 0.25),
        ("99999", "", 300.0),
        ("-4", "", 0.0),
        ("", "", None),
        ("soon", "", None),
        ("nan", "", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "Wed, 21 Oct 2026 07:28:00 GMT", 30.0),
        ("Wed, 21 Oct 2026 07:28:30 GMT", "", 20.0),  # against the time given
        ("Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:28:01 GMT", 0.0),
        ("Wed, 99 Oct 2026 07:28:00 GMT", "", None),
    ],
)
def test_retry_after_header(header: str, date: str, seconds: float | None) -> None:
    now_s = datetime(2026, 10, 21, 7, 28, 10, tzinfo=UTC).timestamp()
    assert retry_after(header, date, now_s) == seconds


async def test_a_wait_without_a_number_grows_and_is_jittered() -> None:
    bounds: list[tuple[float, float]] = []

    def least(low: float, high: float) -> float:
        bounds.append((low, high))
        return 0.0

    server = Server(*[httpx.Response(503)] * 4, httpx.Response(200), httpx.Response(429))
    rest = Rest("http://x", "a", SystemClock(), httpx.MockTransport(server.handle), uniform=least)
    for _ in range(4):
        with pytest.raises(RequestRefused, match="HTTP 503"):
            await rest.get("/a")
    await rest.get("/a")
    with pytest.raises(RequestRefused, match="HTTP 429"):
        await rest.get("/a")
    assert bounds == [(1, 2), (2, 4), (4, 8), (8, 16), (1, 2)]
    assert rest.counts == {"http_503": 4, "http_200": 1, "http_429": 1}


async def test_a_long_wait_is_told_at_once_and_nothing_is_sent() -> None:
    server = Server(httpx.Response(429, headers={"Retry-After": "60"}))
    rest = client(server)
    for _ in range(3):
        with pytest.raises(RequestRefused):
            await rest.get("/a")
    assert len(server.asked) == 1 and rest.counts["told_to_wait"] == 2


async def test_no_more_requests_than_the_limit_of_the_path() -> None:
    server = Server(*[httpx.Response(200)] * 40)
    limits = {"/book": (50.0, 5), "": (1000.0, 1000)}
    rest = Rest("http://x", "a", SystemClock(), httpx.MockTransport(server.handle), limits)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(rest.get(f"/book?token_id={number}") for number in range(20)), rest.get("/other"))
    times = sorted(at - began for at, request in server.asked if request.url.path == "/book")
    assert len(times) == 20
    for number, at in enumerate(times):
        assert number + 1 <= 5 + 50.0 * at + 1
    assert rest.counts["paced"] == 15


async def test_no_more_requests_at_once_than_allowed() -> None:
    now = most = 0

    async def slow(request: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now += 1
        most = max(most, now)
        for _ in range(5):
            await asyncio.sleep(0)
        now -= 1
        return httpx.Response(200)

    rest = Rest("http://x", "a", SystemClock(), httpx.MockTransport(slow), at_once=3)
    await asyncio.gather(*(rest.get("/a") for _ in range(12)))
    assert most == 3


@given(st.lists(st.floats(0, 3), max_size=40), st.floats(0.1, 20), st.integers(1, 10))
def test_pace_keeps_its_bound_in_every_stretch_of_time(gaps: list[float], per_s: float, burst: int) -> None:
    now = 0.0
    pace = RateLimiter(per_s, burst, lambda: now)
    served: list[float] = []
    for gap in gaps:
        now += gap
        served.append(now + pace.reserve())
    assert served == sorted(served)
    for first, since in enumerate(served):
        for last in range(first, len(served)):
            assert last - first + 1 <= burst + per_s * (served[last] - since) + 1e-6


def test_limits_stay_below_what_is_documented_for_ten_seconds() -> None:
    for limits, documented in ((GAMMA_LIMITS, {"/markets": 300, "": 4000}), (CLOB_LIMITS, {"/book": 1500, "": 9000})):
        for path, (per_s, burst) in limits.items():
            assert burst + 10 * per_s <= documented[path] / 2
