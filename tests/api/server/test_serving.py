"""The whole server on a real broker: backlog, live records, a broker that goes away, and the command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from api.server import intake as intake_module
from api.server.serving import serve
from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics
from connectors.kafka.sink import Writer
from connectors.listening import listen_for_page
from models.failures import Failure
from models.settings import Api, Broker, Kafka, Settings
from tests.api.server.records import decision, fill, message, telemetry
from tests.conftest import ROOT
from tests.waiting import eventually

pytestmark = pytest.mark.integration


@contextlib.asynccontextmanager
async def server(bootstrap: str, run_dir: Path) -> AsyncIterator[httpx.AsyncClient]:
    said: list[str] = []
    stop = asyncio.Event()
    task = asyncio.create_task(serve(Settings(api=Api(port=0)), bootstrap, run_dir, said.append, stop))
    try:
        async with asyncio.timeout(60):
            while not said:
                await asyncio.sleep(0.01)
        assert json.loads((run_dir / "api.json").read_text())["url"] == said[0]
        async with httpx.AsyncClient(base_url=said[0], timeout=60) as client:
            yield client
    finally:
        stop.set()
        await task
        assert not (run_dir / "api.json").exists()


async def becomes(client: httpx.AsyncClient, path: str, condition: Callable[[httpx.Response], bool]) -> httpx.Response:
    async with asyncio.timeout(90):
        while not condition(answer := await client.get(path)):
            await asyncio.sleep(0.02)
    return answer


async def test_backlog_then_live_records(clean_kafka: str, tmp_path: Path) -> None:
    create_topics(Kafka(), clean_kafka)
    writer = Writer(Kafka(), clean_kafka)
    writer.write(message(telemetry("journal", 0, pass__ok=1), 0))
    writer.write(message(decision(1), 0))
    writer.flush()
    async with server(clean_kafka, tmp_path) as client:
        await becomes(client, "/health", lambda answer: answer.status_code == 200)
        await becomes(client, "/api/decisions", lambda answer: len(answer.json()["decisions"]) == 1)
        async with client.stream("GET", "/stream") as stream:
            lines = stream.aiter_lines()
            async with asyncio.timeout(60):
                assert await anext(lines) is not None
                writer.write(message(decision(1), 0))  # written again after a crash
                writer.write(message(decision(2), 1))
                writer.write(message(fill(2), 0))
                writer.flush()
                seen = await events(lines, {"fill", "decision"})  # of two topics: either may come first
        assert seen.count("decision") == 1
        answer = await client.get("/api/decisions")
        assert [each["journal"] for each in answer.json()["decisions"]] == [2, 1]


async def events(lines: AsyncIterator[str], kinds: set[str]) -> list[str]:
    """The events that come until one of each kind was there."""
    seen: list[str] = []
    while not kinds <= set(seen):
        line = await anext(lines)
        if line.startswith("event: "):
            seen.append(line.removeprefix("event: "))
    return seen


async def test_a_broker_that_goes_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "_PROBE_S", 0.3)
    with EmbeddedBroker.start(Broker()) as broker:
        create_topics(Kafka(), broker.bootstrap)
        writer = Writer(Kafka(), broker.bootstrap)
        writer.write(message(telemetry("journal"), 0))
        writer.flush()
        async with server(broker.bootstrap, tmp_path) as client:
            await becomes(client, "/health", lambda answer: answer.status_code == 200)
            await asyncio.to_thread(broker.close)
            answer = await becomes(client, "/health", lambda answer: answer.status_code == 503)
            assert answer.json()["wrong"] == [f"Kafka: the broker {broker.bootstrap} does not answer"]


async def test_a_broker_that_is_not_there_does_not_keep_the_page_away(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{unused.getsockname()[1]}"
        async with server(nobody, tmp_path) as client:
            assert (await client.get("/")).status_code == 200
            assert (await client.get("/health")).status_code == 503


def test_a_port_that_is_taken_is_a_failure_with_a_cure() -> None:
    with listen_for_page("127.0.0.1", 0) as taken, pytest.raises(Failure, match="the page cannot listen") as caught:
        listen_for_page("127.0.0.1", taken.getsockname()[1])
    assert "PROFIT_API_PORT" in caught.value.cure


def command(folder: Path, *words: str, **environment: str) -> subprocess.Popen[bytes]:
    with (folder / "out").open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "api.cli.main", "serve", *words],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=os.environ | {"PROFIT_DATA_DIR": str(folder), "PROFIT_API_PORT": "0"} | environment,
        )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, None])
def test_the_command_ends_cleanly(clean_kafka: str, tmp_path: Path, how: signal.Signals | None) -> None:
    create_topics(Kafka(), clean_kafka)
    process = command(tmp_path, "--kafka", clean_kafka, "--run-dir", str(tmp_path / "run"), "--lifeline")
    try:
        eventually((tmp_path / "run" / "api.json").is_file, what="the address")
        url = json.loads((tmp_path / "run" / "api.json").read_text())["url"]
        eventually(lambda: answers(url), what="an answer")
        began = time.monotonic()
        if how is None:
            assert process.stdin is not None
            process.stdin.close()  # its parent has ended
        else:
            process.send_signal(how)
        assert process.wait(60) == 0, (tmp_path / "out").read_text()
        assert time.monotonic() - began < 3
        assert "Traceback" not in (tmp_path / "out").read_text()
        assert not (tmp_path / "run" / "api.json").exists()
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url).status_code == 200
    return False


@pytest.mark.parametrize("taken", [True, False])
def test_the_command_explains_what_it_cannot_do(tmp_path: Path, taken: bool) -> None:
    with listen_for_page("127.0.0.1", 0) as other:
        words = ("--kafka", "127.0.0.1:1") if taken else ()
        process = command(tmp_path, *words, PROFIT_API_PORT=str(other.getsockname()[1]))
        assert process.wait(90) == 1
    text = (tmp_path / "out").read_text()
    assert ("the page cannot listen" if taken else "no Kafka cluster is named") in text
    assert "Traceback" not in text


async def test_an_odd_last_event_id_is_answered_with_reset(tmp_path: Path) -> None:
    """On a real socket, as bytes: HTTP allows more than text. One server for all, whose end takes seconds."""
    async with server("127.0.0.1:9", tmp_path) as client:
        start = (await client.get("/api/run")).json()["name"].encode()
        odd = [start + each for each in (b"@fills:\xb2", b"@fills:\xd9\xa3", b"@fills:" + b"9" * 4_999)]
        for last in (*odd, b"\xff\xfe", b"x" * 5_000, b"-"):
            reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
            head = b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nLast-Event-ID: " + last
            writer.write(head + b"\r\n\r\n")
            async with asyncio.timeout(60):
                answer = await reader.readuntil(b"event: reset")
            assert answer.startswith(b"HTTP/1.1 200"), last
            writer.close()
            await writer.wait_closed()


async def test_a_stream_goes_on_at_another_start_of_the_server_without_loss_or_repeat(
    clean_kafka: str, tmp_path: Path
) -> None:
    create_topics(Kafka(), clean_kafka)
    writer = Writer(Kafka(), clean_kafka)
    got: list[int] = []
    last = ""
    number = 0
    for _ in range(3):
        async with server(clean_kafka, tmp_path) as client:
            headers = {"Last-Event-ID": last} if last else {}
            async with client.stream("GET", "/stream?topics=decisions,fills", headers=headers) as stream:
                lines = stream.aiter_lines()
                async with asyncio.timeout(60):
                    first = await awaited(lines, "event: ")
                    assert first == ("event: resumed" if last else "event: hello")
                    if not last:
                        last = (await awaited(lines, "id: ")).removeprefix("id: ")
                for _ in range(4):
                    writer.write(message(decision(number), number))
                    writer.write(message(fill(number), number))
                    number += 1
                writer.flush()
                async with asyncio.timeout(60):
                    for _ in range(5):  # three of the eight stay under way
                        await awaited(lines, "event: decision", "event: fill")
                        last = (await anext(lines)).removeprefix("id: ")
                        body = json.loads((await anext(lines)).removeprefix("data: "))
                        got.append(body["journal"] * 2 + ("order" in body))
        # while no server is there
        writer.write(message(decision(number), number))
        writer.write(message(fill(number), number))
        number += 1
        writer.flush()
    async with server(clean_kafka, tmp_path) as client:
        params = "topics=decisions,fills"
        async with client.stream("GET", f"/stream?{params}", headers={"Last-Event-ID": last}) as stream:
            lines = stream.aiter_lines()
            async with asyncio.timeout(60):
                while len(got) < 2 * number:
                    await awaited(lines, "event: decision", "event: fill")
                    await anext(lines)
                    body = json.loads((await anext(lines)).removeprefix("data: "))
                    got.append(body["journal"] * 2 + ("order" in body))
    assert sorted(got) == list(range(2 * number))


async def awaited(lines: AsyncIterator[str], *beginnings: str) -> str:
    """The next line that begins with one of these."""
    while not (line := await anext(lines)).startswith(beginnings):
        pass
    return line
