"""What comes into the journal from outside the feeds: operator commands, execution reports, model promotions.

Each is decoded where it enters; what cannot be is a dead letter, so that whoever hears an input can rely on its form.

>>> said = read_input("models", b'{"model": "gbm-3", "instance": "fair_gbm", "t": 5, "state": "canary"}')
>>> said.instance, said.state, said.signature
('fair_gbm', 'canary', '')
>>> read_input("executions", b'{"type": "dry_run", "order": "main-7", "t": 5, "ok": true}').ok
True
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


class ExecutionReport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="report"):
    """What a live venue says of an order. ``order``: our client order id; ``t``: Unix ns; ``price`` pips and ``size``
    micro-shares of a fill that the exchange has confirmed; ``fee``: micro-dollars, -1 where the exchange does not state
    it; ``taker``: whether the fill took; ``venue_id``: the exchange's id of the order, ``trade``: of the trade that a
    fill is of; ``reason``: a reason code for a state that has one; ``note``: for people.

    ``submitted`` says that the order is signed under ``venue_id`` and goes out now: what it becomes is not known yet.
    ``unknown`` with a ``trade`` is a match that is not confirmed, and may still be reverted."""

    order: str
    state: OrderState
    t: int
    price: int = 0
    size: int = 0
    fee: int = -1
    taker: bool = True
    venue_id: str = ""
    trade: str = ""
    reason: str = ""
    note: str = ""


class Preflight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="preflight"):
    """The live venue's check of itself at ``t`` (Unix ns): whether it ``passed``, and each check with what was seen of
    it, those that failed with ``failed: `` before. ``balance``: micro-dollars that the account holds by the exchange's
    own word, -1 where it gave none."""

    t: int
    passed: bool
    checks: dict[str, str]
    balance: int = -1


class DryRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="dry_run"):
    """An order that the live venue built, signed and checked, and did not send, at ``t`` (Unix ns). ``ok``: whether it
    could have been sent; ``venue_id``: the id it would have had; ``note``: for people."""

    order: str
    t: int
    ok: bool
    venue_id: str = ""
    note: str = ""


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An instance's state, decided by validation. ``t``: Unix ns; ``run``: the run it is meant for; ``decision``: the
    record on ``promotions`` that it follows, with the evidence and threshold of that; ``signature``: see
    ``models.promotion.signing``. Without one it changes nothing."""

    model: str
    instance: str
    t: int
    state: Literal["shadow", "canary", "active", "reduced", "disabled"]
    why: str = ""
    run: str = ""
    decision: str = ""
    e_value: float = 0.0
    e_threshold: float = 0.0
    signature: str = ""


AnyExecution = ExecutionReport | Preflight | DryRun
AnyInput = Signed | ExecutionReport | Preflight | DryRun | Promotion

_executions: Final[msgspec.json.Decoder[AnyExecution]] = msgspec.json.Decoder(AnyExecution)
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
