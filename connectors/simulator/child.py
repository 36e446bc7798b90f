"""The simulated exchange as a child process, for programs that need one and were given none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from connectors.clock import ScaledClock
from connectors.simulator.addresses import Urls
from models.failures import Failure

START_S: Final = 60.0  # a start takes a second or three, on a machine that is full many times that
AGAIN_S: Final = 0.1  # real seconds until the exchange's clock is asked for again when its answer has ended
SILENCE_S: Final = 5.0  # an exchange says its time each second
_PATIENCE_S: Final = 30.0  # for its first word: it yields to all others, and where they are many it is late


def read_urls(path: Path) -> Urls:
    """The addresses in a file that ``profit simulate --port-file`` wrote. Raises Failure."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Urls)
    except (OSError, msgspec.MsgspecError) as cause:
        raise Failure(
            f"{path} does not name an exchange's addresses: {cause}.",
            "Give the file that `profit simulate --port-file FILE` writes.",
        ) from None


def read_clock(urls: Urls) -> ScaledClock:
    """The simulated exchange's clock. Raises Failure when it does not answer."""
    try:
        return _clock_of(httpx.get(urls.clock, timeout=_PATIENCE_S).raise_for_status().json())
    except (httpx.HTTPError, ValueError, KeyError) as cause:
        raise Failure(
            f"the simulated exchange does not tell its time at {urls.clock}: {cause}.",
            "Start it with `profit simulate` and give the file it writes.",
        ) from None


def _clock_of(first: dict[str, Any]) -> ScaledClock:
    """What the exchange tells of its clock. Raises KeyError and ValueError."""
    return ScaledClock(int(first["epoch_ns"]), int(first["sim_epoch_ns"]), float(first["speed"]))


async def follow_clock(clock: ScaledClock, urls: Urls) -> None:
    """Keep ``clock`` on the simulated exchange's, whose time slips when its machine is too slow. Ends by cancellation;
    while the exchange does not answer, the clock runs on.

    A slip is followed: what is received meanwhile gets the last time again, until the exchange has caught up. Another
    exchange at the same address may begin at any time. Where that is ahead, the clock follows; where it is behind, the
    clock runs on from where it is, for receipts stand in the order of time: all that exchange says is old then, and is
    called so."""
    born, ahead_ns = None, 0
    async with httpx.AsyncClient(timeout=SILENCE_S) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                async with client.stream("GET", f"{urls.clock}/lines") as answer:
                    async for line in answer.raise_for_status().aiter_lines():
                        first = json.loads(line)
                        theirs = _clock_of(first)
                        if born is not None and born != first["born_ns"]:
                            ahead_ns = max(0, clock.now_ns() - theirs.now_ns())
                        born = first["born_ns"]
                        clock.rebase(theirs.epoch_ns, theirs.sim_epoch_ns + ahead_ns, theirs.speed)
            await asyncio.sleep(AGAIN_S)


@contextlib.contextmanager
def child_exchange(arguments: list[str]) -> Iterator[Urls]:
    """Run ``profit simulate`` with ``arguments`` as long as the context lasts. Raises Failure when it does not start.

    It holds the read end of a pipe of ours and ends when that closes, however this process ends."""
    with tempfile.TemporaryDirectory(prefix="profit-") as folder:
        path = Path(folder) / "exchange.json"
        command = [sys.executable, "-m", "api.cli.main", "simulate", "--port-file", str(path), "--lifeline"]
        process = subprocess.Popen([*command, *arguments], stdin=subprocess.PIPE, start_new_session=True)
        try:
            deadline = time.monotonic() + START_S
            while not path.exists():
                if process.poll() is not None:
                    raise Failure(
                        f"the simulated exchange did not start: it ended with code {process.returncode}.",
                        "Its own message stands above; or start it yourself with `profit simulate`.",
                    )
                if time.monotonic() > deadline:
                    raise Failure(
                        f"the simulated exchange said nothing for {START_S:g} s after its start.",
                        "See what keeps this machine busy; or start it yourself with `profit simulate`.",
                    )
                time.sleep(0.02)
            yield read_urls(path)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(2.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
