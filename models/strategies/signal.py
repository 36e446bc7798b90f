"""What a strategy answers when it is asked about a market.

>>> buy = Intent("Up", price=5000, worth=0.56)
>>> signal = Signal(Verdict.PASS, Reason.EDGE, score=0.0425, intents=(buy,), fair=0.56)
>>> signal.intents[0].side, signal.intents[0].post_only
('buy', False)
"""

from __future__ import annotations

from typing import Literal

import msgspec

from models.reasons import Reason, Verdict
from models.strategies.detail import Detail

Side = Literal["buy", "sell"]


class Intent(msgspec.Struct, frozen=True, gc=False):
    """One leg that a strategy wants. ``price``: pips, the ask it saw, or the limit of a quote. ``worth``: dollars, what
    a share may cost with its fee: what it is believed to be worth, or a pair's leg with its share of the edge.
    ``post_only``: a quote that must not take. ``most``: micro-shares that it may be of, 0 = as sizing says. ``split``:
    one half of a split, which makes a share of each outcome of a dollar; the prices of both halves add up to it."""

    outcome: str
    price: int
    worth: float
    side: Side = "buy"
    post_only: bool = False
    most: int = 0
    split: bool = False


class Signal(msgspec.Struct, frozen=True, gc=False):
    """A strategy's judgement of one market at one moment. ``score``: in the strategy's unit. ``fair``: probability of
    Up, -1 where it has none. ``detail``: an instance of what the strategy declares to show, None for nothing.

    It names no strategy and no market: one function serves many instances."""

    verdict: Verdict
    reason: Reason
    score: float
    intents: tuple[Intent, ...] = ()
    fair: float = -1.0
    detail: Detail | None = None
