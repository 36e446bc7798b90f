"""Keeps the children of a run alive, and ends them in order: each as soon as it has done all that is left to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from api.supervisor.child import Child, ChildSpec

POLL_S: Final = 0.05
#: Between two words on what is waited for.
TELL_S: Final = 3.0


class Supervisor:
    """``run`` until ``stopping()`` says so, then end the children: lowest ``stop_rank`` first.

    ``say`` gets one message for each thing a person should know. ``forced()`` ends an end: what still runs is killed.
    ``cut``: the children that were killed before they came to their end, with their last word."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        log_dir: Path,
        say: Callable[[str], None],
        forced: Callable[[], bool] = lambda: False,
    ) -> None:
        self.children = {spec.name: Child(spec, log_dir, say) for spec in specs}
        self.cut: dict[str, str] = {}
        self._say = say
        self._forced = forced

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
        """End all children, rank by rank, each as long as it shows that it comes on."""
        for rank in sorted({child.spec.stop_rank for child in self.children.values()}):
            group = [child for child in self.children.values() if child.spec.stop_rank == rank and child.pid]
            for child in group:
                child.ask_to_end()
            self._await(group)

    def _await(self, group: list[Child]) -> None:
        begun = time.monotonic()
        seen = {child.spec.name: (child.written(), begun) for child in group}
        tell_at = begun + TELL_S
        while group := [child for child in group if not child.has_ended()]:
            now = time.monotonic()
            for child in group:
                name, written = child.spec.name, child.written()
                if written != seen[name][0]:
                    seen[name] = written, now
                if self._forced():
                    self._kill(child, f"killed after {now - begun:.1f} s, as you asked")
                elif now - seen[name][1] >= child.spec.patience_s:
                    self._kill(
                        child, f"killed after {now - begun:.1f} s, the last {now - seen[name][1]:.0f} of them silent"
                    )
            if now >= tell_at:
                tell_at = now + TELL_S
                waited = "; ".join(f"{child.spec.name} ({child.last_line() or 'says nothing'})" for child in group)
                self._say(f"ending: waiting for {waited}. Ctrl-C again ends it at once")
            time.sleep(POLL_S)

    def _kill(self, child: Child, how: str) -> None:
        words = child.last_line()
        child.await_end(0.0)
        self.cut[child.spec.name] = words
        said = f" Its last words: {words}." if words else ""
        self._say(f"{child.spec.name} was {how}; the last records may be missing: check with --verify.{said}")

    def restarts(self) -> dict[str, int]:
        return {name: child.restarts for name, child in self.children.items()}
