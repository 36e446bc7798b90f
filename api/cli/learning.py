"""The learning flow on a run's archive, as `profit flow learning` runs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from bytewax.dataflow import Dataflow, Stream

from api.cli.beginning import begun_under
from connectors.archive.source import ArchiveSource
from connectors.kafka.stopping import Stop
from connectors.operator.token import read_token, token_path
from flows import learning
from models.control import public_key
from models.message import Message
from models.settings import Settings
from models.topics import JOURNAL

_LOOK: Final = timedelta(seconds=2)
_NICENESS: Final = 10  # it may be late; nothing else may


def code_version() -> str:
    """The version of the program, for records that must say which rules they went by."""
    return version("profit-system")


def learning_flow(
    settings: Settings, folder: Path, stop: Stop, attach: Callable[[str, Stream[Message]], Any]
) -> Dataflow:
    """The learning flow over the archive below ``folder``, which another process writes meanwhile. It signs with the
    operator's token, where this machine has the one that the flows know."""
    os.nice(_NICENESS)
    archive = folder / "archive"
    archive.mkdir(parents=True, exist_ok=True)
    journal = ArchiveSource(archive, JOURNAL, stop=lambda: stop.requested, written=lambda: stop.requested, look=_LOOK)
    begun = begun_under(folder, settings, settings)
    return learning.build(journal, attach, begun, code_version(), _token(settings))


def _token(settings: Settings) -> str:
    """ "" where the token is not here, or is another's: then promotions are decided and not sent."""
    path = token_path(settings)
    if not path.is_file():
        return ""
    token = read_token(path)
    wanted = settings.promotion.public_key or settings.operator.public_key
    return token if public_key(token) == wanted else ""
