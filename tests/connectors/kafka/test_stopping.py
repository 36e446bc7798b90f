"""The end may be asked for at any moment, by a signal in the middle of waiting for it as well."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading

from connectors.kafka.stopping import Stop
from tests.conftest import ROOT

#: Each time one signal comes, a little later than the last time, while the main thread waits, asks and waits anew.
INTERRUPTED = """
    import signal
    from connectors.kafka.stopping import Stop, on_signals
    for number in range(1000):
        stop = Stop()
        on_signals(stop)
        signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGTERM))
        signal.setitimer(signal.ITIMER_REAL, 0.00002 + number % 500 * 0.0000005)
        while not stop.wait(0.00001):
            pass
        stop.request()
        assert stop.wait() and stop.requested
    print("ended")
"""


def test_a_signal_may_interrupt_the_wait_for_it() -> None:
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(INTERRUPTED)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert run.stdout == "ended\n", run.stderr


def test_everyone_who_waits_is_woken() -> None:
    stop = Stop()
    reported: list[bool] = []
    waiting = [threading.Thread(target=lambda: reported.append(stop.wait(60))) for _ in range(4)]
    for thread in waiting:
        thread.start()
    stop.request()
    stop.request()
    for thread in waiting:
        thread.join(60)
    assert reported == [True] * 4
    assert stop.wait(0) and stop.requested


def test_nobody_asked() -> None:
    stop = Stop()
    assert not stop.wait(0.001)
    assert not stop.requested
