"""A child ends with its parent, in order where it can and by itself where it cannot."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from tests.conftest import ROOT

CHILD = """
    import sys, threading, time
    from connectors import lifeline
    lifeline.ENDING_S = 0.2
    asked = threading.Event()
    lifeline.watch_parent(asked.set)
    print("up", flush=True)
    while not asked.wait(0.05):
        pass
    print("asked", flush=True)
    if sys.argv[1] == "stuck":
        time.sleep(600)
"""


def end_of_child(how: str) -> tuple[int, str, str]:
    command = [sys.executable, "-c", textwrap.dedent(CHILD), how]
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT, text=True)
    try:
        out, err = child.communicate(timeout=60)
    finally:
        child.kill()
    return child.returncode, out, err


def test_a_child_ends_in_order_when_its_parent_is_gone() -> None:
    assert end_of_child("polite") == (0, "up\nasked\n", "")


def test_a_child_that_hangs_then_gives_up_by_itself_and_says_so() -> None:
    code, out, err = end_of_child("stuck")
    assert (code, out) == (1, "up\nasked\n")
    assert "not ended 0.2 s after the parent" in err
