"""Live against replay, while the run goes on: every so many hours its archive is replayed as far as it is whole, and
compared. It stands beside the flows and decides nothing, so it goes by the computer's clock.

The last result stays in the run's folder (``comparison.json``), so that a run that goes on knows when the next is due.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from flows.replay.again import remove_left
from flows.replay.comparison import ReplayComparison
from models.contracts import Number, Status
from models.money import DOLLAR
from models.telemetry import ModuleState
from models.timestamps import SECOND, utc

MODULE: Final = "comparison"
RESULT: Final = "comparison.json"
COMMAND: Final = (sys.executable, "-P", "-m", "api.supervisor.comparing")
_HOUR_S: Final = 3_600.0
_LONGEST: Final = 300  # characters of a reason


class DailyResult(msgspec.Struct, frozen=True):
    """What the comparison that ended at ``at`` (Unix s) and took ``seconds`` came to. ``failure``: why there is no
    ``comparison``."""

    at: float
    seconds: float
    comparison: ReplayComparison | None = None
    failure: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether all that was compared is identical."""
        return self.comparison is not None and self.comparison.identical

    def sentence(self) -> str:
        """What it came to, for people."""
        when = f"{utc(int(self.at) * SECOND, 'minute')} UTC"
        found = self.comparison
        if found is None:
            return f"{when}: could not be compared: {self.failure}"
        upto = f"{found.identical_decisions:,} of {found.decisions:,} decisions up to event {found.journal:,}"
        if found.identical:
            return f"{when}: identical, {upto}"
        where = found.first
        place = f" first in {where.where.topic} of event {where.journal:,};" if where is not None else ""
        money = (found.replay_net - found.live_net) / DOLLAR
        return f"{when}: DIFFERENT, {upto} alike;{place} net differs by {money:+,.6f} dollars"


class DailyComparison:
    """``look`` once a round, in the supervisor's thread; ``row`` from any."""

    def __init__(
        self,
        folder: Path,
        every_h: float,
        say: Callable[[str], None],
        command: Sequence[str] = COMMAND,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._folder = folder
        self._every_s = every_h * _HOUR_S
        self._say = say
        self._command = command
        self._wall = wall
        self._process: subprocess.Popen[bytes] | None = None
        self._begun = wall()
        self._counts = {"identical": 0, "different": 0, "failed": 0}
        self.last = self._read()
        self._due = (self.last.at if self.last is not None else self._begun) + self._every_s

    def look(self) -> None:
        """Begin a comparison that is due, and take the result of one that has ended."""
        if self._process is None:
            if self._wall() >= self._due:
                self._begin()
            return
        code = self._process.poll()
        if code is not None:
            self._end(code)

    def close(self) -> None:
        """End a comparison that is under way, with all its processes; it counts for nothing."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            remove_left(self._folder)

    def row(self) -> ModuleState:
        """For telemetry: ``warning`` from a result that is not identical until one is."""
        last, process = self.last, self._process
        status: Status = "running" if last is None or last.is_sound else "warning"
        due = f"{utc(int(self._due) * SECOND, 'minute')} UTC"
        reason = last.sentence() if last is not None else f"the first one at {due}"
        gauges: dict[str, Number] = {"due": round(self._due), "under_way": process is not None}
        if last is not None:
            gauges |= {"last": round(last.at), "seconds": round(last.seconds, 1)}
        if last is not None and last.comparison is not None:
            found = last.comparison
            gauges |= {
                "journal": found.journal,
                "decisions": found.decisions,
                "identical_decisions": found.identical_decisions,
                "round_trips": found.round_trips,
                "net_difference": found.replay_net - found.live_net,
            }
        return ModuleState(MODULE, status, {k: n for k, n in self._counts.items() if n}, reason[:_LONGEST], gauges)

    def _begin(self) -> None:
        self._begun = self._wall()
        logs = self._folder / "logs"
        logs.mkdir(exist_ok=True)
        with self._draft.open("wb") as out, (logs / f"{MODULE}.log").open("wb") as errors:
            self._process = subprocess.Popen(
                [*self._command, str(self._folder / "archive")],
                stdin=subprocess.PIPE,  # its lifeline
                stdout=out,
                stderr=errors,
                start_new_session=True,
            )

    def _end(self, code: int) -> None:
        self._process = None
        now = self._wall()
        comparison, failure = None, ""
        try:
            comparison = msgspec.json.decode(self._draft.read_bytes(), type=ReplayComparison)
        except (OSError, msgspec.MsgspecError):
            failure = self._last_words() or f"it ended with code {code}"
        self.last = DailyResult(now, now - self._begun, comparison, failure)
        word = "failed" if comparison is None else "identical" if comparison.identical else "different"
        self._counts[word] += 1
        self._due = now + self._every_s
        with contextlib.suppress(OSError):  # a full disk: the next start compares the sooner
            self._draft.write_bytes(msgspec.json.format(msgspec.json.encode(self.last)))
            self._draft.replace(self._folder / RESULT)
        self._say(f"live against replay, {self.last.sentence()}")

    @property
    def _draft(self) -> Path:
        return self._folder / f".{RESULT}"

    def _read(self) -> DailyResult | None:
        try:
            return msgspec.json.decode((self._folder / RESULT).read_bytes(), type=DailyResult)
        except (OSError, msgspec.MsgspecError):
            return None

    def _last_words(self) -> str:
        with contextlib.suppress(OSError, IndexError):
            return (self._folder / "logs" / f"{MODULE}.log").read_text(errors="replace").strip().splitlines()[-1]
        return ""
