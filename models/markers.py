"""Records of our own in the feed topics: run markers and clock ticks.

A recorder run writes a ``start`` marker into *every* feed topic first and an ``end`` marker into every feed topic
last, each with a ``seq`` of its own. A merge that has seen the next run's start in every topic knows that whatever
is still missing of the run before was lost. Ticks go to ``feed.clock`` only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from models.decoding import decoder_of


class Marker(msgspec.Struct, frozen=True, tag_field="profit", tag="marker"):
    """Start or end of a recorder run in one feed topic."""

    marker: Literal["start", "end"]
    run: str
    source: str  # "live", "sim", "import:<kind>"


class Tick(msgspec.Struct, frozen=True, tag_field="profit", tag="tick"):
    """A clock tick: ``number`` from 0 in the run, ``t_ns`` the recorder's Unix time in nanoseconds.

    ``inputs`` maps each input topic (control, executions, models) to how many of its records belong before this
    tick: that is how operator commands get a place in the order that a replay can repeat. A tick with
    ``cut=True`` is an extra one, sent at once because such a record arrived. ``lag_ms``: the pipeline's lag from
    receipt to decision, in milliseconds, as the recorder measured it in the last second; -1 where it is not known."""

    number: int
    t_ns: int
    inputs: dict[str, int]
    cut: bool = False
    lag_ms: int = -1


class Notice(msgspec.Struct, frozen=True, tag_field="profit", tag="notice"):
    """What a door has to say about a connection, in the feed topic it serves.

    ``frozen``: the door does not believe what stands of ``tokens`` (none named: of the whole connection) and asks for
    it anew. ``renewed``: no sound book of ``tokens`` came for a while, and they are asked for anew; what stands is not
    doubted. ``spool_full``: ``frames`` records of the run were dropped because the spool had no room."""

    conn: str
    state: Literal[
        "connecting", "connected", "subscribed", "disconnected", "refused", "frozen", "renewed", "spool_full"
    ]
    why: str
    frames: int = 0
    tokens: tuple[str, ...] = ()


Own = Marker | Tick | Notice

OWN_PREFIX = b'{"profit":'
_WORDS = (b'{"profit":"marker"', b'{"profit":"notice"')

_decode: Callable[[bytes], Own] = decoder_of(Own)


def encode_own(record: Own) -> bytes:
    return msgspec.json.encode(record)


def is_word(raw: bytes) -> bool:
    """Whether the bytes are a marker or a notice: the few records of our own that say what the others are worth."""
    return raw.startswith(_WORDS)


def decode_own(raw: bytes) -> Own | None:
    """The record if the bytes are one of ours (they then start with ``OWN_PREFIX``), else None.

    Raises msgspec.DecodeError for bytes that claim to be ours and are not."""
    return _decode(raw) if raw.startswith(OWN_PREFIX) else None
