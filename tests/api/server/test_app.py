"""The application on a real socket: JSON, page, stream with resume, slow clients."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from api.server import modules as modules_module
from api.server import stream as stream_module
from api.server.app import PAGES
from api.server.ring import StreamEvent
from api.server.routes import streaming
from models.reasons import Reason
from tests.api.server.records import decision, fill, scan, stored, telemetry
from tests.api.server.rig import PATIENT_S, Running, listen_to, serving, some


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path) as made:
        yield made


async def test_health_is_503_until_telemetry_comes_and_when_it_stops(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client:
        answer = await client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "unwell")
        running.hub.take([(stored(telemetry("journal")), False)])
        assert (await client.get("/health")).status_code == 200
        monkeypatch.setattr(modules_module, "GRACE_S", 0.0)
        monkeypatch.setattr(modules_module, "DUE_S", 0.3)
        async with asyncio.timeout(60):
            while (answer := await client.get("/health")).status_code != 503:
                await asyncio.sleep(0.02)
        assert answer.json()["wrong"][0].startswith("journal has not reported for ")
        (module,) = [m for m in (await client.get("/api/modules")).json()["modules"] if m["module"] == "journal"]
        assert module["status"] == "offline"


async def test_json_of_what_was_taken(running: Running) -> None:
    rows = [telemetry("gate.spread", pass__ok=3), decision(1), decision(2, "block", Reason.COOLDOWN), fill(1), scan(1)]
    running.hub.take([(stored(row), False) for row in rows])
    async with httpx.AsyncClient(base_url=running.url) as client:
        (module,) = [m for m in (await client.get("/api/modules")).json()["modules"] if m["status"] != "missing"]
        assert (module["module"], module["passed"]) == ("gate.spread", 3)
        both = await client.get("/api/decisions", params={"refusals": True})
        assert [d["id"] for d in both.json()["decisions"]] == [
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
        assert (await client.get("/api/run")).json()["gate"] == ""
        assert (await client.get("/openapi.json")).status_code == 200


@pytest.mark.parametrize(
    ("address", "code", "cause"),
    [
        ("scans?strategy=moon", 404, "there is no instance moon; there are "),
        ("scans?market=moon", 404, "there is no market moon; there is none yet"),
        ("funnel?strategy=moon", 404, "there is no instance moon; there are "),
        ("funnel?market=moon", 404, "there is no market moon; there is none yet"),
        ("decisions?strategy=moon", 404, "there is no instance moon; there are "),
        ("decisions?market=moon", 404, "there is no market moon; there is none yet"),
        ("decisions?reason=moon", 422, "reason"),
        ("decisions?before=moon", 422, "that is not the next of a page"),
        ("decisions?stratgy=parity", 422, "there is no parameter stratgy; there are limit, refusals, strategy, "),
        ("positions?limit=5", 422, "there is no parameter limit; it takes none"),
        ("promotions/history?before=-1", 422, "that is not the next of a page"),
        ("decisions?action=moon", 422, "action"),
        ("promotions/history?instance=moon", 404, "there is no instance moon; there are "),
        ("trials?subject=moon", 404, "there is no subject moon; there is none yet"),
        ("../stream?strategy=parity,moon", 422, "there is no instance moon."),
        ("../stream?market=moon", 422, "there is no market moon."),
        ("../stream?topics=decisions&topics=fills", 422, "topics is given more than once"),
        ("decisions?market=a&market=b", 422, "market is given more than once"),
    ],
)
async def test_a_filter_by_what_is_not_there_is_told(running: Running, address: str, code: int, cause: str) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client:
        answer = await client.get(f"/api/{address}")
        assert answer.status_code == code and cause in answer.json()["cause"], answer.text
        assert answer.json()["cure"]
        known = re.sub("(?<=strategy=|instance=)[^&]*", "parity", address)
        if known != address and "stream" not in address:
            assert (await client.get(f"/api/{known}")).json() is not None
            assert (await client.get(f"/api/{known}")).status_code == 200


LINK = re.compile(r"""["'](/pages/[^"'$]+)["']""")


async def test_the_pages_need_nothing_from_elsewhere(running: Running) -> None:
    """Every file of the page is served here, and none of ours names another address."""
    async with httpx.AsyncClient(base_url=running.url) as client:
        page = await client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert "default-src 'self'" in page.headers["content-security-policy"]
        for path in ("/decisions/d1", "/docs", "/strategies"):
            assert (await client.get(path)).text == page.text
        for path in sorted(PAGES.rglob("*.*")):
            body = await client.get(f"/pages/{path.relative_to(PAGES)}")
            assert body.status_code == 200
            if path.suffix in (".js", ".css", ".html") and "vendor" not in path.parts:
                assert "https://" not in body.text
                for link in LINK.findall(body.text):
                    assert (await client.get(link)).status_code == 200, link
        assert (await client.get("/nothing.js")).status_code == 404


async def test_an_address_that_is_no_page_is_not_found(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client:
        listed = (PAGES / "app" / "registry.js").read_text()
        for path in ("/", *re.findall(r'(?:path|first): "([^"]+)"', listed), "/decisions/a%20b"):
            assert (await client.get(path)).status_code == 200, path
        for path in ("/nopage", "/strategie", "/nopage/decisions", "/a%2Fb"):
            answer = await client.get(path)
            assert answer.status_code == 404, path
            assert answer.headers["content-type"].startswith("text/html")  # the page that says so
        moved = await client.get("/overview")
        assert (moved.status_code, moved.headers["location"]) == (307, "/")


VENDORED = {
    "uPlot.iife.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uPlot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
    "htm-preact.js": "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7",
}


def test_what_is_vendored_is_what_was_published() -> None:
    folder = PAGES / "vendor"
    for name, wanted in VENDORED.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == wanted, name
    licences = {path.name for path in folder.glob("*.LICENSE")}
    assert licences == {"uPlot.LICENSE", "htm.LICENSE", "preact.LICENSE"}


async def test_a_trace_without_an_archive_has_its_spans_and_says_what_is_missing(running: Running) -> None:
    running.hub.take([(stored(decision(1)), False)])
    async with httpx.AsyncClient(base_url=running.url) as client:
        answer = (await client.get("/api/decisions/d1-parity-m/trace")).json()
        assert answer["decision"]["id"] == "d1-parity-m"
        assert not answer["complete"]
        assert "no archive" in answer["notes"][0]
        unknown = await client.get("/api/decisions/d2-parity-m")
        assert unknown.status_code == 404
        assert unknown.json()["cure"]


async def test_a_dropped_connection_loses_and_doubles_nothing(running: Running) -> None:
    hub, got = running.hub, []
    stream = listen_to(running.url)
    (hello,) = await some(stream, 1)
    assert hello.kind == "hello"
    last = hello.id
    for round_ in range(4):
        hub.take([(stored(fill(10 * round_ + n), offset=10 * round_ + n), False) for n in range(10)])
        got += await some(stream, 7)  # the connection drops with three under way
        last = got[-1].id
        await stream.aclose()
        hub.take([(stored(decision(100 + round_), offset=round_), False)])
        stream = listen_to(running.url, last)
        (resumed,) = await some(stream, 1)
        assert resumed.kind == "resumed"
        got += await some(stream, 4)
    await stream.aclose()
    assert len({event.id for event in got}) == 44
    orders = [json.loads(event.data)["order"] for event in got if event.kind == "fill"]
    assert orders == [f"o{n}" for n in range(40)]


async def test_telemetry_goes_out_as_the_board_has_it(running: Running) -> None:
    stream = listen_to(running.url)
    await some(stream, 1)
    running.hub.take([(stored(telemetry("sizing", pass__ok=2, block__cap_market=1)), False)])
    (event,) = await some(stream, 1)
    await stream.aclose()
    (view,) = json.loads(event.data)["modules"]
    assert event.kind == "telemetry"
    assert (view["module"], view["status"], view["passed"], view["blocked"]) == ("sizing", "online", 2, 1)


async def test_scans_are_streamed_to_those_who_ask(running: Running) -> None:
    stream = listen_to(running.url)
    await some(stream, 1)
    asking = listen_to(running.url, path="stream?topics=scans")
    await some(asking, 1)
    running.hub.take([(stored(scan(1)), False), (stored(fill(2)), False)])
    (event,) = await some(stream, 1)
    assert json.loads(event.data)["order"] == "o2"
    assert (await some(asking, 1))[0].kind == "scan"
    await stream.aclose()
    await asking.aclose()


@pytest.mark.parametrize("last", ["r0@fills:3", "r1@fills:999999", "rubbish"])
async def test_an_id_of_another_run_is_told_to_reset(running: Running, last: str) -> None:
    running.hub.take([(stored(fill(1)), False)])
    stream = listen_to(running.url, last)
    (event,) = await some(stream, 1)
    await stream.aclose()
    assert event.kind == "reset"
    assert event.id.startswith("r1@fills:")


@pytest.mark.parametrize(
    "query", ["topics=nothing", "market=" + ",".join(f"m{n}" for n in range(21)), "strategy=" + "x" * 5_000], ids=len
)
async def test_filters_have_limits(running: Running, query: str) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{running.url}stream?{query}")
        assert answer.status_code == 422
        assert answer.json().keys() == {"cause", "cure"}


async def test_a_market_of_before_the_start_is_known_once_that_is_read(running: Running) -> None:
    """A browser gives up at a refusal: nobody is told of a market before it could be known."""
    running.hub.ready.clear()
    stream = listen_to(running.url, path="stream?topics=scans&market=m")
    first = asyncio.create_task(anext(stream))
    await asyncio.sleep(0.05)
    assert not first.done()
    running.hub.take([(stored(scan(1)), True)])
    running.hub.caught_up()
    assert (await asyncio.wait_for(first, 60)).kind == "hello"
    await stream.aclose()
    async with httpx.AsyncClient(base_url=running.url) as client:
        refused = await client.get("/stream?market=m,moon")
        assert (refused.status_code, refused.json()["cure"]) == (422, "There are m.")


async def test_a_quiet_stream_has_heartbeats(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "PING_S", 0.05)
    async with httpx.AsyncClient(timeout=60) as client, client.stream("GET", running.url + "stream") as response:
        async with asyncio.timeout(60):
            seen = 0
            async for line in response.aiter_lines():
                seen += line == ": heartbeat"
                if seen == 2:
                    break


async def test_a_client_that_does_not_read_is_dropped(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "SEND_TIMEOUT_S", 0.3)
    monkeypatch.setattr(streaming, "MAX_STREAMS", 1)
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
            for offset in range(10_000):
                running.hub.ring.append(StreamEvent("fills", offset, "fill", "x" * 4_000))
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


async def test_a_client_that_was_dropped_hears_why(running: Running) -> None:
    async with httpx.AsyncClient(base_url=running.url) as client:
        answer = (await client.get("/api/streams")).json()
    assert (answer["open"], answer["dropped"]) == (0, {})
