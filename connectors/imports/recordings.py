"""What an importer makes frames of: the recording's files, what is assumed, and where it may put rows aside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from connectors.imports.frames import Frame
from connectors.imports.options import Options
from connectors.imports.summary import ImportSummary


@dataclass(frozen=True)
class Recording:
    """``folder``: where rows wait that memory does not hold. ``span``: the times that the archive to be added to
    covers."""

    paths: tuple[Path, ...]
    options: Options
    summary: ImportSummary
    folder: Path
    span: tuple[int, int] | None = None


Importer = Callable[[Recording], Iterator[Frame]]
