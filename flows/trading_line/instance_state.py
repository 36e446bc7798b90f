"""Which instances may enter: active ones and paper twins. Shadows are judged and never do, paused ones not for now."""

from __future__ import annotations

from collections.abc import Iterable

from flows.trading_line.members import Entry, Member
from models.reasons import Reason, Verdict
from models.trace import Step

MODULE = "gate.state"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)
_BY_STATE = {
    "shadow": Step(MODULE, Verdict.HOLD, Reason.SHADOW),
    "paused": Step(MODULE, Verdict.BLOCK, Reason.PAUSED),
}


class InstanceState(Member):
    """Holds what a shadow would enter, and refuses what a paused instance would."""

    module = MODULE

    def gates(self, entry: Entry) -> Iterable[Step]:
        return (_BY_STATE.get(entry.instance.state, _OK),)
