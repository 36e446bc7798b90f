"""The kinds of recordings, and the one way to import any of them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from connectors.archive.layout import high_water_marks
from connectors.archive.writer import ArchiveWriter
from connectors.imports import btc15m_1s, btc15m_quotes, chainlink_day, hourly_minute, l2_snapshots, polymarket_ws
from connectors.imports.assembly import Assembler
from connectors.imports.frames import Frame
from connectors.imports.options import Options
from connectors.imports.reading import files_of
from connectors.imports.summary import ImportFailure, Summary

KINDS: Final[dict[str, Callable[[Sequence[Path], Options, Summary], Iterator[Frame]]]] = {
    "polymarket-ws": polymarket_ws.frames,
    "hourly-minute": hourly_minute.frames,
    "btc15m-quotes": btc15m_quotes.frames,
    "btc15m-1s": btc15m_1s.frames,
    "l2-snapshots": l2_snapshots.frames,
    "chainlink-day": chainlink_day.frames,
}
_SUFFIXES: Final = (".jsonl.gz", ".jsonl", ".csv.gz", ".csv", ".parquet")


def import_recording(
    kind: str,
    paths: Sequence[Path],
    archive: Path,
    options: Options | None = None,
    progress: Callable[[Summary], None] = lambda _: None,
) -> Summary:
    """Make the archive ``archive`` out of recordings; it appears whole or not at all.

    ``progress`` is called now and then with the counts so far. Raises ImportFailure for an unknown kind, for files
    that are not of it, for an archive that holds something, and when not one row could be used."""
    if kind not in KINDS:
        raise ImportFailure(f"{kind!r} is no kind of recording.", f"Choose one of {', '.join(KINDS)}.")
    if archive.exists() and (not archive.is_dir() or any(archive.iterdir())):
        held = "holds an archive" if high_water_marks(archive) else "is not empty"
        raise ImportFailure(f"{archive} {held} already.", "Choose another folder, or remove it first.")
    options = options or Options()
    summary = Summary(kind)
    summary.run = run_name(kind, paths, options)
    making = archive.with_name(f".{archive.name}.importing")
    shutil.rmtree(making, ignore_errors=True)
    try:
        with ArchiveWriter(making) as writer:
            frames = _watched(KINDS[kind](paths, options, summary), summary, progress)
            Assembler(writer, summary.run, f"import:{kind}", summary).run(frames)
        progress(summary)
        if not summary.frames:
            reasons = ", ".join(f"{reason} {count}" for reason, count in summary.rejected.items()) or "no rows"
            raise ImportFailure(f"not one of {summary.rows} rows could be used: {reasons}.", "Check kind and files.")
        if archive.exists():
            archive.rmdir()
        making.rename(archive)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return summary


def _watched(
    frames: Iterator[Frame], summary: Summary, progress: Callable[[Summary], None], every: int = 2_000
) -> Iterator[Frame]:
    for count, frame in enumerate(frames):
        if count % every == 0:
            progress(summary)
        yield frame


def run_name(kind: str, paths: Sequence[Path], options: Options) -> str:
    """The recorder run's name: the same for the same content and options, whatever the files' places."""
    digests: list[str] = []
    for path in files_of(paths, _SUFFIXES):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    text = " ".join([kind, *sorted(digests), repr(options)])
    return f"import-{kind}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
