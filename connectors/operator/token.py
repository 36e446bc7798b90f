"""The operator's token: the private key that signs commands, in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from models.control import public_key
from models.failures import Failure
from models.settings import Settings

NAME = "operator.token"


def token_path(settings: Settings) -> Path:
    """Where the token is, or is to be."""
    return Path(settings.operator.token_file) if settings.operator.token_file else settings.data_dir / NAME


def make_token(path: Path) -> str:
    """The token; made, with mode 0600, where there is none. Raises Failure as ``read_token`` does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_token(path)
    except OSError as cause:
        raise Failure(
            f"{path}: the operator's token cannot be written: {cause.strerror}.",
            "Make its folder writable, or name another place: PROFIT_OPERATOR_TOKEN_FILE.",
        ) from None
    token = secrets.token_hex(32)
    with os.fdopen(number, "w") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    return token


def read_token(path: Path) -> str:
    """The token. Raises Failure where it is missing, may be read by others, or is none."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        raise Failure(f"{path}: there is no operator's token.", "`profit up` makes it at its first start.") from None
    except OSError as cause:
        raise Failure(f"{path}: the operator's token cannot be read: {cause.strerror}.", "Run as its owner.") from None
    if stat.S_IMODE(mode) & 0o077:
        raise Failure(
            f"{path}: others may read or write the operator's token (mode {stat.S_IMODE(mode):o}).",
            f"chmod 600 {path}; if others had access, delete it: `profit up` makes a new one.",
        )
    try:
        public_key(text)
    except ValueError:
        raise Failure(
            f"{path}: this is no operator's token.", "Delete it: `profit up` makes a new one at its next start."
        ) from None
    return text
