"""What a live flow begins under: the settings of the run's beginning, and a statement of those it is started with.

The settings of the beginning stand in the run's folder (``settings.json``) and never written again, for a replay
begins with them too. Those of a later start come through the journal: ``models.configuration``.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Final

from connectors.kafka.claim import Identity, first_statement
from connectors.kafka.sink import Writer
from models.configuration import (
    IRRELEVANT,
    Flow,
    Statement,
    configuration_id,
    encode_statement,
    relevant,
    with_relevant,
)
from models.failures import Failure
from models.message import Message
from models.settings import Settings
from models.topics import CONFIGURATION

SETTINGS: Final = "settings.json"


def begun_under(folder: Path, settings: Settings, first: Settings) -> Settings:
    """``settings`` as far as they say where and how to run; what decides is as it was when the run began. A run
    that has not begun begins under ``first``. Raises Failure for a file that is damaged or unfit for this version."""
    path = folder / SETTINGS
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        making = folder / f".{SETTINGS}.{os.getpid()}"
        making.write_text(first.model_dump_json(indent=1), encoding="utf-8")
        with contextlib.suppress(FileExistsError):  # another flow of the run was quicker
            os.link(making, path)
        making.unlink()
    try:
        recorded = json.loads(path.read_bytes())
    except ValueError:
        raise Failure(f"{path} is damaged.", "Start a new run (--run NAME); what it recorded stays there.") from None
    return with_relevant(settings, {name: value for name, value in recorded.items() if name not in IRRELEVANT})


def beginning(flow: Flow, folder: Path, own: Identity, settings: Settings, bootstrap: str, fixed: bool) -> Settings:
    """What the dataflow of ``flow`` is to be built with; and state ``settings``, which come into force with their
    place in the journal. A run that was taken over from the cluster begins under what it was begun under there.
    ``fixed``: nothing is stated, for the order is that of an archive that is played. Raises Failure."""
    first = settings
    if settings.kafka.continue_run and not (folder / SETTINGS).exists():
        stated = first_statement(settings.kafka, bootstrap, flow)
        if stated is not None:
            first = with_relevant(settings, stated.settings)
    begun = begun_under(folder, settings, first)
    if not fixed:
        state = Statement(flow, own.run, configuration_id(settings), relevant(settings))
        writer = Writer(settings.kafka, bootstrap)
        writer.write(Message(CONFIGURATION, flow, encode_statement(state), time.time_ns()))
        writer.flush()
    return begun
