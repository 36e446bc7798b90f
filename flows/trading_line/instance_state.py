"""Which instances may enter: active ones and paper twins. Shadows are judged and never do, paused ones not for now.

The operator may switch an instance's entries off, or make them smaller, until the operator says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from flows.trading_line.members import Announcer, Entry, RiskChange
from flows.trading_line.reply import Reply, done, refused, unknown
from models.contracts import Number
from models.control import Command, SetInstance
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.instance import all_instances
from models.trace import Step

MODULE = "gate.state"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)
_BY_STATE = {
    "shadow": Step(MODULE, Verdict.HOLD, Reason.SHADOW),
    "paused": Step(MODULE, Verdict.BLOCK, Reason.PAUSED),
}


class InstanceState(Announcer):
    """Holds what a shadow would enter, and refuses what a paused instance would, or one that is switched off."""

    module = MODULE

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._disabled: dict[str, str] = {}  # instance -> who switched it off
        self._sizes: dict[str, float] = {}
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        self._names = frozenset(all_instances(settings))

    def gates(self, entry: Entry) -> Iterable[Step]:
        by = self._disabled.get(entry.instance.id)
        if by is not None:
            return (Step(MODULE, Verdict.BLOCK, Reason.DISABLED, {"by": by}),)
        return (_BY_STATE.get(entry.instance.state, _OK),)

    def multiplier(self, instance: str) -> float:
        return self._sizes.get(instance, 1.0)

    def obey(self, command: Command, t: int) -> Reply | None:
        do = command.do
        if not isinstance(do, SetInstance):
            return None
        name = do.instance
        if name not in self._names:
            return unknown(MODULE, command, "instance", name, self._names)
        if do.size is not None and not 0.0 <= do.size <= 1.0:
            return refused(MODULE, command, Reason.NOTHING_TO_DO, f"size {do.size:g} is not within 0 and 1.")
        old = self._say(name)
        if do.enabled is not None:
            self._disabled.pop(name, None)
            if not do.enabled:
                self._disabled[name] = command.by
        if do.size is not None:
            self._sizes[name] = do.size
        new = self._say(name)
        if new == old:
            return refused(MODULE, command, Reason.NOTHING_TO_DO, f"{name} is {old} already.")
        text = f"{name} is {new} now, before {old}."
        reason = Reason.DISABLED if name in self._disabled else Reason.OK
        self.announce(RiskChange("instance", "entries", "instance", name, old, new, reason, text, {"by": command.by}))
        return done(MODULE, command, text)

    def _say(self, name: str) -> str:
        state = "off" if name in self._disabled else "on"
        return f"{state} at {self._sizes.get(name, 1.0):.0%} of its size"

    def gauges(self) -> dict[str, Number]:
        off: dict[str, Number] = {f"off:{name}": by for name, by in self._disabled.items()}
        return {**off, **{f"size:{name}": size for name, size in self._sizes.items()}}
