"""Who may ask: names, origins, and what every answer carries; on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from api.server import app as app_module
from api.server.app import build
from api.server.guard import HEADERS, HostGuard
from api.server.hub import Hub
from api.server.serving import _Server, describe_run
from connectors.listening import listen_for_page, url_of

PATHS = ["/", "/health", "/api/decisions", "/api/nothing", "/pages/page.js", "/openapi.json", "/docs"]


@contextlib.asynccontextmanager
async def serving(run_dir: Path, *allowed: str) -> AsyncIterator[tuple[str, Hub]]:
    hub = Hub("s1")
    hub.board.kafka = "connected"
    listening = listen_for_page("127.0.0.1", 0)
    application = build(hub, lambda: describe_run(run_dir, "127.0.0.1:1", "s1"), run_dir)
    server = _Server(uvicorn.Config(HostGuard(application, "127.0.0.1", allowed), log_level="critical"))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield url_of(listening), hub
    finally:
        hub.ring.close()
        server.should_exit = True
        await task


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with serving(tmp_path, "trader.lan") as (made, _):
        yield made


async def asked(url: str, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize("path", [*PATHS, "/stream"])
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.7", "["]
)
async def test_a_name_that_is_not_ours_gets_nothing(url: str, path: str, host: str) -> None:
    """A page of evil.example whose name was made to point at this machine."""
    answer = await asked(url, path, Host=host)
    assert answer.status_code in (400, 403)
    if answer.status_code == 403:
        assert answer.json().keys() == {"cause", "cure"}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8765", "[::1]:8765", "localhost.", "trader.lan"])
async def test_our_own_names_are_answered(url: str, host: str) -> None:
    assert (await asked(url, "/api/decisions", Host=host)).status_code == 200


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:8765", 200),
        ("http://evil.example", 403),
        ("http://127.0.0.1:3000", 403),
        ("http://localhost:8765", 403),
        ("null", 403),
        ("http://evil.example#127.0.0.1:8765", 403),
    ],
)
async def test_a_page_from_elsewhere_gets_nothing(url: str, origin: str, status: int) -> None:
    assert (await asked(url, "/api/decisions", Host="127.0.0.1:8765", Origin=origin)).status_code == status


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", ["localhost", "evil.example"])
async def test_every_answer_carries_the_headers(url: str, path: str, host: str) -> None:
    answer = await asked(url, path, Host=host)
    for name, value in HEADERS.items():
        assert answer.headers.get_list(name) == [value]


async def test_an_answer_that_breaks_carries_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(tmp_path) as (url, hub):
        monkeypatch.setattr(hub.board, "decisions", None)
        answer = await asked(url, "/api/decisions")
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_streams_are_counted_when_they_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at one moment find the bound as well, and a stream that ended makes room."""
    monkeypatch.setattr(app_module, "MAX_STREAMS", 3)
    async with serving(tmp_path) as (url, _), httpx.AsyncClient(base_url=url, timeout=60) as client:
        async with contextlib.AsyncExitStack() as stack:
            answers = await asyncio.gather(
                *(stack.enter_async_context(client.stream("GET", "/stream")) for _ in range(12))
            )
            codes = [answer.status_code for answer in answers]
            assert (codes.count(200), codes.count(503)) == (3, 9)
            for answer in answers:
                assert answer.headers["x-content-type-options"] == "nosniff"
        async with asyncio.timeout(60):
            while True:
                async with client.stream("GET", "/stream") as again:
                    if again.status_code == 200:
                        break
                await asyncio.sleep(0.05)
