"""One server: its socket, its intake, its application, and their clean end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Final, Literal

import uvicorn

from api.commanding import give as give_command
from api.commanding import prepared
from api.runs import ARCHIVE, PLAN
from api.server.access import Access
from api.server.alerting import Alerting
from api.server.app import build
from api.server.configuration import RunSettings
from api.server.conservation import CounterHistory
from api.server.formats import iso
from api.server.guard import LOCAL, HostGuard
from api.server.guards import gate_of
from api.server.holds import trading_of
from api.server.hub import Hub
from api.server.intake import Batch, Intake
from api.server.sentence import limits_of
from api.server.shelf import Shelf
from api.server.state import ServerState
from api.server.views.health import RunView
from connectors.alerts import Messenger
from connectors.listening import listen_for_page, url_of
from connectors.operator.token import token_path
from models.contracts import Answer
from models.control import Instruction
from models.settings import Settings

#: Where a run's folder says at which address its page is.
ADDRESS_FILE: Final = "api.json"
_FEEDS: Final[dict[str, Literal["LIVE", "SIMULATED", "RECORDED"]]] = {"live": "LIVE", "sim": "SIMULATED"}
_ANSWER_S: Final = 15.0
_BEAT_S: Final = 0.25
_OTHERS_S: Final = 20.0
#: How long the event loop may take to note a batch before the intake looks whether it should end.
_DELIVERY_S: Final = 1.0
_GRACEFUL_S: Final = 1


class _Server(uvicorn.Server):
    """Leaves signals to the command, which ends streams before connections."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def describe_run(run_dir: Path, bootstrap: str, start: str, hub: Hub, finished: bool = False) -> RunView:
    """What ``run.json`` of the run's folder says, as far as there is one, and whether trading is on."""
    said: dict[str, str] = {}
    with contextlib.suppress(OSError, ValueError):
        found = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
        said = {key: str(value) for key, value in found.items()}
    feeds = said.get("feeds") or _replayed(run_dir)
    trading, answer = trading_of(hub.board)
    states = ("on", "paused", "killed")
    return RunView(
        name=said.get("name", run_dir.resolve().name),
        feeds=feeds,
        feeds_are=_FEEDS.get("" if finished else feeds, "RECORDED"),
        kafka=bootstrap,
        started=said.get("started", ""),
        gate=gate_of(hub.board),
        server_start=start,
        finished=finished,
        trading="ended" if finished else trading if trading in states else "unknown",
        trading_since=iso(answer.timestamp) if answer is not None else "",
        trading_by=answer.by if answer is not None else "",
        limits=limits_of(run_dir),
    )


async def serve(
    settings: Settings, bootstrap: str, run_dir: Path, say: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Serve until ``stop`` is set. ``say`` gets the address. ``bootstrap``: the cluster, or "" for a finished run,
    which is read from its archive. Raises Failure when the port is taken, or the alerts cannot be sent."""
    listening = listen_for_page(settings.api.host, settings.api.port)
    url = url_of(listening)
    start = str(time.time_ns() // 1_000_000)
    with contextlib.ExitStack() as stack:
        state, hub = _state(settings, bootstrap, run_dir, start, stack)
        loop = asyncio.get_running_loop()
        guarded = HostGuard(build(state), settings.api.host, settings.api.allowed_hosts, state.access)
        server = _Server(
            uvicorn.Config(
                guarded,
                log_level="warning",
                timeout_graceful_shutdown=_GRACEFUL_S,
                access_log=False,
                server_header=False,
            )
        )
        deliver = _deliverer(loop, hub, stop)
        note, caught_up = _state_setter(loop, hub), _caller(loop, hub.caught_up)
        intake: Intake | Shelf
        if bootstrap:
            intake = Intake(settings.kafka, bootstrap, deliver, note, caught_up)
        else:
            intake = Shelf(run_dir, deliver, note, caught_up)
        address = run_dir / ADDRESS_FILE
        if bootstrap:
            _publish(address, {"url": url, "start": start})
        intake.start()
        say(url)
        serving = asyncio.create_task(server.serve([listening]))
        stopping = asyncio.create_task(stop.wait())
        beating = asyncio.create_task(_beat(state))
        looking = asyncio.create_task(_look_at_others(state))
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            hub.ring.close()
            state.reports.close()
            hub.ready.set()
            server.should_exit = True
            stop.set()
            stopping.cancel()
            beating.cancel()
            looking.cancel()
            await asyncio.gather(serving, asyncio.to_thread(intake.close))
            if bootstrap:
                address.unlink(missing_ok=True)


def _state(
    settings: Settings, bootstrap: str, run_dir: Path, start: str, stack: contextlib.ExitStack
) -> tuple[ServerState, Hub]:
    finished = not bootstrap
    name = describe_name(run_dir)
    hub = Hub(name)
    hub.board.limits = limits_of(run_dir)
    hub.board.modules.ended = finished
    if finished:
        hub.board.kafka = "archive"
    urls = [url.get_secret_value() for url in settings.alerts.urls]
    send: Callable[[str, str], None] = lambda title, text: None  # noqa: E731
    if urls and not finished:
        alerts = Messenger(urls, lambda text: print(text, file=sys.stderr, flush=True))
        stack.callback(alerts.close)
        send = alerts.send
    alerting = Alerting(hub.board.title, settings.alerts.on, send)
    hub.listeners.append(alerting.take)
    access = Access(token_path(settings), settings.api.host in LOCAL)

    def run() -> RunView:
        if not hub.board.limits:
            hub.board.limits = limits_of(run_dir)
        return describe_run(run_dir, bootstrap, start, hub, finished)

    def give(do: Instruction, by: str) -> Answer:
        command = prepared(do, settings, by, name)
        return give_command(command, settings, access.token(), bootstrap, _ANSWER_S)

    state = ServerState(
        hub=hub,
        run=run,
        settings=RunSettings(run_dir, settings),
        run_dir=run_dir,
        data_dir=settings.data_dir,
        access=access,
        alerting=alerting,
        beats=CounterHistory(),
        give=None if finished else give,
        finished=finished,
    )
    return state, hub


def _replayed(run_dir: Path) -> str:
    """What a replay read, in words."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        archive = Path(json.loads((run_dir / PLAN).read_bytes())["archive"])
        return f"replay of {archive.parent.name if archive.name == ARCHIVE else archive.name}"
    return "unknown"


def describe_name(run_dir: Path) -> str:
    """The run's name: as ``run.json`` says, else its folder's."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return str(json.loads((run_dir / "run.json").read_text(encoding="utf-8"))["name"])
    return run_dir.resolve().name


async def _beat(state: ServerState) -> None:
    """Note the strategies' counters at every second of the flow: the audit is compared with them when it has come so
    far."""
    while True:
        state.beats.note(state.hub.board, state.settings())
        await asyncio.sleep(_BEAT_S)


async def _look_at_others(state: ServerState) -> None:
    """Read what the other runs of the data folder made; what did not change is not read again."""
    while True:
        with contextlib.suppress(OSError):  # a run that is being deleted: the next look
            await asyncio.to_thread(state.others.read)
        await asyncio.sleep(_OTHERS_S)


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


def _caller(loop: asyncio.AbstractEventLoop, act: Callable[[], None]) -> Callable[[], None]:
    def call() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(act)

    return call


def _state_setter(loop: asyncio.AbstractEventLoop, hub: Hub) -> Callable[[str], None]:
    def note(state: str) -> None:
        hub.board.kafka = state
        if state != "connected":
            hub.caught_up()  # nothing comes: clients need not wait for it

    def say(state: str) -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(note, state)

    return say


def _publish(path: Path, content: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.making")
    making.write_text(json.dumps(content) + "\n", encoding="utf-8")
    making.replace(path)
