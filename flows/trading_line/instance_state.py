"""Which instances may send orders: active ones and paper twins; shadows are judged and never do."""

from __future__ import annotations

from collections.abc import Iterable

from flows.trading_line.members import Entry, Member
from models.reasons import Reason, Verdict
from models.trace import Step

MODULE = "gate.state"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)
_SHADOW = Step(MODULE, Verdict.HOLD, Reason.SHADOW)


class InstanceState(Member):
    """Holds what a shadow would enter."""

    module = MODULE

    def gates(self, entry: Entry) -> Iterable[Step]:
        return (_SHADOW if entry.instance.state == "shadow" else _OK,)
