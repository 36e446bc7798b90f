"""The embedded broker, for the program that starts it: a Kafka-compatible broker that keeps its data in a folder.

It is a process of its own that ends with its parent, however that ends. With the same folder it goes on where it was.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import psutil

from models.failures import Failure
from models.settings import Broker

START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0


class EmbeddedBroker:
    """A running broker. ``start`` makes one; use it as a context manager, or call ``close``.

    ``bootstrap`` is its ``HOST:PORT``, ``pid`` its process. ``status``: what it said of itself last: ``used_bytes``,
    ``budget_bytes``, ``trouble`` (why producers wait), ``warning`` and more; empty before its first second."""

    def __init__(self, settings: Broker, folder: Path | None, log_file: Path | None, advertised: str = "") -> None:
        self._settings = settings
        self._temporary = folder is None
        self._folder = Path(tempfile.mkdtemp(prefix="profit-broker-")) if folder is None else folder
        self._advertised = advertised
        self._log: IO[bytes]
        if log_file is None:
            self._log = tempfile.TemporaryFile("w+b")  # noqa: SIM115
        else:
            log_file.parent.mkdir(parents=True, exist_ok=True)
            self._log = log_file.open("a+b")
        self.bootstrap = ""
        self.status: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls, settings: Broker, log_file: Path | None = None, folder: Path | None = None, advertised: str = ""
    ) -> Self:
        """Start a broker on ``folder`` and wait until it listens. Without a folder it keeps nothing beyond its end.
        ``advertised``: HOST:PORT that clients are sent to, if not to the broker itself.

        Raises Failure when the configured port is taken, the folder cannot be used, or it does not listen in time."""
        broker = cls(settings, folder, log_file, advertised)
        try:
            broker._launch(settings.port)
        except Failure:
            broker.close()
            raise
        return broker

    def restart(self) -> None:
        """After its process has ended: start it again where it was, at the same address. Raises Failure."""
        self._end()
        self._launch(int(self.bootstrap.rpartition(":")[2]))

    def _launch(self, port: int) -> None:
        settings = self._settings
        command = [sys.executable, "-P", "-m", "connectors.broker", "--folder", str(self._folder), "--lifeline"]
        command += ["--host", settings.host, "--port", str(port), "--budget-mib", str(settings.disk_budget_mib)]
        if self._advertised:
            command += ["--advertise", self._advertised]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # the terminal's Ctrl-C must not reach the broker before its users are done
        )
        heard = threading.Event()
        first: list[str] = []
        threading.Thread(
            target=self._listen, args=(self._process, first, heard), name="broker-status", daemon=True
        ).start()
        if not heard.wait(START_TIMEOUT_S):
            raise Failure(
                f"the embedded broker did not listen within {START_TIMEOUT_S:.0f} s: {self._tail()}",
                "Start again when the machine is less busy, or name a cluster with --kafka HOST:PORT.",
            )
        word, _, rest = (first[0] if first else "").partition(" ")
        if word == "refused":
            raise Failure(
                f"the embedded broker cannot start: {rest}.",
                "End the program that is in the way, set broker.port = 0 for a free port, or name a cluster with "
                "--kafka HOST:PORT.",
            )
        if word != "ready":
            raise Failure(
                f"the embedded broker ended at once: {self._tail()}",
                "Start again, or name a cluster with --kafka HOST:PORT.",
            )
        self.bootstrap = rest

    def _listen(self, process: subprocess.Popen[bytes], first: list[str], heard: threading.Event) -> None:
        """Take what the broker says, as long as it does."""
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if not first:
                    first.append(line.decode(errors="replace").strip())
                    heard.set()
                    continue
                with contextlib.suppress(ValueError):
                    self.status = json.loads(line)
        heard.set()

    @property
    def pid(self) -> int:
        return 0 if self._process is None else self._process.pid

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def memory_bytes(self) -> int:
        """Resident memory of the broker; 0 when it is gone."""
        if not self.alive():
            return 0
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return 0

    def close(self) -> None:
        """End the broker and wait for it. Calling it again does nothing."""
        self._end()
        self._log.close()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if self._temporary:  # its users are done and it keeps nothing: there is nothing to wait for
            process.kill()
        if process.stdin is not None:
            process.stdin.close()  # end-of-file: it ends in order
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.status = {}

    def _tail(self) -> str:
        self._log.seek(0, 2)
        self._log.seek(max(self._log.tell() - 2_000, 0))
        lines = [line.strip() for line in self._log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
