"""One server: its socket, its intake, its application, and their clean end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Final

import uvicorn

from api.server.app import build
from api.server.guard import HostGuard
from api.server.hub import Hub
from api.server.intake import Batch, Intake
from api.server.sentence import limits_of
from api.server.views import RunView
from connectors.listening import listen_for_page, url_of
from models.settings import Settings

#: Where a run's folder says at which address its page is.
ADDRESS_FILE: Final = "api.json"
#: How long the event loop may take to note a batch before the intake looks whether it should end.
_DELIVERY_S: Final = 1.0
_GRACEFUL_S: Final = 1


class _Server(uvicorn.Server):
    """Leaves signals to the command, which ends streams before connections."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def describe_run(run_dir: Path, bootstrap: str, start: str) -> RunView:
    """What ``run.json`` of the run's folder says, as far as there is one."""
    said: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
        said = {key: str(value) for key, value in found.items()}
    return RunView(
        name=said.get("name", run_dir.resolve().name),
        feeds=said.get("feeds", "unknown"),
        kafka=bootstrap,
        started=said.get("started", ""),
        server_start=start,
        limits=limits_of(run_dir),
    )


async def serve(
    settings: Settings, bootstrap: str, run_dir: Path, say: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Serve until ``stop`` is set. ``say`` gets the address. Raises Failure when the port is taken."""
    listening = listen_for_page(settings.api.host, settings.api.port)
    url = url_of(listening)
    start = str(time.time_ns() // 1_000_000)
    hub = Hub(start)
    loop = asyncio.get_running_loop()
    app = build(hub, lambda: describe_run(run_dir, bootstrap, start), run_dir)
    config = uvicorn.Config(
        HostGuard(app, settings.api.host, settings.api.allowed_hosts),
        log_level="warning",
        timeout_graceful_shutdown=_GRACEFUL_S,
        access_log=False,
    )
    server = _Server(config)
    intake = Intake(settings.kafka, bootstrap, _deliverer(loop, hub, stop), _state_setter(loop, hub))
    address = run_dir / ADDRESS_FILE
    _publish(address, {"url": url, "start": start})
    intake.start()
    say(url)
    serving = asyncio.create_task(server.serve([listening]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        hub.ring.close()
        server.should_exit = True
        stop.set()
        stopping.cancel()
        await asyncio.gather(serving, asyncio.to_thread(intake.close))
        address.unlink(missing_ok=True)


def _deliverer(loop: asyncio.AbstractEventLoop, hub: Hub, stop: asyncio.Event) -> Callable[[Batch], None]:
    """Hands batches from the intake's thread to the loop, one at a time: a loop that is busy slows the reading."""

    async def take(batch: Batch) -> None:
        hub.take(batch)

    def deliver(batch: Batch) -> None:
        work = take(batch)
        try:
            future = asyncio.run_coroutine_threadsafe(work, loop)
        except RuntimeError:  # the loop is over
            work.close()
            return
        while not stop.is_set():
            with contextlib.suppress(FutureTimeoutError, CancelledError):
                future.result(_DELIVERY_S)
                return

    return deliver


def _state_setter(loop: asyncio.AbstractEventLoop, hub: Hub) -> Callable[[str], None]:
    def note(state: str) -> None:
        hub.board.kafka = state

    def say(state: str) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(note, state)

    return say


def _publish(path: Path, content: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.making")
    making.write_text(json.dumps(content) + "\n", encoding="utf-8")
    making.replace(path)
