"""The spool on a real full filesystem: whichever write fails, the next works when there is room, and nothing that was
taken is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.recorder.spool import Spool, left_over
from models.message import Message

PAGE = 4096
PAGES = 24

Mount = Callable[..., Path]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts small filesystems in memory; skips where this user may not."""
    mounted: list[Path] = []

    def make(inodes: int = 200) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        options = f"size={PAGES * PAGE},nr_inodes={inodes}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True
        )
        if done.returncode != 0:
            pytest.skip(f"a full filesystem cannot be made here: {done.stderr.strip() or 'mount failed'}")
        mounted.append(place)
        return place

    try:
        yield make
    finally:
        for place in mounted:
            subprocess.run(["umount", "--lazy", str(place)], check=False)


def message(number: int, size: int = 1_500) -> Message:
    return Message("feed.coinbase", "c", b"%d:" % number + b"x" * size, number, envelope=b"1 r %d c 0" % number)


def fill(disk: Path, leave_pages: int) -> Path:
    """A file that takes all pages of ``disk`` but some."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while True:
            try:
                file.write(b"f" * PAGE)
            except OSError:
                break
        os.truncate(filler, max(filler.stat().st_size // PAGE - leave_pages, 0) * PAGE)
    return filler


def numbers(spool: Spool) -> list[int]:
    found = []
    while (each := spool.take()) is not None:
        found.append(each[0].t_ns)
    return found


def try_all(spool: Spool, first: int, count: int) -> list[int]:
    """The records that had room, of ``count``."""
    return [number for number in range(first, first + count) if spool.append(message(number)) is not None]


def what_the_next_run_finds(root: Path) -> list[int]:
    (found,) = left_over(root)
    heir = Spool(root / "next", 10**9, "here")
    heir.adopt(found[0])
    assert found[1] == "here"
    assert heir.cut == 0, "no write left a torn end"
    left = numbers(heir)
    heir.close()
    return left


@pytest.mark.parametrize("pages", range(8))
def test_without_pages_whichever_write_fails(mount: Mount, pages: int) -> None:
    """0: the name of the cluster has no room; then the segment's beginning, then a record, a part of a record."""
    disk = mount()
    filler = fill(disk, pages)
    spool = Spool(disk / "spool" / "run", 10**9, "here", segment_bytes=3 * PAGE)
    stored = try_all(spool, 0, 20)
    assert len(stored) < 20, "the disk is full"
    filler.unlink()
    again = try_all(spool, 100, 5)
    assert again == [100, 101, 102, 103, 104], "there is room again"
    spool.close()
    assert what_the_next_run_finds(disk / "spool") == stored + again


@pytest.mark.parametrize("inodes", range(2, 10))
def test_without_inodes_whichever_file_cannot_be_made(mount: Mount, inodes: int) -> None:
    disk = mount(inodes)
    takers = []
    spool = Spool(disk / "spool" / "run", 10**9, "here", segment_bytes=2_000)
    try:
        takers.append(disk / "taker")
        takers[0].touch()
    except OSError:
        takers.clear()
    stored = try_all(spool, 0, 12)
    assert len(stored) < 12, "no file can be made any more"
    for taker in takers:
        taker.unlink()
    room = what_fits(disk)
    again = try_all(spool, 100, 1)
    assert not room or again == [100], "a file can be made again"
    spool.close()
    if stored + again:
        assert what_the_next_run_finds(disk / "spool") == stored + again


def what_fits(disk: Path) -> bool:
    """Whether the spool's next file, with all that has to be there first, can be made now."""
    free = os.statvfs(disk).f_ffree
    made = sum(path.exists() for path in (disk / "spool", disk / "spool" / "run", disk / "spool" / "run" / "cluster"))
    return free >= 3 - made + 1


@pytest.mark.parametrize("pages", range(6))
def test_full_again_and_again(mount: Mount, pages: int) -> None:
    disk = mount()
    spool = Spool(disk / "spool" / "run", 10**9, "here", segment_bytes=PAGE)
    stored: list[int] = []
    for number in range(4):
        filler = fill(disk, pages)
        stored += try_all(spool, 1_000 * number, 10)
        filler.unlink()
        stored += try_all(spool, 1_000 * number + 500, 1)
    assert numbers(spool) == stored
    spool.close()
