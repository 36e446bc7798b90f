"""How a command that runs an event loop is asked to end: signals, or the end of its parent."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable

from connectors.kafka.stopping import hear_again
from connectors.lifeline import watch_parent


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Call ``stop`` on SIGINT and SIGTERM, on the running event loop."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    hear_again()


def stop_with_parent(stop: Callable[[], None]) -> None:
    """Call ``stop`` on the running event loop when standard input reaches its end."""
    loop = asyncio.get_running_loop()
    watch_parent(lambda: call_in(loop, stop))


def call_in(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    """Call ``function`` on ``loop`` from any thread; nothing happens when the loop is over."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)
