"""What comes into the journal from outside the feeds: operator commands, execution reports, model promotions.

Each is decoded where it enters; what cannot be is a dead letter, so that whoever hears an input can rely on its form.

>>> read_input("models", b'{"model": "gbm-3", "instance": "fair_gbm", "t": 5, "state": "canary"}')
Promotion(model='gbm-3', instance='fair_gbm', t=5, state='canary', why='')
>>> read_input("control", b'{}')
Traceback (most recent call last):
    ...
msgspec.ValidationError: Object missing required field `command`
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from models import control
from models.control import Signed
from models.orders import OrderState
from models.topics import CONTROL, EXECUTIONS, MODELS


class ExecutionReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a live venue says of an order. ``order``: our client order id; ``t``: Unix ns; ``price`` pips, ``size``
    micro-shares and ``fee`` micro-dollars of a fill; ``venue_id``: the venue's own id."""

    order: str
    state: OrderState
    t: int
    price: int = 0
    size: int = 0
    fee: int = 0
    venue_id: str = ""
    note: str = ""


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An instance's state, decided by validation. ``t``: Unix ns."""

    model: str
    instance: str
    t: int
    state: Literal["shadow", "canary", "active", "reduced", "disabled"]
    why: str = ""


AnyInput = Signed | ExecutionReport | Promotion

_executions: Final = msgspec.json.Decoder(ExecutionReport)
_models: Final = msgspec.json.Decoder(Promotion)


def read_input(topic: str, raw: bytes) -> AnyInput:
    """The input that stands in a record of an input topic. Raises msgspec.MsgspecError for bytes that hold none, and
    ValueError for another topic or bytes that are no text."""
    if topic == CONTROL:
        return control.decode(raw)
    if topic == EXECUTIONS:
        return _executions.decode(raw)
    if topic == MODELS:
        return _models.decode(raw)
    raise ValueError(f"{topic} is no input topic")
