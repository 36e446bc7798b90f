"""What threads freed goes back to the operating system, and the collector leaves alone what stays."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from api.cli import main as command
from connectors.heap import YOUNG, bound_heap

pytestmark = pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="bounds of glibc")

#: Each thread in turn fills its arena and frees nearly all: what is left pins the pages in between.
PROGRAM = """
import sys, threading, time
from pathlib import Path
from connectors.heap import bound_heap

def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) / 256

if sys.argv[1] == "bounded":
    assert bound_heap(0.05)
kept, waiting = [], threading.Event()

def fill():
    blocks = [bytes(20_000) for _ in range(1_000)]
    kept.append(blocks[::200])

before = resident_mib()
threads = [threading.Thread(target=lambda: (fill(), waiting.wait())) for _ in range(6)]
for number, thread in enumerate(threads, start=1):
    thread.start()
    while len(kept) < number:
        time.sleep(0.001)
deadline = time.monotonic() + (20 if sys.argv[1] == "bounded" else 0.5)
while resident_mib() - before > 20 and time.monotonic() < deadline:
    time.sleep(0.01)
print(resident_mib() - before)
waiting.set()
"""


COLLECTOR = """
import gc, time
from connectors.heap import bound_heap

bound_heap(0.05)
kept = [{"of": "the start"} for _ in range(1_000)]
deadline = time.monotonic() + 60
while not gc.get_freeze_count() and time.monotonic() < deadline:
    time.sleep(0.01)
later = {}
later["itself"] = later
found = {id(each) for each in gc.get_objects()}
print(gc.get_threshold()[0], id(kept[0]) in found, id(later) in found)
"""


def _left(how: str) -> float:
    """MiB of about 114 that are still resident."""
    done = subprocess.run((sys.executable, "-c", PROGRAM, how), check=True, capture_output=True, text=True)
    return float(done.stdout)


def test_freed_memory_of_threads_is_given_back() -> None:
    assert _left("bounded") <= 20 < _left("as it comes")


def test_the_collector_comes_less_often_and_leaves_what_is_of_the_start_alone() -> None:
    done = subprocess.run((sys.executable, "-c", COLLECTOR), check=True, capture_output=True, text=True)
    assert done.stdout.split() == [str(YOUNG), "False", "True"]


@pytest.mark.parametrize(("verb", "bounded"), [("flow", True), ("record", True), ("sql", False)])
def test_the_processes_of_a_run_are_bounded(monkeypatch: pytest.MonkeyPatch, verb: str, bounded: bool) -> None:
    called: list[str] = []
    monkeypatch.setattr(command, "bound_heap", lambda: called.append(verb))
    monkeypatch.setattr(command, "_register", lambda wanted: None)
    monkeypatch.setattr(command, "app", _App())
    monkeypatch.setattr("os._exit", _exit)
    monkeypatch.setattr(sys, "argv", ["profit", verb])
    with pytest.raises(SystemExit):
        command.main()
    assert bool(called) is bounded


def _exit(code: int) -> None:
    raise SystemExit(code)


class _App:
    """Stands for the commands."""

    def callback(self, **_: object) -> object:
        return lambda made: made

    def __call__(self) -> None:
        return


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr("gc.set_threshold", lambda *thresholds: None)  # that of these tests stays
    assert not bound_heap()
