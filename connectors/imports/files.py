"""Finding a recording's files, and opening them whatever they are packed with."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, cast
from urllib.parse import unquote

import zstandard

from connectors.imports.summary import ImportFailure

CSV: Final = (".csv", ".tsv", ".txt")
LINES: Final = (".jsonl", ".ndjson", ".json")
PARQUET: Final = (".parquet", ".pq")
PACKED: Final = (".gz", ".zst", ".bz2", ".xz")
#: What is raised by a packed file whose end is missing or wrong.
DAMAGE: Final = (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zstandard.ZstdError)
_PARTITION = re.compile(r"([A-Za-z_]\w*)=([^/]+)")


class Found(NamedTuple):
    """A file, how to name it to people, and the columns its folders name (``asset=BTC/``), as text."""

    path: Path
    label: str
    partitions: tuple[tuple[str, str], ...] = ()


def find(paths: Sequence[Path], suffixes: Iterable[str]) -> list[Found]:
    """The files named, and those below the folders named with one of ``suffixes``, packed or not, in any case; by name.

    Hidden files and folders are passed over, and ``._a.csv`` beside others also where it is named. Raises ImportFailure
    for a path that is not there and for a folder without such a file."""
    wanted = tuple(suffixes)
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if _counts(file, path, wanted)]
            if not inside:
                raise ImportFailure(f"{path}: no {' or '.join(wanted)} file in it.", "Name a folder that has some.")
            found.update(inside)
        elif not path.is_file():
            raise ImportFailure(f"{path}: no such file or folder.", "Name the recording's files or their folder.")
        elif not path.name.startswith("._") or len(paths) == 1:
            found.add(path)
    often = Counter(path.name for path in found)
    return [
        Found(path, path.name if often[path.name] == 1 else str(path), _partitions(path.parent))
        for path in sorted(found, key=lambda path: (path.name, str(path)))
    ]


def files_of(paths: Sequence[Path], suffixes: Iterable[str]) -> list[Path]:
    """The paths of ``find``."""
    return [each.path for each in find(paths, suffixes)]


def _counts(file: Path, below: Path, suffixes: tuple[str, ...]) -> bool:
    parts = file.relative_to(below).parts
    hidden = any(part.startswith((".", "__MACOSX", "topic=")) for part in parts)  # the last: an archive of ours
    return not hidden and suffix_of(file.name) in suffixes and file.is_file()


def _partitions(folder: Path) -> tuple[tuple[str, str], ...]:
    matches = (_PARTITION.fullmatch(part) for part in folder.parts)
    return tuple((match[1], unquote(match[2])) for match in matches if match)


def suffix_of(name: str) -> str:
    """The suffix that tells the format, in lower case, without that of the packing."""
    return Path(_unpacked(name)).suffix.lower()


def stem_of(name: str) -> str:
    """The name without suffixes of packing and format."""
    bare = _unpacked(name)
    known = (*CSV, *LINES, *PARQUET)
    return bare[: -len(Path(bare).suffix)] if Path(bare).suffix.lower() in known else bare


def _unpacked(name: str) -> str:
    return name[: -len(Path(name).suffix)] if Path(name).suffix.lower() in PACKED else name


def open_unpacked(raw: BinaryIO) -> BinaryIO:
    """The content of an open file, unpacked as its first bytes say: gzip, zstd, bzip2, xz, or none."""
    head = raw.read(6)
    raw.seek(0)
    if head.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return cast(BinaryIO, io.BufferedReader(_Zstandard(raw), 1 << 16))
    if head.startswith(b"BZh"):
        return cast(BinaryIO, bz2.BZ2File(raw))
    if head.startswith(b"\xfd7zXZ\x00"):
        return cast(BinaryIO, lzma.LZMAFile(raw))
    return raw


class _Zstandard(io.RawIOBase):
    """Unpacks zstd frames, one after the other. Raises EOFError where the last one is cut off: the library's own reader
    ends there without a word."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__()
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._is_whole = True  # at the end of a frame
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            self._packed = self._packed or self._raw.read(1 << 16)
            if not self._packed:
                if not self._is_whole:
                    raise EOFError("the packed file is cut off")
                return 0
            if self._frame.eof:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(self._frame.decompress(self._packed))
            self._is_whole = self._frame.eof
            self._packed = self._frame.unused_data if self._is_whole else b""
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count


def content(path: Path, most: int = 1 << 16) -> bytes:
    """The first bytes of a file, unpacked; what can be had of a damaged one. Raises OSError."""
    found = b""
    with path.open("rb") as raw:
        stream = open_unpacked(raw)
        try:
            while len(found) < most and (more := stream.read(min(1_024, most - len(found)))):
                found += more
        except DAMAGE:
            pass
    return found


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A file that can be read from anywhere: itself, or where it is packed a passing one with its content.

    Raises OSError and what ``DAMAGE`` lists."""
    with path.open("rb") as raw:
        stream = open_unpacked(raw)
        if stream is raw:
            yield path
            return
        with tempfile.NamedTemporaryFile() as plain:
            shutil.copyfileobj(stream, plain, 1 << 20)
            plain.flush()
            yield Path(plain.name)
