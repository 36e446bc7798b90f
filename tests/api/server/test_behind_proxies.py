"""The lines for nginx and Caddy in docs/operations.md, in the real ones: the stream is not held back, and resumes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.server.records import fill, stored
from tests.api.server.rig import TOKEN, serving
from tests.conftest import ROOT
from tests.ports import free_port
from tests.waiting import eventually

Proxied = Callable[[int, str, Path], list[str]]


def documented(proxy: str, upstream: str) -> str:
    """The lines of the documentation, before this ``upstream``."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    match = re.search(rf"```{proxy}\n(.*?)```", text, re.DOTALL)
    assert match is not None
    return match[1].replace("127.0.0.1:8765", upstream)


def nginx(port: int, upstream: str, folder: Path) -> list[str]:
    """The documented ``server`` on this test's port, without TLS; the command that runs it."""
    found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if found is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    server = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{port};", documented("nginx", upstream))
    server = re.sub(r"\n *ssl_certificate[^\n]*", "", server)
    temp = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off;\n{temp}{server}\n}}\n"
    )
    return [found, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "e.log")]


def caddy(port: int, upstream: str, folder: Path) -> list[str]:
    """The documented site on this test's port, without TLS; the command that runs it."""
    found = shutil.which("caddy")
    if found is None:
        pytest.skip("no caddy here: apt-get install caddy")
    site = documented("caddy", upstream).replace("room.example {", f"http://room.example:{port} {{\n    bind 127.0.0.1")
    (folder / "Caddyfile").write_text("{\n    admin off\n}\n" + site)
    return [found, "run", "--config", str(folder / "Caddyfile")]


@contextlib.contextmanager
def running(proxy: Proxied, upstream: str, folder: Path) -> Iterator[str]:
    port = free_port()
    command = proxy(port, upstream, folder)
    with (folder / "proxy.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | {"HOME": str(folder)}, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}/"

    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url + "health", headers={"Host": "room.example"}).status_code in (200, 503)
        return False

    try:
        eventually(answers, 60, "an answer through the proxy")
        yield url
    finally:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.parametrize("kind", [nginx, caddy])
async def test_behind_a_proxy(kind: Proxied, tmp_path: Path) -> None:
    async with serving(tmp_path, "room.example") as made:
        upstream = made.url.removeprefix("http://").rstrip("/")
        proxy = running(kind, upstream, tmp_path)
        url = await asyncio.to_thread(proxy.__enter__)
        try:
            ours = {"Host": "room.example"}
            async with httpx.AsyncClient(base_url=url, headers=ours, timeout=30) as client:
                assert (await client.get("/api/positions")).status_code == 401
                token = {"Authorization": f"Bearer {TOKEN}"}
                assert (await client.get("/api/positions", headers=token)).status_code == 200
                foreign = await client.get("/api/positions", headers={**token, "Host": "evil.example"})
                assert foreign.status_code in (200, 403, 404) and "positions" not in foreign.text
                last = ""
                for number in range(3):
                    more = {"Last-Event-ID": last} if last else {}
                    async with client.stream("GET", "/stream?topics=fills", headers={**token, **more}) as stream:
                        lines = stream.aiter_lines()
                        async with asyncio.timeout(30):
                            while not (await anext(lines)).startswith("event: "):
                                pass
                            made.hub.take([(stored(fill(number), offset=number), False)])
                            while not (line := await anext(lines)).startswith("event: fill"):
                                pass
                            last = (await anext(lines)).removeprefix("id: ")
                            line = await anext(lines)
                    assert f'"order":"o{number}"' in line
                    assert last == f"r1@fills:{number}"
        finally:
            await asyncio.to_thread(proxy.__exit__, None, None, None)
