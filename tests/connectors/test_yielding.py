"""A process that yields: its niceness, and where there are autogroups its session's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from connectors.yielding import NICENESS

PROGRAM = """
import os
from pathlib import Path
from connectors.yielding import yield_to_others

before = os.nice(0)
yield_to_others()
group = Path("/proc/self/autogroup")
told = group.read_text() if group.exists() else ""
print(os.nice(0) - before, told.split()[-1] if told else "none")
"""


@pytest.mark.parametrize("alone", [True, False])
def test_niceness_of_the_process_and_of_a_session_of_its_own(alone: bool) -> None:
    done = subprocess.run(
        (sys.executable, "-c", PROGRAM), check=True, capture_output=True, text=True, start_new_session=alone
    )
    process, session = done.stdout.split()
    assert int(process) == NICENESS
    if session != "none":  # a process outside all autogroups has an empty file
        assert (int(session) == NICENESS) is alone
