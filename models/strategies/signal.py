"""What a strategy answers when it is asked about a market.

>>> buy = Intent("Up", price=5000, worth=0.56)
>>> signal = Signal(Verdict.PASS, Reason.EDGE, score=0.0425, intents=(buy,), fair=0.56)
>>> signal.intents[0].side, signal.intents[0].post_only
('buy', False)
"""

from __future__ import annotations

from typing import Literal

import msgspec

from models.contracts import Number
from models.reasons import Reason, Verdict

Side = Literal["buy", "sell"]


class Intent(msgspec.Struct, frozen=True, gc=False):
    """One leg that a strategy wants. ``price``: pips, the ask it saw, or the limit of a quote. ``worth``: dollars, what
    a share may cost with its fee: what it is believed to be worth, or a pair's leg with its share of the edge.
    ``post_only``: a quote that must not take."""

    outcome: str
    price: int
    worth: float
    side: Side = "buy"
    post_only: bool = False


class Signal(msgspec.Struct, frozen=True, gc=False):
    """A strategy's judgement of one market at one moment. ``score``: in the strategy's unit. ``fair``: probability of
    Up, -1 where it has none. ``numbers``: those of its own span on the trace. ``used``: numbers for the features' span,
    beyond what the declared features say themselves; shown when it passed.

    It names no strategy and no market: one function serves many instances."""

    verdict: Verdict
    reason: Reason
    score: float
    intents: tuple[Intent, ...] = ()
    fair: float = -1.0
    numbers: dict[str, Number] = {}
    used: dict[str, Number] = {}
