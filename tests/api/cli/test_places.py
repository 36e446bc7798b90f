"""Every verb on places that it cannot use: a file, nothing, a read-only folder, a full disk, a damaged archive.

It says in one line what is wrong and in one what to do, and leaves nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from connectors.archive.reader import ArchiveReader
from connectors.audit.build import build_from_archive
from connectors.simulator.exchange import ExchangeParameters
from models.topics import FEED_COINBASE
from tests.commands import assert_explained, profit
from tests.conftest import ROOT
from tests.once import once
from tests.recordings import simulate

WRITING = ["up --duration 1 --run a", "replay recording --run a", "record --feeds sim --duration 1"]
READING = ["sql SHOW", "report", "why d1"]
ON_ARCHIVES = [
    "up --duration 1 --feeds {}",
    "play {} --kafka 127.0.0.1:9",
    "replay {} --run a",
    "replay {} --verify",
    "report {}",
    "report --quality {}",
    "report --fair-value {}",
]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute of the simulated exchange."""
    given = ExchangeParameters(frames_per_s=10.0)
    return once(tmp_path_factory, "half-a-minute", lambda folder: simulate(folder / "archive", 30, given)) / "archive"


@pytest.fixture
def recording(small: Path, tmp_path: Path) -> Path:
    shutil.copytree(small, tmp_path / "recording")
    return tmp_path / "recording"


@pytest.mark.takes(15)
def test_a_file_where_the_data_folder_should_be(tmp_path: Path, recording: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/below"):
        for verb in WRITING:
            assert_explained(profit(tmp_path, *verb.split(), PROFIT_DATA_DIR=place), "file", "not a folder")
    for verb in READING:
        assert_explained(profit(tmp_path, *verb.split(), PROFIT_DATA_DIR="file"), "is a file")
        assert_explained(profit(tmp_path, *verb.split(), PROFIT_DATA_DIR="nowhere"), "holds no run", "profit up")
    assert (tmp_path / "file").read_bytes() == b""
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.takes(15)
@pytest.mark.parametrize("kind", ["nothing", "empty", "file", "data", "topics without records"])
def test_what_is_no_archive_starts_nothing(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("a, b")
    elif kind != "nothing":
        place.mkdir()
    if kind == "data":
        (place / "runs").mkdir()
    elif kind == "topics without records":
        (place / "topic=feed.coinbase" / "hour=2026-01-01T00").mkdir(parents=True)
    for verb in ON_ARCHIVES:
        done = profit(tmp_path, *verb.format("place").split())
        assert_explained(done, "place")
    assert not (tmp_path / "data").exists()


def test_an_archive_without_feeds_is_not_played(tmp_path: Path, small: Path) -> None:
    shutil.copytree(small / "topic=feed.clock", tmp_path / "place" / "topic=journal")
    assert_explained(profit(tmp_path, "up", "--feeds", "place", "--duration", "1"), "no feed records")
    assert not (tmp_path / "data").exists()


@pytest.mark.takes(15)
def test_a_damaged_archive_is_named_by_its_file(tmp_path: Path, recording: Path) -> None:
    piece = next((recording / f"topic={FEED_COINBASE}").glob("*/*.parquet"))
    piece.write_bytes(piece.read_bytes()[:5_000])
    for verb in ON_ARCHIVES:
        if not verb.startswith(("play", "report {}")):  # needs a broker; needs a run
            assert_explained(profit(tmp_path, *verb.format("recording").split()), piece.name, "damaged")


# --- file systems of their own ------------------------------------------------------------------------------------


def mounted(folder: Path, options: str, after: str, *words: str) -> subprocess.CompletedProcess[str]:
    """``profit`` in a mount namespace in which ``place`` is a file system of its own and the data folder."""
    (folder / "place").mkdir(exist_ok=True)
    script = f'mount -t tmpfs -o {options} none place && {after} && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]
    given = {"PYTHONPATH": str(ROOT), "PROFIT_DATA_DIR": "place", "PROFIT_API_PORT": "0", "PATH": "/usr/bin:/bin:/sbin"}
    return subprocess.run(
        [*command, sys.executable, "-m", "api.cli.main", *words],
        cwd=folder,
        env=given,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def _namespaces() -> None:
    try:
        mount = "mount -t tmpfs none /mnt"
        command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs user namespaces: file systems cannot be mounted here")


READ_ONLY = "mount -o remount,ro place"
FULL = "{ dd if=/dev/zero of=place/fill bs=4096 2>/dev/null; true; }"


@pytest.mark.takes(10)
@pytest.mark.usefixtures("_namespaces")
@pytest.mark.parametrize("verb", WRITING, ids=[each.split()[0] for each in WRITING])
def test_a_read_only_folder_and_a_full_disk_are_refused_at_once(tmp_path: Path, recording: Path, verb: str) -> None:
    assert_explained(mounted(tmp_path, "size=1m", READ_ONLY, *verb.split()), "place", "Read-only file system")
    assert_explained(mounted(tmp_path, "size=1m", FULL, *verb.split()), "place", "No space left")


@pytest.mark.takes(20)
@pytest.mark.usefixtures("_namespaces")
def test_a_disk_that_fills_up_during_a_replay_is_the_cause_that_is_reported(tmp_path: Path, recording: Path) -> None:
    done = mounted(tmp_path, "size=600k", "true", "replay", "recording", "--run", "a")
    assert_explained(done, "place/runs/a", "No space left", "Give the same command again")
    assert "signal" not in done.stderr and "SIG" not in done.stderr


@pytest.mark.takes(10)
@pytest.mark.usefixtures("_namespaces")
@pytest.mark.parametrize("size", ["40k", "300k"])
def test_a_disk_that_fills_up_during_an_import_is_reported(tmp_path: Path, size: str) -> None:
    rows = "".join(f"{1_767_939_300 + n // 40}.{n:06d},0.4{n % 7},0.5,9{n}\n" for n in range(20_000))
    (tmp_path / "a.csv").write_text("t,b,a,s\n" + rows)
    market = 'market = { asset = { value = "BTC" }, horizon = { value = "15m" } }\nspot.price = "s"'
    (tmp_path / "m.toml").write_text(f'time = "t"\nup = {{ bid = "b", ask = "a" }}\n{market}')
    words = ["import", "table", "a.csv", "--map", "m.toml", "--archive", "place/a"]
    done = mounted(tmp_path, f"size={size}", "true", *words)
    assert_explained(done, "place/", "No space left", "Choose another folder")


@pytest.mark.takes(10)
@pytest.mark.usefixtures("_namespaces")
def test_a_read_only_run_can_be_asked(tmp_path: Path, small: Path) -> None:
    """A recording on a read-only disk answers; only what would have to be made there is refused."""
    run = tmp_path / "kept" / "runs" / "one"
    shutil.copytree(small, run / "archive")
    bind = f"mkdir place/runs && cp -r {run.parent}/one place/runs && {READ_ONLY}"
    assert mounted(tmp_path, "size=9m", bind, "report", "one").returncode == 0
    assert_explained(mounted(tmp_path, "size=9m", bind, "sql", "SHOW TABLES"), "Read-only file system")
    build_from_archive(run / "archive", run / "audit.duckdb")
    done = mounted(tmp_path, "size=99m", bind, "sql", "SHOW TABLES")
    assert done.returncode == 0, done.stderr
    assert "v_fills" in done.stdout


def test_the_recording_is_whole(small: Path) -> None:
    assert ArchiveReader(small).verify() == []
