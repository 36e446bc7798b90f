"""What the operating system, Parquet or DuckDB refused, as a Failure: one line of cause, one of cure.

A module that knows better which file it was says so itself; this is for everything else, at the edges of a process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from pathlib import Path
from typing import Final

from models.failures import Failure

_ANOTHER: Final = "or choose another folder: PROFIT_DATA_DIR=…"
_CURES: Final = {
    errno.ENOSPC: f"Free some room there, {_ANOTHER}",
    errno.EDQUOT: f"Free some of your quota there, {_ANOTHER}",
    errno.EFBIG: f"Raise the limit of a file's size (ulimit -f), {_ANOTHER}",
    errno.EROFS: f"Make it writable, {_ANOTHER}",
    errno.EACCES: f"Grant the right to it (chmod, chown), {_ANOTHER}",
    errno.EPERM: f"Grant the right to it (chmod, chown), {_ANOTHER}",
    errno.ENOTDIR: "Name a folder where a folder is needed: a file stands in its way.",
    errno.EEXIST: "Name a folder where a folder is needed: a file stands in its way.",
    errno.EISDIR: "Name a file: this is a folder.",
    errno.ENOENT: "Check the path: it does not exist, or was removed meanwhile.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ELOOP: "Check the path: its links lead in a circle.",
    errno.EMFILE: "Raise the limit of open files: ulimit -n 4096.",
    errno.ENFILE: "Close other programs: the system has no file left to open.",
    errno.EIO: "Check the disk: it did not do what it was asked to.",
    errno.EADDRINUSE: "End the program that uses the port, or choose another port.",
    errno.EADDRNOTAVAIL: "Choose an address of this machine, such as 127.0.0.1.",
    errno.ECONNREFUSED: "Start what should answer there, or correct the address.",
}
_OS_ERROR: Final = re.compile(r"\(os error (\d+)\)")
#: What a library writes about the operating system's refusal when it gives no number.
_WORDS: Final = {os.strerror(number).lower(): number for number in (*_CURES,) if number != errno.EEXIST}
_PATH: Final = re.compile(r'"(/[^"]+)"')


def explained(error: BaseException) -> Failure | None:
    """The failure behind ``error``, or behind what it came from; None for one that nobody foresaw."""
    for each in _chain(error):
        if isinstance(each, Failure):
            return each
        found = _of_os(each) if isinstance(each, OSError) else _of_library(each)
        if found is not None:
            return found
    return None


def unforeseen(error: BaseException) -> Failure:
    """The failure to show for an error that ``explained`` does not know: no traceback, and how to get one."""
    said = " ".join(str(error).split())
    return Failure(
        f"this should not happen: {type(error).__name__}: {said}"[:600],
        "Please report it, with what PROFIT_TEST_TRACEBACK=1 and the same command show.",
    )


def can_write(folder: Path) -> Failure | None:
    """None when ``folder`` takes a file of 256 KiB right now, else why not."""
    probe = folder / ".probe"
    try:
        with probe.open("wb") as file:
            file.write(bytes(256 * 1024))
            file.flush()
            os.fsync(file.fileno())
    except OSError as cause:
        if cause.filename is None:
            cause.filename = str(probe.parent)
        return _of_os(cause)
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return None


def require_writable(folder: Path) -> None:
    """Raises Failure when ``folder``, or where it would be made, takes no file right now. Nothing is left behind."""
    present = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not present.is_dir():
        raise Failure(f"{folder}: {present} is a file, not a folder.", _CURES[errno.ENOTDIR])
    refused = can_write(present)
    if refused is not None:
        raise refused


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what it came from; of a group its members."""
    found: list[BaseException] = []
    todo = [error]
    while todo:
        each = todo.pop(0)
        if any(each is other for other in found):
            continue
        found.append(each)
        if isinstance(each, BaseExceptionGroup):
            todo.extend(each.exceptions)
        todo.extend(other for other in (each.__cause__, each.__context__) if other is not None)
    return found


def _of_os(error: OSError) -> Failure:
    names = [str(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)]
    place = f"{names[0]}: " if names else ""
    if error.errno is None:
        return Failure(f"{place}{error}", "Check the path and the disk behind it.")
    said = os.strerror(error.errno)
    if error.errno == errno.EEXIST and names and Path(names[0]).is_file():
        said = "it is a file, not a folder"
    return Failure(f"{place}{said}.", _CURES.get(error.errno, "Check the path and the disk behind it."))


def _of_library(error: BaseException) -> Failure | None:
    library = type(error).__module__.partition(".")[0]
    said = " ".join(str(error).split())
    if library in ("duckdb", "_duckdb", "polars"):
        number = _number_in(said)
        if number is not None:
            place = _PATH.search(said)
            return Failure(f"{place[1] + ': ' if place else ''}{os.strerror(number)}.", _CURES[number])
        name = "DuckDB" if "duckdb" in library else "a Parquet file"
        return Failure(f"{name} cannot be read: {said}"[:400], "The file is damaged: restore it from a copy.")
    if library in ("pydantic_core", "msgspec") or isinstance(error, UnicodeDecodeError):
        return Failure(
            f"a file or record is not as its contract says: {said}"[:400],
            "It is damaged, or of another version: make it again, or restore it from a copy.",
        )
    if isinstance(error, ModuleNotFoundError):
        return Failure(f"the package {error.name} is not installed.", "Install what is locked: make setup.")
    if isinstance(error, MemoryError):
        return Failure("there is not enough memory.", "Close other programs, or give a smaller --batch-size.")
    return None


def _number_in(said: str) -> int | None:
    stated = _OS_ERROR.search(said)
    if stated is not None and int(stated[1]) in _CURES:
        return int(stated[1])
    return next((number for words, number in _WORDS.items() if words in said.lower()), None)
