"""The configuration in force: what of the settings can change a decision, its short name, and how a flow states it.

Each flow states its configuration at every start, in the input topic ``configuration``. The clock ticks give the
statement its place in the order, the journal has it as an event, and from that event on the flow's lines go by it: live
and in a replay alike.

    >>> first = Settings()
    >>> statement = Statement("trading", "main-0", configuration_id(first), relevant(first))
    >>> decode_statement(encode_statement(statement)) == statement
    True
    >>> stated = relevant(first)
    >>> stated["portfolio"]["cap_total"] = 1
    >>> lowered = with_relevant(first, stated)
    >>> lowered.portfolio.cap_total, lowered.kafka == first.kafka
    (1.0, True)
    >>> configuration_id(lowered) == configuration_id(first)
    False
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec
from pydantic import TypeAdapter, ValidationError

from models.decoding import decoder_of
from models.failures import Failure
from models.settings import Settings

#: Where things are and how they are run, which no decision depends on: everything else is relevant.
IRRELEVANT: Final = frozenset(
    {
        "data_dir",
        "kafka",
        "broker",
        "feeds",
        "recorder",
        "simulator",
        "api",
        "alerts",
        "archive",
        "comparison",
        "telemetry",
        "operator",
        "live_account",
        "run_name",
    }
)

Flow = Literal["market", "trading"]


class Statement(msgspec.Struct, frozen=True):
    """``flow`` runs under ``settings`` from now on. ``run``: the run's name on the wire. ``configuration``: the short
    name of the settings."""

    flow: Flow
    run: str
    configuration: str
    settings: dict[str, Any]


_encoder = msgspec.json.Encoder()


def encode_statement(statement: Statement) -> bytes:
    return _encoder.encode(statement)


#: Reads them back; raises msgspec.DecodeError for bytes that are no statement.
decode_statement: Callable[[bytes], Statement] = decoder_of(Statement)


def relevant(settings: Settings) -> dict[str, Any]:
    """Everything in the settings that can change a decision, as plain JSON values."""
    found: dict[str, Any] = settings.model_dump(mode="json", exclude=set(IRRELEVANT))
    return found


def configuration_id(settings: Settings) -> str:
    """A short name of everything in the configuration that can change a decision: the same for equal values."""
    return hashlib.sha256(msgspec.json.encode(relevant(settings), order="deterministic")).hexdigest()[:12]


def with_relevant(settings: Settings, stated: Mapping[str, Any]) -> Settings:
    """``settings`` with everything relevant as ``stated``; a key that was not stated has its default, whatever the
    environment says. Raises Failure for values this version does not take."""
    fields = Settings.model_fields
    unknown = sorted(stated.keys() - fields.keys())
    if unknown:
        raise _unfit(unknown[0], "there is no such key")
    chosen: dict[str, Any] = {}
    field: Any
    for name, field in fields.items():
        if name in IRRELEVANT:
            continue
        if name not in stated:
            chosen[name] = field.get_default(call_default_factory=True)
            continue
        try:
            chosen[name] = TypeAdapter(field.annotation).validate_python(stated[name])
        except ValidationError as cause:
            found = cause.errors()[0]
            raise _unfit(".".join([name, *map(str, found["loc"])]), found["msg"]) from None
    return settings.model_copy(update=chosen)


def _unfit(key: str, why: str) -> Failure:
    return Failure(
        f"the configuration that was in force does not fit this version: {key}: {why}.",
        "Start a new run (--run NAME), or go on with the version that made this one.",
    )
