"""Keeps the children of a run alive, and ends them in order within five seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from api.supervisor.child import Child, ChildSpec

POLL_S: Final = 0.05

#: All children are gone this long after the end was asked for; the rest of the five seconds is the broker's.
STOP_WITHIN_S: Final = 4.5


class Supervisor:
    """``run`` until ``stopping()`` says so, then end the children: lowest ``stop_rank`` first.

    ``say`` gets one message for each thing a person should know."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        log_dir: Path,
        say: Callable[[str], None],
        stop_within_s: float = STOP_WITHIN_S,
    ) -> None:
        self.children = {spec.name: Child(spec, log_dir, say) for spec in specs}
        self._say = say
        self._stop_within_s = stop_within_s

    def run(self, stopping: Callable[[], bool], each: Callable[[], None] = lambda: None) -> None:
        """Start and watch the children; ``each`` is called every round. Ends them however it is left."""
        try:
            while not stopping():
                self.tick()
                each()
                time.sleep(POLL_S)
        finally:
            self.stop()

    def tick(self) -> None:
        for child in self.children.values():
            if child.tick():
                for follower in self.children.values():
                    if follower.spec.follows == child.spec.name:
                        follower.restart(f"{child.spec.name} ended, which it depends on")

    def stop(self) -> None:
        """End all children, rank by rank, each within its grace and all within ``stop_within_s`` seconds."""
        end = time.monotonic() + self._stop_within_s
        for rank in sorted({child.spec.stop_rank for child in self.children.values()}):
            group = [child for child in self.children.values() if child.spec.stop_rank == rank and child.pid]
            for child in group:
                child.ask_to_end()
            now = time.monotonic()
            for child in group:
                if not child.await_end(min(now + child.spec.grace_s, end)):
                    self._say(
                        f"{child.spec.name} did not end in time and was killed; it goes on from its last snapshot"
                    )

    def restarts(self) -> dict[str, int]:
        return {name: child.restarts for name, child in self.children.items()}
