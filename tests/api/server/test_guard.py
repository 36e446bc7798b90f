"""Who may ask: names, origins, and what every answer carries; on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.server import guard as guard_module
from api.server.guard import HEADERS
from api.server.routes import streaming
from tests.api.server.rig import TOKEN, serving

PATHS = ["/", "/health", "/api/decisions", "/api/nothing", "/pages/app/main.js", "/openapi.json", "/docs"]


@pytest.fixture
async def url(tmp_path: Path) -> AsyncIterator[str]:
    async with serving(tmp_path, "trader.lan", guarded=False) as made:
        yield made.url


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
    async with serving(tmp_path) as made:
        monkeypatch.setattr(made.hub.board, "fills", None)
        answer = await asked(made.url, "/api/fills")
    assert answer.status_code == 500
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_streams_are_counted_when_they_are_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many at one moment find the bound as well, and a stream that ended makes room."""
    monkeypatch.setattr(streaming, "MAX_STREAMS", 3)
    async with serving(tmp_path) as made, httpx.AsyncClient(base_url=made.url, timeout=60) as client:
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


async def test_reading_beyond_this_machine_takes_the_token(tmp_path: Path) -> None:
    async with serving(tmp_path, "trader.lan", open_reading=False) as made:
        for path in ("/api/positions", "/stream", "/api/settings"):
            assert (await asked(made.url, path)).status_code == 401
        for path in ("/", "/health", "/pages/app/main.js", "/api/session"):
            assert (await asked(made.url, path)).status_code in (200, 503)
        right = await asked(made.url, "/api/positions", Authorization=f"Bearer {TOKEN}")
        assert right.status_code == 200
        wrong = await asked(made.url, "/api/positions", Authorization=f"Bearer {'22' * 32}")
        assert wrong.status_code == 401


@pytest.mark.parametrize(
    "headers", [{"Host": "trader.lan"}, {"X-Forwarded-For": "10.0.0.7"}, {"Forwarded": "for=10.0.0.7"}], ids=str
)
async def test_a_proxy_does_not_open_reading_to_others(tmp_path: Path, headers: dict[str, str]) -> None:
    async with serving(tmp_path, "trader.lan") as made:
        assert (await asked(made.url, "/api/positions")).status_code == 200
        assert (await asked(made.url, "/api/positions", **headers)).status_code == 401


async def test_a_session_outlives_the_server_and_dies_with_the_token(tmp_path: Path) -> None:
    async with serving(tmp_path, open_reading=False) as made, httpx.AsyncClient(base_url=made.url) as client:
        assert (await client.post("/api/session", json={"token": "33" * 32})).status_code == 401
        answer = await client.post("/api/session", json={"token": TOKEN})
        assert answer.json()["signed_in"]
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert "SameSite=strict" in answer.headers["set-cookie"]
        assert TOKEN not in answer.text + answer.headers["set-cookie"]
        assert (await client.get("/api/positions")).status_code == 200
        cookies = client.cookies
    async with (
        serving(tmp_path, open_reading=False) as made,
        httpx.AsyncClient(base_url=made.url, cookies=cookies) as client,
    ):
        assert (await client.get("/api/positions")).status_code == 200
        (tmp_path / "operator.token").write_text("44" * 32)
        assert (await client.get("/api/positions")).status_code == 401


async def test_who_asks_without_end_is_told_to_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "BURST", 5.0)
    monkeypatch.setattr(guard_module, "PER_S", 0.001)
    async with serving(tmp_path) as made, httpx.AsyncClient(base_url=made.url) as client:
        codes = [(await client.get("/api/reasons")).status_code for _ in range(7)]
        assert codes == [200] * 5 + [429] * 2


async def test_a_large_body_is_not_read(tmp_path: Path) -> None:
    async with serving(tmp_path) as made, httpx.AsyncClient(base_url=made.url) as client:
        answer = await client.post("/api/control", content=b"x" * 100_000)
        assert answer.status_code == 413
