"""`profit simulate --to`: whole archives, the same bytes for the same seed, and plain words for what cannot be."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

from connectors.archive.reader import ArchiveReader
from models.topics import FEEDS
from tests.commands import assert_explained, profit
from tests.conftest import ROOT

QUICK = ("--hours", "0.02", "--set", "simulator.frames_per_s=2", "--set", "feeds.horizons=5m")


def values(archive: Path) -> dict[str, list[bytes]]:
    reader = ArchiveReader(archive)
    return {topic: [record.value + record.envelope for record in reader.read(topic)] for topic in FEEDS}


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        done = profit(tmp_path, "simulate", "--to", name, "--seed", seed, *QUICK)
        assert done.returncode == 0, done.stderr
        assert "feed.polymarket" in done.stdout
    a, b, c = (values(tmp_path / name) for name in "abc")
    assert a == b != c and all(len(a[topic]) > 2 for topic in FEEDS)
    assert_explained(profit(tmp_path, "simulate", "--to", "a", *QUICK), "a exists and is not empty")
    assert values(tmp_path / "a") == a


def test_wrong_options_are_explained(tmp_path: Path) -> None:
    assert_explained(profit(tmp_path, "simulate", "--to", "a"), "--to and --hours go together")
    wrong = profit(tmp_path, "simulate", "--to", "a", "--hours", "1", "--set", "simulator.lag=1")
    assert_explained(wrong, "Did you mean simulator.lag_s?")
    assert_explained(profit(tmp_path, "simulate", "--to", "a", "--hours", "1", "--speed", "2"), "--speed is for")
    assert_explained(
        profit(tmp_path, "simulate", "--lag", "-1"), "--lag -1.0: it should be greater than or equal to 0."
    )
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_one_leaves_nothing_and_a_killed_one_can_be_made_again(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "api.cli.main", "simulate", "--to", str(tmp_path / "a"), "--hours", "5000"]
    for number, left in ((signal.SIGINT, []), (signal.SIGKILL, [".a.making"])):
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not (tmp_path / ".a.making").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.5)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert ("profit: ended; nothing was left behind" in said) == (number == signal.SIGINT), said
        assert [each.name for each in tmp_path.iterdir()] == left
    assert profit(tmp_path, "simulate", "--to", "a", *QUICK).returncode == 0
    assert [each.name for each in tmp_path.iterdir()] == ["a"]
