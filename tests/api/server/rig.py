"""A server over a hub that the test fills itself, on a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from api.server.access import Access
from api.server.alerting import Alerting
from api.server.app import build
from api.server.conservation import CounterHistory
from api.server.guard import HostGuard
from api.server.hub import Hub
from api.server.serving import _Server, describe_run
from api.server.state import Give, ServerState
from connectors.listening import listen_for_page, url_of
from models.settings import Settings

TOKEN = "11" * 32
#: How long the server would wait for streams that do not end.
PATIENT_S = 120


@dataclass
class Running:
    hub: Hub
    url: str
    state: ServerState


def state_over(hub: Hub, run_dir: Path, give: Give | None = None, finished: bool = False) -> ServerState:
    settings = Settings(data_dir=run_dir)
    token = run_dir / "operator.token"
    if not token.exists():
        token.write_text(TOKEN)
        token.chmod(0o600)
    return ServerState(
        hub=hub,
        run=lambda: describe_run(run_dir, "127.0.0.1:1", "1", hub, finished),
        settings=lambda: settings,
        run_dir=run_dir,
        data_dir=run_dir,
        access=Access(token, True),
        alerting=Alerting(hub.board.title, settings.alerts.on, lambda title, text: None),
        beats=CounterHistory(),
        give=give,
        finished=finished,
    )


@contextlib.asynccontextmanager
async def serving(
    run_dir: Path, *allowed: str, give: Give | None = None, open_reading: bool = True, guarded: bool = True
) -> AsyncIterator[Running]:
    hub = Hub("r1")
    hub.board.kafka = "connected"
    hub.caught_up()
    state = state_over(hub, run_dir, give)
    state.access.open_reading = open_reading
    listening = listen_for_page("127.0.0.1", 0)
    application = HostGuard(build(state), "127.0.0.1", allowed, state.access if guarded else None)
    server = _Server(uvicorn.Config(application, log_level="critical", timeout_graceful_shutdown=PATIENT_S))
    task = asyncio.create_task(server.serve([listening]))
    try:
        yield Running(hub, url_of(listening), state)
    finally:
        hub.ring.close()
        server.should_exit = True
        await task


@dataclass(frozen=True)
class Event:
    kind: str
    id: str
    data: str

    @property
    def body(self) -> dict[str, object]:
        return dict(json.loads(self.data))


async def listen_to(url: str, last_id: str = "", path: str = "stream") -> AsyncIterator[Event]:
    """Events of the stream, comments left out. Ends with the connection."""
    headers = {"Last-Event-ID": last_id} if last_id else {}
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", url + path, headers=headers) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        fields: dict[str, str] = {}
        async for line in response.aiter_lines():
            name, _, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if "event" in fields:
                yield Event(fields["event"], fields.get("id", ""), fields["data"])
            fields = {}


async def some(stream: AsyncIterator[Event], count: int) -> list[Event]:
    return [await asyncio.wait_for(anext(stream), 60) for _ in range(count)]
