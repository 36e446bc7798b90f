"""The one way to import: a recording becomes an archive, or is added to one, whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from connectors.archive.layout import high_water_marks
from connectors.archive.writer import ArchiveWriter
from connectors.failures import explained
from connectors.imports.assembly import Assembler
from connectors.imports.files import files_of
from connectors.imports.kinds import KINDS, TABLE, advice, table_importer
from connectors.imports.merging import Coverage, merge
from connectors.imports.options import Options
from connectors.imports.recordings import Importer, Recording
from connectors.imports.summary import ImportFailure, ImportProgress, ImportSummary, WrongShape
from connectors.imports.table.contract import TableMap
from connectors.imports.table.tables import SUFFIXES


def import_recording(
    kind: str,
    paths: Sequence[Path],
    archive: Path,
    options: Options | None = None,
    progress: Callable[[ImportSummary], None] = lambda _: None,
    table: TableMap | None = None,
) -> ImportSummary:
    """Make the archive ``archive`` out of recordings, or add them to one that an import made; whole or not at all.

    ``table``: the map, for the kind "table". ``progress`` is called now and then with the counts so far. Raises
    ImportFailure for an unknown kind, for files that are not of it, for an archive that cannot be added to, for feeds
    that overlap it, and when not one row could be used."""
    if kind != TABLE and kind not in KINDS:
        raise ImportFailure(f"{kind!r} is no kind of recording.", f"Choose one of {', '.join((*KINDS, TABLE))}.")
    if kind == TABLE and table is None:
        raise ImportFailure("a table needs a map.", "Give --map MAP.toml; --suggest prints a first one.")
    importer = table_importer(table) if table is not None else KINDS[kind].importer()
    options = options or Options()
    present = _present(archive)
    summary = ImportSummary(kind, ImportProgress(lambda: progress(summary)))
    summary.run = run_name(kind, paths, options, table)
    making = archive.with_name(f".{archive.name}.importing")
    derives = table is None or any("spot" in source.outcome.derive for source in table.source)
    try:
        try:
            shutil.rmtree(making, ignore_errors=True)
            _make(importer, paths, options, summary, making, present, derives)
            progress(summary)
            _publish(making / "archive", archive)
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except WrongShape as wrong:
        raise ImportFailure(wrong.cause, wrong.cure if kind == TABLE else advice(paths, kind)) from None
    except pl.exceptions.PolarsError as wrong:  # what it wraps: a disk that is full while a file is written
        failure = explained(wrong)
        if failure is None:
            raise
        raise ImportFailure(f"{archive}: {failure.cause}", "Choose another folder, or make room there.") from None
    except OSError as wrong:
        raise ImportFailure(
            f"{wrong.filename or archive}: {wrong.strerror or wrong}.", "Choose another folder, or make room there."
        ) from None
    summary.progress = ImportProgress()  # what it showed itself on is over
    return summary


def _present(archive: Path) -> Coverage | None:
    """What the archive has already. Raises ImportFailure when it cannot be added to."""
    former = _former(archive)
    if not archive.exists() and former.exists():  # an import was killed between two renames
        former.rename(archive)
    if not archive.exists():
        return None
    if not archive.is_dir():
        raise ImportFailure(f"{archive} is not a folder.", "Name the folder of the archive, or a new one.")
    if not any(archive.iterdir()):
        return None
    if not high_water_marks(archive):
        raise ImportFailure(f"{archive} is not empty, and no archive.", "Choose another folder, or remove it first.")
    return Coverage.of(archive)


def _make(
    importer: Importer,
    paths: Sequence[Path],
    options: Options,
    summary: ImportSummary,
    making: Path,
    present: Coverage | None,
    derives: bool,
) -> None:
    span = (present.first_ns, present.last_ns) if present else None
    recording = Recording(tuple(paths), options, summary, making / "sorting", span)
    new = making / ("new" if present else "archive")
    with ArchiveWriter(new) as writer:
        Assembler(writer, summary.run, f"import:{summary.kind}", summary).run(importer(recording))
    if not summary.frames:
        raise summary.why_nothing(f"{summary.rows:,} rows")
    if present is not None:
        added = Coverage.of(new)
        present.refuse_overlap(added)
        summary.run = f"import-{hashlib.sha256(' '.join(sorted((present.run, summary.run))).encode()).hexdigest()[:10]}"
        merge(present, added, making / "archive", summary, derives)


def _publish(made: Path, archive: Path) -> None:
    """Put the archive in its place; what was there is removed after it stands."""
    former = _former(archive)
    shutil.rmtree(former, ignore_errors=True)
    if archive.exists():
        archive.rename(former)
    made.rename(archive)
    shutil.rmtree(former, ignore_errors=True)


def _former(archive: Path) -> Path:
    return archive.with_name(f".{archive.name}.former")


def run_name(kind: str, paths: Sequence[Path], options: Options, table: TableMap | None = None) -> str:
    """The recorder run's name: the same for the same content, options and map, whatever the files' places."""
    digests: list[str] = []
    for path in files_of(paths, KINDS[kind].suffixes if kind in KINDS else SUFFIXES):
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    text = " ".join([kind, *sorted(digests), options.name, *([table.model_dump_json()] if table else [])])
    return f"import-{kind}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"
