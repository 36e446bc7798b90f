"""What an archive's files are, in one word: other bytes have another fingerprint, whatever their size and time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from connectors.archive.layout import pieces_of, topic_folder


def fingerprint(directory: Path, topics: Iterable[str]) -> str:
    """SHA-256 over names and bytes of the files that count of ``topics``, 64 hex digits. The same records in other
    files, as after a merge, have another one. Raises OSError for a file that cannot be read."""
    wanted = list(topics)
    while True:
        try:
            return _of_files(directory, wanted)
        except FileNotFoundError:  # merged meanwhile: the merged file has its bytes
            continue


def _of_files(directory: Path, topics: list[str]) -> str:
    sha = hashlib.sha256()
    for topic in topics:
        for piece in pieces_of(topic_folder(directory, topic)):
            sha.update(f"{topic} {piece.hour} {piece.path.name}\n".encode())
            with piece.path.open("rb") as file:
                sha.update(hashlib.file_digest(file, "sha256").digest())
    return sha.hexdigest()
