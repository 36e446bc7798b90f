"""The counts of frames sent outlive their process, to the last one."""

from __future__ import annotations

import mmap
import signal
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from threading import Thread

import pytest

from connectors.simulator.faults.truth import Session
from connectors.simulator.tally import ExchangeTally, read_tally
from models.failures import Failure
from tests.conftest import ROOT

ENDLESS = """
import sys
from pathlib import Path
from connectors.simulator.faults.truth import Session
from connectors.simulator.tally import ExchangeTally
tally, session = ExchangeTally(Path(sys.argv[1]), "endless"), Session("coinbase-0", "coinbase", 0)
out, number = sys.stdout.buffer, 0
while True:
    number += 1
    tally.count(session, b"frame")
    out.write(b"%d\\n" % number)
    out.flush()
"""


def test_sessions_are_counted_apart_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "truth"
    one, two = Session("coinbase-0", "coinbase", 0), Session("polymarket-0", "polymarket", 0)
    tally = ExchangeTally(path, "first")
    for session, frame in ((one, b"first"), (two, b"[]"), (one, b"other")):
        tally.count(session, frame)
    tally.close()
    again = ExchangeTally(path, "second")
    again.count(one, b"[]")
    again.count(one, b"[1]")
    found = read_tally(path)
    again.close()
    assert [(each.exchange, each.venue, each.session, each.frames) for each in found] == [
        ("first", "coinbase", "coinbase-0", 2),
        ("first", "polymarket", "polymarket-0", 1),
        ("second", "coinbase", "coinbase-0", 2),
    ]
    assert [each.first for each in found] == [zlib.crc32(b"first"), 0, zlib.crc32(b"[1]")]


def test_more_sessions_than_there_was_room_for(tmp_path: Path) -> None:
    tally = ExchangeTally(tmp_path / "truth", "one")
    for number in range(1500):
        for _ in range(number % 3 + 1):
            tally.count(Session(f"coinbase-{number}", "coinbase", 0), b"%d" % number)
    assert [each.frames for each in read_tally(tmp_path / "truth")] == [number % 3 + 1 for number in range(1500)]
    tally.close()


def test_a_process_that_is_killed_leaves_its_count(tmp_path: Path) -> None:
    """What it handed on after counting is at most one less than it counted."""
    path = tmp_path / "truth"
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    last = b"0"
    while int(last) < 1000:
        last = process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    whole, _, _ = (last + process.stdout.read()).rpartition(b"\n")  # it may have been killed within a line
    handed_on = int(whole.splitlines()[-1])
    process.wait()
    process.stdout.close()
    (found,) = read_tally(path)
    assert 0 <= found.frames - handed_on <= 1


def test_a_count_read_at_any_moment_is_whole(tmp_path: Path) -> None:
    """A count that is written in two steps is found at zero in some of a hundred readings."""
    path = tmp_path / "truth"
    counts = [0]
    with subprocess.Popen([sys.executable, "-c", ENDLESS, str(path)], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        drain = Thread(target=process.stdout.read)
        drain.start()
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as shared,
            memoryview(shared).cast("Q") as words,
        ):
            while counts == sorted(counts) and counts[-1] < 20_000 and process.poll() is None:
                counts = [counts[-1], *(words[0] for _ in range(10_000))]
        process.kill()
        drain.join()
    assert counts == sorted(counts)
    assert counts[-1] >= 20_000


def test_a_session_whose_first_frame_was_never_counted_is_no_session(tmp_path: Path) -> None:
    path = tmp_path / "truth"
    counted, broken_off = (7, 1, b"one coinbase coinbase-0"), (0, 0, b"one coinb")
    path.write_bytes(struct.pack("@QQ48s", *counted) + struct.pack("@QQ48s", *broken_off))
    assert [each.frames for each in read_tally(path)] == [7]
    tally = ExchangeTally(path, "two")
    tally.count(Session("coinbase-0", "coinbase", 0), b"frame")
    tally.close()
    assert [(each.exchange, each.frames) for each in read_tally(path)] == [("one", 7), ("two", 1)]


def test_what_is_no_such_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        read_tally(tmp_path / "absent")
    (tmp_path / "other").write_bytes(b"x" * 640)
    with pytest.raises(Failure, match="no truth file"):
        read_tally(tmp_path / "other")
    with pytest.raises(Failure, match="cannot be written"):
        ExchangeTally(tmp_path / "absent" / "truth", "one")
