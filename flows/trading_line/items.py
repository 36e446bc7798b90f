"""What travels between the steps of the trading flow."""

from __future__ import annotations

import msgspec

from models.contracts import Number
from models.journal import AnyEvent, Input
from models.trace import Evaluation


class Routed(msgspec.Struct, frozen=True, gc=False):
    """A journal event on its way to a lane; ``copies``: how many lanes got it, for the barrier. ``standing``: with the
    first event of a lane, the inputs from before it that still hold, in their order."""

    lane: str
    event: AnyEvent
    copies: int
    standing: tuple[Input, ...] = ()


class Configured(msgspec.Struct, frozen=True, gc=False):
    """A configuration on its way to a lane, as the journal stated it."""

    lane: str
    settings: str


class Judged(msgspec.Struct, frozen=True, gc=False):
    """A journal event as a lane leaves it. Only the first lane's copy carries the event on."""

    lane: str
    seq: int
    copies: int
    event: AnyEvent
    evaluations: tuple[Evaluation, ...]
    features: tuple[tuple[str, dict[str, Number]], ...] = ()  # market key -> values, where a scan row is due
