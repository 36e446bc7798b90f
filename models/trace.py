"""The trace: what each module made of a journal event on its way down the line.

>>> Step("gate.spread", Verdict.BLOCK, Reason.SPREAD_TOO_WIDE, {"spread": 0.12, "bound": 0.05}).contract().reason
<Reason.SPREAD_TOO_WIDE: 'spread_too_wide'>
"""

from __future__ import annotations

import msgspec

from models.contracts import Number, Span
from models.reasons import Reason, Verdict
from models.strategies.signal import Intent


class Step(msgspec.Struct, frozen=True, gc=False):
    """A span in the making; ``contract`` turns it into the one that is published."""

    module: str
    verdict: str
    reason: str
    numbers: dict[str, Number] = {}

    def contract(self) -> Span:
        return Span(module=self.module, verdict=Verdict(self.verdict), reason=Reason(self.reason), numbers=self.numbers)


class Evaluation(msgspec.Struct, frozen=True, gc=False):
    """One instance's judgement of one market at one event. ``score``, ``threshold``: in the strategy's unit."""

    instance: str
    market_key: str
    verdict: str
    reason: str
    score: float
    threshold: float
    steps: tuple[Step, ...]
    intents: tuple[Intent, ...] = ()
    fair: float = -1.0  # probability of Up, -1 where the strategy has none
    emit: int = 0  # evaluations since the last scan row when one is due with this one, else 0
