"""Children are started again when they die, ended in order within seconds, and never outlive the supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from api.supervisor.child import Child, ChildSpec
from api.supervisor.supervisor import Supervisor
from tests.conftest import ROOT
from tests.waiting import eventually

#: Ends when told, or with its parent, and writes its name to a file when it does.
#: (A signal handler that sets an Event on which the same thread waits may wait for the Event's own lock for ever.)
POLITE = """
    import signal, sys, time
    from connectors.lifeline import watch_parent
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(1))
    watch_parent(lambda: over.append(1))
    print("up", flush=True)
    while not over:
        time.sleep(0.02)
    with open(sys.argv[2], "a") as out:
        out.write(sys.argv[1] + "\\n")
"""
STUBBORN = """
    import signal, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("up", flush=True)
    time.sleep(600)
"""


#: Has much left to do when it is told to end, and says how it comes on.
SLOW = """
    import signal, sys, time
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(1))
    print("up", flush=True)
    while not over:
        time.sleep(0.02)
    for left in range(30, -1, -1):
        print(f"ending: {left} records to read", flush=True)
        time.sleep(0.1)
    with open(sys.argv[1], "w") as out:
        out.write("all of it")
"""


def polite(name: str, folder: Path, **more: object) -> ChildSpec:
    command = (sys.executable, "-c", textwrap.dedent(POLITE), name, str(folder / "ended"))
    return ChildSpec(name, command, environment={"PYTHONPATH": str(ROOT)}, **more)  # type: ignore[arg-type]


def is_up(folder: Path, name: str, times: int = 1) -> bool:
    log = folder / f"{name}.log"
    return log.is_file() and log.read_text().count("up") >= times


@pytest.fixture
def said() -> list[str]:
    return []


class Running:
    """A supervisor in a thread."""

    def __init__(self, supervisor: Supervisor) -> None:
        self.supervisor = supervisor
        self._stop = threading.Event()
        self._thread = threading.Thread(target=supervisor.run, args=(self._stop.is_set,))
        self._thread.start()

    def stop(self) -> float:
        started = time.monotonic()
        self._stop.set()
        self._thread.join()
        return time.monotonic() - started


@pytest.fixture
def running() -> Iterator[list[Running]]:
    started: list[Running] = []
    yield started
    for each in started:
        each.stop()


def test_a_killed_child_is_started_again_and_that_is_said(
    tmp_path: Path, said: list[str], running: list[Running]
) -> None:
    supervisor = Supervisor([polite("a", tmp_path), polite("b", tmp_path)], tmp_path, said.append)
    running.append(Running(supervisor))
    eventually(lambda: is_up(tmp_path, "a") and is_up(tmp_path, "b"))
    first, other = supervisor.children["a"].pid, supervisor.children["b"].pid
    os.kill(first, signal.SIGKILL)
    eventually(lambda: is_up(tmp_path, "a", 2))
    assert supervisor.children["a"].pid != first
    assert supervisor.children["b"].pid == other
    assert supervisor.restarts() == {"a": 1, "b": 0}
    assert any("a was killed by signal 9" in line for line in said)


def test_children_end_in_the_order_of_their_ranks(tmp_path: Path, said: list[str], running: list[Running]) -> None:
    names = ["recorder", "market", "audit"]
    specs = [polite(name, tmp_path, stop_rank=rank) for rank, name in enumerate(names)]
    running.append(Running(Supervisor(specs[::-1], tmp_path, said.append)))
    eventually(lambda: all(is_up(tmp_path, name) for name in names))
    running[0].stop()
    assert (tmp_path / "ended").read_text().split() == names
    assert said == []


def test_a_child_that_gives_no_sign_of_its_end_is_killed_and_that_is_said(
    tmp_path: Path, said: list[str], running: list[Running]
) -> None:
    spec = ChildSpec("s", (sys.executable, "-c", textwrap.dedent(STUBBORN)), patience_s=0.5)
    supervisor = Supervisor([spec], tmp_path, said.append)
    running.append(Running(supervisor))
    eventually(lambda: is_up(tmp_path, "s"))
    pid = supervisor.children["s"].pid
    running[0].stop()
    assert not psutil.pid_exists(pid)
    assert supervisor.cut == {"s": "up"}
    assert "the last records may be missing: check with --verify" in said[-1]


def test_an_end_waits_for_progress_and_not_for_seconds(
    tmp_path: Path, said: list[str], running: list[Running], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that says how it comes on has all the time that it needs, many times its patience."""
    monkeypatch.setattr("api.supervisor.supervisor.TELL_S", 0.5)
    spec = ChildSpec("slow", (sys.executable, "-c", textwrap.dedent(SLOW), str(tmp_path / "rest")), patience_s=10.0)
    supervisor = Supervisor([spec], tmp_path, said.append)
    running.append(Running(supervisor))
    eventually(lambda: is_up(tmp_path, "slow"))
    running[0].stop()
    assert (tmp_path / "rest").read_text() == "all of it"
    assert supervisor.cut == {}
    assert any("ending: waiting for slow" in line and "records to read" in line for line in said)


def test_asked_twice_everything_is_killed_at_once(tmp_path: Path, said: list[str], running: list[Running]) -> None:
    forced = threading.Event()
    specs = [
        ChildSpec(f"s{n}", (sys.executable, "-c", textwrap.dedent(STUBBORN)), stop_rank=n, patience_s=600.0)
        for n in range(4)
    ]
    supervisor = Supervisor(specs, tmp_path, said.append, forced.is_set)
    running.append(Running(supervisor))
    eventually(lambda: all(is_up(tmp_path, spec.name) for spec in specs))
    pids = [child.pid for child in supervisor.children.values()]
    forced.set()
    running[0].stop()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert sorted(supervisor.cut) == ["s0", "s1", "s2", "s3"]


def test_a_child_waits_for_the_file_it_needs_and_follows_its_maker(
    tmp_path: Path, said: list[str], running: list[Running]
) -> None:
    file = tmp_path / "address"
    specs = [polite("maker", tmp_path, makes=file), polite("user", tmp_path, needs=file, follows="maker")]
    supervisor = Supervisor(specs, tmp_path, said.append)
    running.append(Running(supervisor))
    eventually(lambda: is_up(tmp_path, "maker"))
    assert supervisor.children["user"].state == "waiting"
    file.write_text("here")
    eventually(lambda: is_up(tmp_path, "user"))
    os.kill(supervisor.children["maker"].pid, signal.SIGKILL)
    eventually(lambda: is_up(tmp_path, "maker", 2))
    assert not file.exists()
    assert supervisor.children["user"].pid == 0
    file.write_text("there")
    eventually(lambda: is_up(tmp_path, "user", 2))


def test_a_child_that_is_done_stays_done(tmp_path: Path, said: list[str], running: list[Running]) -> None:
    supervisor = Supervisor([ChildSpec("once", (sys.executable, "-c", "pass"), once=True)], tmp_path, said.append)
    running.append(Running(supervisor))
    eventually(lambda: supervisor.children["once"].state == "done")
    assert supervisor.restarts() == {"once": 0}


def test_restarts_back_off_and_tell_the_last_words(tmp_path: Path, said: list[str]) -> None:
    now = [0.0]
    child = Child(
        ChildSpec("bad", (sys.executable, "-c", "print('no such thing'); raise SystemExit(3)")),
        tmp_path,
        said.append,
        lambda: now[0],
    )
    waits = []
    for _ in range(4):
        before = now[0]
        while not child.pid:
            child.tick()
            now[0] += 0.25
        waits.append(now[0] - before)
        eventually(lambda: child.tick())
    assert waits == sorted(waits)
    assert waits[-1] > 4 * waits[1] - 1
    assert "ended with code 3" in said[0]
    assert "no such thing" in said[0]


def test_the_innermost_error_of_a_traceback_is_reported(tmp_path: Path, said: list[str]) -> None:
    child = Child(ChildSpec("flow", ("true",)), tmp_path, said.append)
    (tmp_path / "flow.log").write_text(
        "Traceback (most recent call last):\n  File x\nKeyError: 'strike'\n\nThe above exception was the cause\n"
        "Traceback\n    cli_main(\nbytewax.errors.BytewaxRuntimeError: error calling `on_batch`\n"
    )
    assert child.last_words() == "KeyError: 'strike'"
    (tmp_path / "flow.log").write_text("profit: no such thing.\n        Do that.\n")
    assert child.last_words() == "profit: no such thing. Do that."


OWNER = """
    import sys
    from pathlib import Path
    from api.supervisor.supervisor import Supervisor
    from tests.api.supervisor.test_supervisor import polite
    folder = Path(sys.argv[1])
    supervisor = Supervisor([polite("a", folder), polite("b", folder)], folder, print)
    said = False
    def each():
        pids = [child.pid for child in supervisor.children.values()]
        if all(pids) and not globals()["said"]:
            globals()["said"] = True
            print(*pids, flush=True)
    supervisor.run(lambda: False, each)
"""


def test_kill_9_of_the_supervisor_leaves_no_child(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert owner.stdout is not None
    with owner:
        pids = [int(word) for word in owner.stdout.readline().split()]
        assert len(pids) == 2
        eventually(lambda: is_up(tmp_path, "a") and is_up(tmp_path, "b"))
        owner.kill()
        owner.wait()
        eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids), what="end of the children")
