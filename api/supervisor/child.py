"""One child process of a run: how it is started, when it is started again, how it is ended."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from connectors.kafka.stopping import deaf

BACKOFF_MIN_S: Final = 0.5
BACKOFF_MAX_S: Final = 30.0

#: A child that lived this long is well again: its next restart is quick.
WELL_AFTER_S: Final = 30.0

#: An end that gives no sign of progress for so long is forced.
PATIENCE_S: Final = 30.0

#: One that is in the way of a restart has so long.
RESTART_S: Final = 10.0

#: The line of a traceback that names the error. Bytewax wraps the one that matters in several of its own.
_ERROR: Final = re.compile(r"[A-Za-z_.]*(Error|Exception|Failure)\b: ")


@dataclass(frozen=True)
class ChildSpec:
    """What to run.

    ``stop_rank``: children of a lower rank are ended first, those of one rank together. ``patience_s``: how long it may
    give no sign, in its log, of coming to its end. ``once``: exit code 0 means that it is done, and it is not started
    again. ``makes``: a file that it writes when it is ready, removed when it ends. ``needs``: a file that must be there
    before it starts. ``follows``: a child whose end restarts this one too. ``deaf``: it does
    not hear that it is to end before it says that it can (``connectors.kafka.stopping.hear_again``)."""

    name: str
    command: tuple[str, ...]
    stop_rank: int = 0
    patience_s: float = PATIENCE_S
    once: bool = False
    makes: Path | None = None
    needs: Path | None = None
    follows: str = ""
    deaf: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


class Child:
    """A supervised process. Its standard input is its lifeline: see ``connectors.lifeline``."""

    def __init__(
        self, spec: ChildSpec, log_dir: Path, say: Callable[[str], None], now: Callable[[], float] = time.monotonic
    ) -> None:
        self.spec = spec
        self.restarts = 0
        self.state = "waiting"
        self.last_exit: int | None = None
        self._log_path = log_dir / f"{spec.name}.log"
        self._say = say
        self._now = now
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._backoff_s = BACKOFF_MIN_S

    @property
    def pid(self) -> int:
        """Process id, 0 when it is not running. Telemetry asks from a thread of its own, so it is read once."""
        process = self._process
        return process.pid if process is not None else 0

    def tick(self) -> bool:
        """Start what is due, notice what has ended. True when the process has ended since the last tick."""
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                return False
            self._ended(code)
            return True
        ready = self.spec.needs is None or self.spec.needs.is_file()
        if self.state == "waiting" and self._now() >= self._start_at and ready:
            self._start()
        return False

    def restart(self, why: str) -> None:
        """End the process now and start it again when it can be."""
        if self._process is None or self.state == "done":
            return
        self._say(f"{self.spec.name} is started again: {why}")
        self.ask_to_end()
        if not self.await_end(self._now() + RESTART_S):
            self._say(f"{self.spec.name} did not end within {RESTART_S:g} s and was killed")
        self.restarts += 1
        self.state, self._start_at = "waiting", self._now()

    def ask_to_end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def has_ended(self) -> bool:
        """Whether the process is not there any more; notices its end."""
        if self._process is None:
            return True
        if self._process.poll() is None:
            return False
        self.last_exit = self._process.returncode
        self.state = "stopped"
        self._release()
        return True

    def written(self) -> int:
        """Bytes of its log: they grow while it says how it comes on."""
        try:
            return self._log_path.stat().st_size
        except OSError:
            return 0

    def await_end(self, deadline: float) -> bool:
        """Wait until ``deadline`` (monotonic seconds), then kill. True when it ended by itself."""
        process = self._process
        if process is None:
            return True
        try:
            process.wait(max(deadline - self._now(), 0.001))
            by_itself = True
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            by_itself = False
        self.last_exit = process.returncode
        self.state = "stopped"
        self._release()
        return by_itself

    def last_line(self) -> str:
        """The last line of the process's log."""
        try:
            with self._log_path.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(log.tell() - 1_024, 0))
                lines = log.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        return next((line.strip() for line in reversed(lines) if line.strip()), "")[-200:]

    def last_words(self) -> str:
        """What the process wrote last that says why it ended: the innermost error, else its last lines."""
        try:
            with self._log_path.open("rb") as log:
                log.seek(0, os.SEEK_END)
                log.seek(max(log.tell() - 16_384, 0))
                lines = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
        except OSError:
            return ""
        errors = [line for line in lines if _ERROR.match(line) and not line.startswith("bytewax.errors.")]
        return (errors[-1] if errors else " ".join(lines[-2:]))[:300]

    def _start(self) -> None:
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        self._log = self._log_path.open("ab")
        if self.spec.makes is not None:
            self.spec.makes.unlink(missing_ok=True)  # of a run that was killed with all that watched over it
        with deaf() if self.spec.deaf else contextlib.nullcontext():
            self._process = subprocess.Popen(
                self.spec.command,
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env=os.environ | dict(self.spec.environment),
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor: it ends its children in order
            )
        self._started_at = self._now()
        self.state = "running"

    def _ended(self, code: int) -> None:
        self.last_exit = code
        self._release()
        if self.spec.once and code == 0:
            self.state = "done"
            self._say(f"{self.spec.name} is done")
            return
        if self._now() - self._started_at >= WELL_AFTER_S:
            self._backoff_s = BACKOFF_MIN_S
        self.state, self._start_at = "waiting", self._now() + self._backoff_s
        self.restarts += 1
        how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        words = self.last_words()
        self._say(
            f"{self.spec.name} {how}; started again in {self._backoff_s:g} s (see {self._log_path})"
            + (f"\n    its last words: {words}" if words and code >= 0 else "")
        )
        self._backoff_s = min(self._backoff_s * 2, BACKOFF_MAX_S)

    def _release(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._log is not None:
            self._log.close()
        self._process = self._log = None
        if self.spec.makes is not None:
            self.spec.makes.unlink(missing_ok=True)
