"""The program's own files, in one word: what was made by other code is told by it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parent.parent


def hash_of_sources(*patterns: str, without: str = "/") -> str:
    """SHA-256 over names and text of the files that the patterns find below the project's folder, but for those whose
    names begin with ``without``. Hex."""
    sha = hashlib.sha256()
    for pattern in patterns:
        for path in sorted(_ROOT.glob(pattern)):
            name = path.relative_to(_ROOT).as_posix()
            if not name.startswith(without):
                sha.update(f"{name}\n".encode() + path.read_bytes())
    return sha.hexdigest()
