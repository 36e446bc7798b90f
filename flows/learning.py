"""The learning flow: the archived journal in; promotion decisions, and the promotions that follow from them, out.

journal, as the archive has it -> learn: as it ran, and beside it with paper twins    (one order)
                               -> sign: promotions with the key of who may give them
                               -> promotions, models, telemetry

It reads the archive, so that it may be late, be stopped, and begin anew without anyone waiting for it. What it decides
takes effect through the topic ``models``, as an input of the market flow, and so stands in the journal like a command.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bytewax.operators as op
import msgspec
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source

from flows.engine import in_batches, keyed, stateful
from flows.learning_line.line import LearningLine
from flows.state import OwnedState, Schema
from flows.trading_line.route import states
from models.inputs import Promotion
from models.journal import AnyEvent, decode_event
from models.message import Message, Stored
from models.promotion.signing import signed_promotion
from models.settings import Settings
from models.topics import MODELS

Attach = Callable[[str, Stream[Message]], Any]


def build(source: Source[Stored], attach: Attach, settings: Settings, code: str, token: str) -> Dataflow:
    """The learning flow from ``source`` (the journal) to whatever ``attach(step id, stream)`` adds. ``code``: version
    of the program; ``token``: the private key that promotions are signed with (hex), "" = they are not sent."""
    flow = Dataflow("learning")
    journal = op.input("journal", flow, source)
    in_order = keyed("one_order", journal, settings.portfolio_name)
    learnt = stateful("learn", in_order, schema(code, bool(token)), settings, in_batches(_learn))
    messages = op.flat_map_batch("messages", learnt, lambda outputs: [each for _, batch in outputs for each in batch])
    attach("learning_out", op.filter_map("sign", messages, lambda message: signed(message, token)))
    return flow


def schema(code: str, sends: bool = True) -> Schema[LearningLine]:
    """What the step ``learn`` keeps."""
    return Schema("learning.learn", 1, lambda settings: LearningLine(settings, code, sends))


def _learn(owned: OwnedState[LearningLine], record: Stored) -> list[Message]:
    return learn(owned, decode_event(record.value))


def learn(owned: OwnedState[LearningLine], event: AnyEvent) -> list[Message]:
    """What one event leads to; a configuration that it states holds from it on."""
    stated = states(event)
    if stated:
        owned.configure(msgspec.json.decode(stated))
    return owned.state.advance(event)


def signed(message: Message, token: str) -> Message | None:
    """A promotion with its signature, None where there is no key; anything else as it is."""
    if message.topic != MODELS:
        return message
    if not token:
        return None
    said = signed_promotion(msgspec.json.decode(message.value, type=Promotion), token)
    return msgspec.structs.replace(message, value=msgspec.json.encode(said))
