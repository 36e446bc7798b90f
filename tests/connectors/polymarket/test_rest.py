from __future__ import annotations

import asyncio

import httpx
import pytest

from connectors.clock import SystemClock
from connectors.polymarket.rest import Refused, Rest, retry_after


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
    with pytest.raises(Refused, match=f"HTTP {status}, again in 0.3 s"):
        await rest.get("/a")
    assert await rest.get("/b") == b"{}"
    assert server.asked[1][0] - server.asked[0][0] >= 0.3


async def test_missing_is_told_from_failing() -> None:
    rest = client(Server(httpx.Response(404), httpx.Response(500)))
    with pytest.raises(Refused) as missing:
        await rest.get("/a")
    assert missing.value.missing
    with pytest.raises(Refused) as failing:
        await rest.get("/a")
    assert not failing.value.missing


async def test_connection_closed_under_us_is_tried_once_more() -> None:
    rest = client(Server(httpx.ReadError("gone"), httpx.Response(200, content=b"{}")))
    assert await rest.get("/a") == b"{}"
    twice = client(Server(httpx.ReadError("gone"), httpx.ReadError("gone")))
    with pytest.raises(Refused, match="ReadError"):
        await twice.get("/a")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("", 5.0), ("Wed, 21 Oct 2026 07:28 GMT", 5.0), ("99999", 300.0), ("-4", 0.0)],
)
def test_retry_after_header(header: str, seconds: float) -> None:
    assert retry_after(header) == seconds
