"""A run: its folder, its broker, its children. What `profit up` does, in reading order."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Final

import psutil

from api.cli.main import VERBS
from api.runs import ARCHIVE, BROKER, LOCK, describe, locked
from api.supervisor.broker_watch import BrokerWatch
from api.supervisor.child import Child, ChildSpec
from api.supervisor.daily_comparison import DailyComparison
from api.supervisor.exchange import ExchangeWatch
from api.supervisor.remainder import not_archived
from api.supervisor.resuming import refuse_clock_ahead, unchanged
from api.supervisor.supervisor import Supervisor
from connectors.archive.threads import ONE_THREAD
from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import create_topics
from connectors.kafka.claim import claim
from connectors.kafka.pulse import ProcessPulse
from connectors.listening import listen_for_page
from connectors.operator.standing import standing_kill
from connectors.operator.token import make_token, token_path
from connectors.operator.watch import KillWatch, with_operator
from models.contracts import Number, Status
from models.failures import Failure
from models.settings import Settings
from models.telemetry import ModuleState
from models.timestamps import utc

PROFIT: Final = (sys.executable, "-P", "-m", "api.cli.main")
ADDRESSES: Final = "exchange.json"
FLOWS: Final = ("market", "trading", "audit")
MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for. ``feeds``: "sim", "live" or the folder of an archive; ``speed`` is for the latter,
    ``faults``, a file, for the first."""

    feeds: str
    kafka: str
    duration_s: float | None
    name: str
    config: Path | None
    speed: float = 1.0
    faults: Path | None = None


def run(order: RunRequest, settings: Settings) -> None:
    """Run everything until Ctrl-C, SIGTERM or the duration ends it. Raises Failure."""
    ending = Shutdown(order.duration_s)
    ending.install()
    _check_feeds(order.feeds)
    make_token(token_path(settings))
    settings = with_operator(_with_api_port(settings), order.name)
    folder = settings.data_dir / "runs" / order.name
    with contextlib.ExitStack() as stack:
        stack.enter_context(_no_empty_folder(folder))
        stack.enter_context(locked(folder))
        refuse_clock_ahead(folder, order.feeds, ADDRESSES)
        for sentence in unchanged(folder, settings):
            say(sentence)
        broker: EmbeddedBroker | None = None
        bootstrap = order.kafka or settings.kafka.bootstrap_servers
        if not bootstrap:
            _refuse_old_run(folder)
            log = folder / "logs" / "broker.log"
            broker = stack.enter_context(EmbeddedBroker.start(settings.broker, log, folder / BROKER))
            bootstrap = broker.bootstrap
        create_topics(settings.kafka, bootstrap)
        claim(settings.kafka, bootstrap, folder, settings.kafka.continue_run)
        for place in (ARCHIVE, "recovery", "logs"):
            (folder / place).mkdir(exist_ok=True)
        describe(folder, order.feeds, bootstrap, settings.api.page)
        KillWatch(settings, bootstrap, lambda _: None).look()  # in the order before the first record; greeted with
        specs = children(order, bootstrap, folder, settings)
        if settings.live.enabled and (why := why_not_live(order.feeds, settings)):
            say(f"no live venue: {why}")
        supervisor = Supervisor(specs, folder / "logs", say, lambda: ending.forced)
        watch = BrokerWatch(broker, settings.kafka, folder / "archive", say) if broker is not None else None
        if watch is not None:
            stack.callback(watch.close)
        exchange = ExchangeWatch(folder / ADDRESSES) if order.feeds == "sim" else None
        if exchange is not None:
            stack.callback(exchange.close)
        comparison = DailyComparison(folder, settings.comparison.every_h, say) if settings.comparison.every_h else None
        if comparison is not None:
            stack.callback(comparison.close)
        pulse = ProcessPulse(
            "supervisor",
            settings.kafka,
            bootstrap,
            lambda: [*rows(supervisor, watch, ending, exchange), *([comparison.row()] if comparison else [])],
            say,
        )
        stack.callback(pulse.close)
        pulse.start()
        _greet(order, folder, bootstrap, broker is not None, specs, settings)

        def each() -> None:
            if watch is not None:
                watch.look()
                if watch.failure:
                    ending.because(watch.failure, failed=True)
            if comparison is not None:
                comparison.look()

        supervisor.run(ending.due, each)
        left = _left(settings, bootstrap, folder)
    _farewell(ending, folder, supervisor.cut, left, broker is not None)


def children(order: RunRequest, bootstrap: str, folder: Path, settings: Settings) -> list[ChildSpec]:
    """The processes of a run. They end in the order of their ranks: what writes, then what reads it."""
    cluster = ("--kafka", bootstrap)
    place = ("--run-dir", str(folder), "--lifeline")
    environment = {
        **ONE_THREAD,
        "PROFIT_API_PORT": str(settings.api.port),
        "PROFIT_RUN_NAME": settings.run_name,
        "PROFIT_OPERATOR_PUBLIC_KEY": settings.operator.public_key,
    }
    if order.config is not None:
        environment["PROFIT_CONFIG"] = str(order.config.resolve())
    specs: list[ChildSpec] = []

    def add(name: str, *words: str, rank: int, **more: object) -> None:
        specs.append(
            ChildSpec(name, (*PROFIT, *words), rank, environment=environment, deaf=True, **more)  # type: ignore[arg-type]
        )

    if order.feeds == "sim":
        addresses = folder / ADDRESSES
        simulate = ["simulate", "--port-file", str(addresses), "--lifeline"]
        if order.faults is not None:
            simulate += ["--faults", str(order.faults.resolve())]
        add("simulator", *simulate, rank=2, makes=addresses)
        exchange = ("--exchange", str(addresses))
        record = ("record", "--feeds", "sim", *exchange, *cluster, "--lifeline")
        add("recorder", *record, rank=0, needs=addresses, follows="simulator")
    elif order.feeds == "live":
        add("recorder", "record", "--feeds", "live", *cluster, "--lifeline", rank=0)
    else:
        archive = str(Path(order.feeds).resolve())
        play = ("play", archive, *cluster, "--speed", str(order.speed), "--lifeline")
        add("player", *play, rank=0, once=True)
    for rank, flow in enumerate(FLOWS if "flow" in VERBS else (), start=2):
        played = () if order.feeds in ("sim", "live") or flow == "audit" else ("--fixed",)
        add(flow, "flow", flow, *cluster, *place, *played, rank=rank)
    if order.feeds in ("sim", "live") and settings.promotion.enabled:
        add("learning", "flow", "learning", *cluster, *place, rank=0)
    if not why_not_live(order.feeds, settings):
        add("live", "live", "run", *cluster, *place, rank=0)
    if "serve" in VERBS:
        add("api", "serve", *cluster, *place, rank=0)
    return specs


def why_not_live(feeds: str, settings: Settings) -> str:
    """Why the run has no live venue; "" where it has one."""
    account = settings.live_account
    if not settings.live.enabled:
        return "live.enabled is false"
    if feeds != "live":
        return "real orders go with --feeds live alone"
    if not account.private_key.get_secret_value() or not account.wallet:
        return "live_account.private_key and wallet are not both set"
    return ""


class Shutdown:
    """Why and when the run ends."""

    def __init__(self, duration_s: float | None) -> None:
        self._deadline = None if duration_s is None else time.monotonic() + duration_s
        self.reason = ""
        self.failed = False
        self.warning = ""
        self.forced = False

    def install(self) -> None:
        """Signals ask for the end; a second one forces it."""

        def handler(number: int, _frame: FrameType | None) -> None:
            self.forced = bool(self.reason)
            self.because(f"ended by {'Ctrl-C' if number == signal.SIGINT else signal.Signals(number).name}")

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, handler)

    def because(self, reason: str, failed: bool = False) -> None:
        if not self.reason:
            self.reason, self.failed = reason, failed

    def due(self) -> bool:
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self.because("the duration is over")
        return bool(self.reason)


def rows(
    supervisor: Supervisor, watch: BrokerWatch | None, ending: Shutdown, exchange: ExchangeWatch | None
) -> list[ModuleState]:
    """Telemetry of this moment: module, status, counts, last reason, gauges."""
    down = sorted(name for name, child in supervisor.children.items() if child.state == "waiting")
    restarts = {f"restart:{name}": count for name, count in supervisor.restarts().items() if count}
    pids: dict[str, Number] = {f"pid_{name}": child.pid for name, child in supervisor.children.items()}
    status: Status = "stopped" if ending.reason else "warning" if down else "running"
    reason = ending.reason or (f"waiting for {', '.join(down)}" if down else "ok")
    found = [ModuleState("supervisor", status, restarts, reason, pids)]
    if watch is not None:
        found.append(watch.row())
    if exchange is not None:
        found.append(exchange.row())
    found.extend(_process_row(name, child) for name, child in supervisor.children.items())
    return found


_STATES: Final[dict[str, Status]] = {"running": "running", "waiting": "waiting", "done": "stopped"}


def _process_row(name: str, child: Child) -> ModuleState:
    """A child as a process: whether it runs, what it takes, how often it had to be started again."""
    pid = child.pid  # it may end at any moment
    gauges: dict[str, Number] = {"pid": pid, "last_exit": child.last_exit}
    if pid:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            gauges["memory_mib"] = round(process.memory_info().rss / MIB, 1)
            gauges["threads"] = process.num_threads()
            gauges["files"] = process.num_fds()
    reason = "ok" if child.state == "running" else f"{child.state}, last exit code {child.last_exit}"
    counts = {"restart": child.restarts} if child.restarts else {}
    return ModuleState(f"process.{name}", _STATES.get(child.state, "waiting"), counts, reason, gauges)


def say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


def _check_feeds(feeds: str) -> None:
    if feeds not in ("sim", "live") and not Path(feeds).is_dir():
        raise Failure(
            f"--feeds {feeds}: neither sim nor live, and there is no such folder.",
            "Give sim, live, or the folder of an archive (profit import makes one).",
        )


def _with_api_port(settings: Settings) -> Settings:
    """The settings with the port the page will have: a free one for 0, the same for every start of the server. Raises
    Failure when the port cannot be had."""
    if "serve" not in VERBS:
        return settings
    with listen_for_page(settings.api.host, settings.api.port) as probe:
        port = probe.getsockname()[1]
    return settings.model_copy(update={"api": settings.api.model_copy(update={"port": port})})


def _refuse_old_run(folder: Path) -> None:
    if (folder / "recovery").is_dir() and any((folder / "recovery").iterdir()) and not (folder / BROKER).is_dir():
        raise Failure(
            f"the run {folder.name} was not recorded with the embedded broker, or its folder {BROKER} was removed.",
            "Go on with its cluster (--kafka HOST:PORT), choose another --run NAME, or replay its archive: "
            f"profit replay {folder / 'archive'}",
        )


@contextlib.contextmanager
def _no_empty_folder(folder: Path) -> Iterator[None]:
    """A run that could not begin leaves no folder: what is there but the lock stays."""
    try:
        yield
    except Failure:
        if folder.is_dir() and {each.name for each in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()
        raise


def _greet(
    order: RunRequest, folder: Path, bootstrap: str, embedded: bool, specs: list[ChildSpec], settings: Settings
) -> None:
    page = settings.api.page if any(s.name == "api" for s in specs) else "none yet"
    kind = f"embedded, keeps its data in {folder / BROKER}" if embedded else "yours"
    until = "Ctrl-C" if order.duration_s is None else f"Ctrl-C, or {order.duration_s:g} s from now"
    print(
        f"Profit System, run {order.name}: paper trading on {order.feeds}\n"
        f"  page        {page}\n"
        f"  run folder  {folder.resolve()}\n"
        f"  Kafka       {bootstrap} ({kind})\n"
        f"  processes   {', '.join(spec.name for spec in specs)}; logs in {folder / 'logs'}\n"
        f"  to stop     {until}" + killed_line(settings.data_dir),
        file=sys.stderr,
        flush=True,
    )


def killed_line(data_dir: Path) -> str:
    """A line that says that trading is killed from the start; empty where it is not."""
    kill = standing_kill(data_dir)
    if kill is None:
        return ""
    when = f" at {utc(kill.t)} UTC" if kill.t else ""
    return (
        f"\n  trading     KILLED by {kill.by}{when}, in every run of {data_dir}: no order goes out before "
        "`profit control release`"
    )


def _left(settings: Settings, bootstrap: str, folder: Path) -> dict[str, int] | None:
    """Records by topic that did not come into the archive; None where the broker cannot be asked any more."""
    try:
        return not_archived(settings.kafka, bootstrap, folder / "archive")
    except Failure:
        return None


def _farewell(
    ending: Shutdown, folder: Path, cut: Mapping[str, str], left: Mapping[str, int] | None, embedded: bool
) -> None:
    """Says how the run ended. Raises Failure where it failed, or where something was cut: what is ``left`` is in Kafka
    and not in the archive, and stays there for the next start."""
    if ending.failed:
        raise Failure(
            f"{ending.reason}; the run was ended.", f"See {folder / 'logs'}; the archive has all up to that moment."
        )
    if cut or left or left is None:
        parts = [f"the run is not whole ({ending.reason})"]
        if left:
            topics = ", ".join(f"{name} {records:,}" for name, records in sorted(left.items()))
            parts.append(f"{sum(left.values()):,} records did not come into the archive ({topics})")
        if left is None:
            parts.append("the broker is gone: how many records did not come into the archive is not known")
        parts.extend(f"{name} was killed ({words or 'it said nothing'})" for name, words in sorted(cut.items()))
        name = folder.name
        raise Failure(
            "; ".join(parts) + ".",
            f"They are in Kafka still, and profit up --run {name} goes on with them"
            + ("." if embedded else ", with the same --kafka."),
        )
    how = ending.reason if ending.reason.startswith("ended by") else f"run ended: {ending.reason}"
    say(f"{how}. Archive: {folder / 'archive'}")
