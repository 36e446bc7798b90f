"""Waiting for another thread or process: polled with a deadline, never slept for.

Deadlines are for what never comes. They cost nothing where it does, so they are generous: other tests run beside."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


def eventually(condition: Callable[[], object], timeout_s: float = 60.0, what: str = "condition") -> None:
    """Poll ``condition`` until it holds; fails the test when it does not within ``timeout_s`` seconds.

    It is polled less often the longer it takes: what it looks at shall get the machine, not the looking."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > timeout_s:
            pytest.fail(f"{what} did not hold within {timeout_s} s")
        time.sleep(min(max(waited / 50, 0.01), 0.5))


def quickest(act: Callable[[], object], wanted_s: float, tries: int = 4) -> float:
    """Seconds of the quickest ``act``, which is done until one takes less than ``wanted_s``: what other processes take
    of the machine meanwhile is not measured."""
    best = float("inf")
    for _ in range(tries):
        began = time.monotonic()
        act()
        best = min(best, time.monotonic() - began)
        if best < wanted_s:
            break
    return best
