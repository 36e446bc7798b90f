"""The application on a real socket: JSON, page, stream with resume, slow clients."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from api.server import app as app_module
from api.server import board as board_module
from api.server.app import build
from api.server.guard import HostGuard
from api.server.hub import Hub
from api.server.serving import _Server, describe_run
from connectors.listening import listen_for_page, url_of
from models.reasons import Reason
from tests.api.server.records import decision, fill, scan, stored, telemetry


@dataclass
class Running:
    hub: Hub
    url: str


#: How long the server would wait for streams that do not end.
PATIENT_S = 120


@dataclass(frozen=True)
class Event:
    kind: str
    id: str
    data: str


@contextlib.asynccontextmanager
async def serving(run_dir: Path) -> AsyncIterator[Running]:
    hub = Hub("s1")
    hub.board.kafka = "connected"
    listening = listen_for_page("127.0.0.1", 0)
    application = build(hub, lambda: describe_run(run_dir, "127.0.0.1:1", "s1"), run_dir)
    server = _Server(uvicorn.Config(HostGuard(application), log_level="critical", timeout_graceful_shutdown=PATIENT_S))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield Running(hub, url_of(listening))
    finally:
        hub.ring.close()
        server.should_exit = True
        await task


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path) as made:
        yield made


async def listen_to(url: str, last_id: str = "") -> AsyncIterator[Event]:
    """Events of the stream, comments and pings left out. Ends with the connection."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", url + "stream", headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if "event" in fields and fields["event"] != "ping":
                yield Event(fields["event"], fields.get("id", ""), fields["data"])
            fields = {}


async def some(stream: AsyncIterator[Event], count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(stream), 60) for _ in range(count)]


async def test_health_is_503_until_telemetry_comes_and_when_it_stops(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "unwell")
        running.hub.take([(stored(telemetry("journal")), False)])
        assert (await client.get("/health")).status_code == 200
        monkeypatch.setattr(board_module, "SILENT_S", 0.3)
        async with asyncio.timeout(60):
            while (answer := await client.get("/health")).status_code != 503:
                await asyncio.sleep(0.02)
        assert answer.json()["wrong"][0].startswith("journal has not reported for ")
        (module,) = (await client.get("/api/modules")).json()["modules"]
        assert module["status"] == "silent"


async def test_json_of_what_was_taken(running: Running) -> None:
    rows = [telemetry("gate.spread", pass__ok=3), decision(1), decision(2, "block", Reason.COOLDOWN), fill(1), scan(1)]
    running.hub.take([(stored(row), False) for row in rows])
    async with httpx.AsyncClient(base_url=running.url) as client:
        (module,) = (await client.get("/api/modules")).json()["modules"]
        assert (module["module"], module["passed"]) == ("gate.spread", 3)
        assert [d["id"] for d in (await client.get("/api/decisions")).json()["decisions"]] == [
            "d2-parity-m",
            "d1-parity-m",
        ]
        done = (await client.get("/api/decisions", params={"limit": 1, "refusals": False})).json()["decisions"]
        assert [d["id"] for d in done] == ["d1-parity-m"]
        assert (await client.get("/api/decisions", params={"limit": 0})).status_code == 422
        assert len((await client.get("/api/fills")).json()["fills"]) == 1
        assert len((await client.get("/api/scans")).json()["scans"]) == 1
        reasons = {r["reason"]: r["meaning"] for r in (await client.get("/api/reasons")).json()["reasons"]}
        assert reasons.keys() == {str(reason) for reason in Reason}
        assert (await client.get("/api/run")).json()["gate"] == "PAPER"
        assert (await client.get("/openapi.json")).status_code == 200


async def test_the_page_needs_nothing_from_elsewhere(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client:
        page = await client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        for path in ("/pages/page.css", "/pages/page.js", "/pages/icon.svg"):
            assert path in page.text
            body = await client.get(path)
            assert body.status_code == 200
            assert "//cdn" not in body.text
            assert "https://" not in body.text


async def test_why_without_an_archive_has_a_cause_and_a_cure(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client:
        answer = await client.get("/api/why/d1-parity-m")
        assert answer.status_code == 409
        assert "no archive" in answer.json()["cause"]
        assert answer.json()["cure"]


async def test_a_dropped_connection_loses_and_doubles_nothing(running: Running) -> None:
    hub, got = running.hub, []
    stream = listen_to(running.url)
    (hello,) = await some(stream, 1)
    assert hello.kind == "hello"
    last = hello.id
    for round_ in range(4):
        hub.take([(stored(fill(10 * round_ + n)), False) for n in range(10)])
        got += await some(stream, 7)  # the connection drops with three under way
        last = got[-1].id
        await stream.aclose()
        hub.take([(stored(decision(100 + round_)), False)])
        stream = listen_to(running.url, last)
        got += await some(stream, 4)
    await stream.aclose()
    assert [event.id for event in got] == [f"s1-{n}" for n in range(1, 45)]
    orders = [json.loads(event.data)["order"] for event in got if event.kind == "fill"]
    assert orders == [f"o{n}" for n in range(40)]


async def test_telemetry_goes_out_as_the_board_has_it(running: Running) -> None:
    stream = listen_to(running.url)
    await some(stream, 1)
    running.hub.take([(stored(telemetry("sizing", pass__ok=2, block__cap_market=1)), False)])
    (event,) = await some(stream, 1)
    await stream.aclose()
    view = json.loads(event.data)
    assert event.kind == "telemetry"
    assert (view["module"], view["status"], view["passed"], view["blocked"]) == ("sizing", "running", 2, 1)


async def test_backlog_and_scans_are_not_streamed(running: Running) -> None:
    stream = listen_to(running.url)
    await some(stream, 1)
    running.hub.take([(stored(fill(1)), True), (stored(scan(1)), False), (stored(fill(2)), False)])
    (event,) = await some(stream, 1)
    await stream.aclose()
    assert json.loads(event.data)["order"] == "o2"


@pytest.mark.parametrize("last", ["s0-3", "s1-999", "rubbish"])
async def test_an_id_of_another_start_is_told_to_reset(running: Running, last: str) -> None:
    running.hub.take([(stored(fill(1)), False)])
    stream = listen_to(running.url, last)
    (event,) = await some(stream, 1)
    await stream.aclose()
    assert (event.kind, event.id) == ("reset", "s1-1")


async def test_pings_come_without_an_id(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "PING_S", 0.05)
    async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", running.url + "stream") as response:
        lines: list[str] = []
        async with asyncio.timeout(60):
            async for line in response.aiter_lines():
                lines.append(line)
                if lines.count("event: ping") == 2:
                    break
    assert not any(line.startswith("id:") for line in lines[lines.index("event: ping") :])


async def test_a_client_that_does_not_read_is_dropped(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_module, "SEND_TIMEOUT_S", 0.3)
    monkeypatch.setattr(app_module, "MAX_STREAMS", 1)
    host, _, port = running.url.removeprefix("http://").rstrip("/").partition(":")
    with socket.socket() as lazy:
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(lazy, (host, int(port)))
        await loop.sock_sendall(lazy, b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await loop.sock_recv(lazy, 16)
        async with httpx.AsyncClient(timeout=60) as client:
            refused = await client.get(running.url + "stream")
            assert refused.status_code == 503
            assert "1 streams are open" in refused.json()["cause"]
            for _ in range(running.hub.ring._events.maxlen or 0):
                running.hub.ring.append("fill", "x" * 4_000)
            running.hub.ring.ring()
            async with asyncio.timeout(90):
                while True:
                    async with client.stream("GET", running.url + "stream") as response:
                        if response.status_code == 200:
                            break
                    await asyncio.sleep(0.05)


async def test_the_end_of_the_server_ends_open_streams_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as made:
        stream = listen_to(made.url)
        await some(stream, 1)
        loop = asyncio.get_running_loop()
        began = loop.time()
    assert loop.time() - began < PATIENT_S / 4
    with pytest.raises((StopAsyncIteration, httpx.RemoteProtocolError)):
        await some(stream, 1)
