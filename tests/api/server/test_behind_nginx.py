"""The lines for nginx in docs/operations.md, in a real nginx: the stream is not held back, and resumes."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.server.records import fill, stored
from tests.api.server.rig import TOKEN, serving
from tests.conftest import ROOT
from tests.ports import free_port
from tests.waiting import eventually

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def documented(port: int, upstream: str, folder: Path) -> str:
    """The ``server`` block of the documentation, for this test's ports, without TLS."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    match = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert match is not None
    server = match[1].replace("127.0.0.1:8765", upstream)
    server = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{port};", server)
    server = re.sub(r"\n *ssl_certificate[^\n]*", "", server)
    temp = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off;\n{temp}{server}\n}}\n"
    )


@contextlib.contextmanager
def nginx(upstream: str, folder: Path) -> Iterator[str]:
    if NGINX is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    port = free_port()
    (folder / "nginx.conf").write_text(documented(port, upstream, folder))
    process = subprocess.Popen(
        [NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "e.log")]
    )
    url = f"http://127.0.0.1:{port}/"

    def answers() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url + "health", headers={"Host": "room.example"}).status_code in (200, 503)
        return False

    try:
        eventually(answers, 60, "an answer through nginx")
        yield url
    finally:
        process.send_signal(signal.SIGQUIT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def test_behind_nginx(tmp_path: Path) -> None:
    async with serving(tmp_path, "room.example") as made:
        upstream = made.url.removeprefix("http://").rstrip("/")
        proxy = nginx(upstream, tmp_path)
        url = await asyncio.to_thread(proxy.__enter__)
        try:
            ours = {"Host": "room.example"}
            async with httpx.AsyncClient(base_url=url, headers=ours, timeout=30) as client:
                assert (await client.get("/api/positions")).status_code == 401
                token = {"Authorization": f"Bearer {TOKEN}"}
                assert (await client.get("/api/positions", headers=token)).status_code == 200
                foreign = await client.get("/api/positions", headers={**token, "Host": "evil.example"})
                assert foreign.status_code in (403, 404)
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
