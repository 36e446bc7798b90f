"""Five hundred clients and one that has stopped reading: nobody waits for anybody."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from pathlib import Path

import pytest

from api.server import stream as stream_module
from tests.api.server.records import fill, stored
from tests.api.server.rig import serving

CLIENTS = 500
ROUNDS = 20
ORDER = re.compile(rb'"order":"o(\d+)"')

pytestmark = [pytest.mark.slow, pytest.mark.takes(60)]


async def test_500_clients_and_a_stalled_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_module, "SEND_TIMEOUT_S", 2.0)
    async with serving(tmp_path) as made:
        host, _, port = made.url.removeprefix("http://").rstrip("/").partition(":")
        ask = b"GET /stream?topics=fills HTTP/1.1\r\nHost: localhost\r\n\r\n"
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        lazy.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(lazy, (host, int(port)))
        await loop.sock_sendall(lazy, ask)

        begun = asyncio.Semaphore(0)

        async def listen() -> tuple[list[int], float]:
            reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 22)
            writer.write(ask)
            await reader.readuntil(b"event: hello")
            begun.release()
            got: list[int] = []
            kept = b""
            while len(got) < ROUNDS * 10:
                kept += await reader.read(1 << 16)
                found = list(ORDER.finditer(kept))
                got += [int(match[1]) for match in found]
                kept = kept[found[-1].end() :] if found else kept
            writer.close()
            return got, time.monotonic()

        clients = [asyncio.create_task(listen()) for _ in range(CLIENTS)]
        async with asyncio.timeout(120):
            for _ in range(CLIENTS):
                await begun.acquire()
        assert made.hub.figures.open >= CLIENTS
        number = 0
        for _ in range(ROUNDS):
            batch = []
            for _ in range(10):
                batch.append((stored(fill(number), offset=number), False))
                number += 1
            made.hub.take(batch)
            await asyncio.sleep(0.05)
        sent = time.monotonic()
        async with asyncio.timeout(180):
            heard = await asyncio.gather(*clients)
        assert all(got == list(range(ROUNDS * 10)) for got, _ in heard)
        late = sorted(at - sent for _, at in heard)
        print(f"{CLIENTS} clients: the last event p50 {late[len(late) // 2]:.2f} s, p99 {late[-5]:.2f} s after it came")
        for offset in range(number, number + 16_000):  # more than its socket takes
            made.hub.take([(stored(fill(offset), offset=offset), False)])
        async with asyncio.timeout(120):
            while not made.hub.figures.dropped:
                await asyncio.sleep(0.05)
        assert set(made.hub.figures.dropped) <= {"took nothing", "overtaken"}
        lazy.close()
