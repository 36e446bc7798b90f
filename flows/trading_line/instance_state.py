"""Which instances may enter: active ones and paper twins. Shadows are judged and never do, paused ones not for now.

Promotions change that: a canary enters at a part of its size, a reduced instance at half of it, a disabled one not any
more (``models.promotion``). They take effect for instances that are configured as ``shadow`` or ``active``; ``paused``
and ``twin`` stay what they are. A promotion must be signed, for this run and new; a step up must name its decision and
the evidence that passed. The operator may switch an instance's entries off, or make them smaller, until the operator
says otherwise, and no promotion raises it above that; switching it on lifts a ``disabled``.
"""

from __future__ import annotations

from collections.abc import Iterable

from flows.trading_line.members import Announcer, Entry, RiskChange
from flows.trading_line.reply import Reply, done, refused, unknown
from models.contracts import Number
from models.control import Command, SetInstance
from models.inputs import AnyInput, Promotion
from models.promotion.signing import is_signed, raises_with_evidence
from models.promotion.states import PromotionState, factor
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.instance import all_instances
from models.trace import Step

MODULE = "gate.state"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)
_BY_STATE = {
    "shadow": Step(MODULE, Verdict.HOLD, Reason.SHADOW),
    "paused": Step(MODULE, Verdict.BLOCK, Reason.PAUSED),
    "disabled": Step(MODULE, Verdict.BLOCK, Reason.DEMOTED),
}


class InstanceState(Announcer):
    """Holds what a shadow would enter, and refuses what a paused instance would, or one that is switched off."""

    module = MODULE

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._disabled: dict[str, str] = {}  # instance -> who switched it off
        self._sizes: dict[str, float] = {}
        self._promoted: dict[str, PromotionState] = {}
        self._told: dict[str, int] = {}  # instance -> Unix ns of its last promotion
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        self._states = {name: each.state for name, each in all_instances(settings).items()}
        self._promotion = settings.promotion
        self._key = settings.promotion.public_key or settings.operator.public_key
        self._run = settings.run_name

    # --- promotions ----------------------------------------------------------------------------------------------

    def on_input(self, said: AnyInput, t: int) -> Iterable[Step]:
        if not isinstance(said, Promotion):
            return ()
        name, old = said.instance, self._state(said.instance)
        reason, text = self._objection(said, old)
        numbers: dict[str, Number] = {
            "decision": said.decision,
            "e_value": said.e_value,
            "e_threshold": said.e_threshold,
        }
        if text:
            text = f"promotion of {name} to {said.state} refused: {text}."
            self.announce(RiskChange("instance", "promotion", "instance", name, old, old, reason, text, numbers))
            return (Step(MODULE, Verdict.BLOCK, reason, {"promotion": name}),)
        rises = self._factor(said.state) > self._factor(old)
        self._told[name] = said.t
        self._promoted[name] = said.state
        reason = Reason.PROMOTED if rises else Reason.DEMOTED
        text = f"{name} goes from {old} to {said.state}: {said.why or 'no reason was given'}"
        self.announce(RiskChange("instance", "promotion", "instance", name, old, said.state, reason, text, numbers))
        return (Step(MODULE, Verdict.PASS, reason, {"promotion": name}),)

    def _objection(self, said: Promotion, old: str) -> tuple[Reason, str]:
        """Why a promotion does nothing; "" where it does."""
        if said.instance not in self._states:
            return Reason.UNKNOWN_NAME, "there is no such instance here"
        if not self._promotion.enabled:
            return Reason.CONFIGURED, "promotion.enabled is false"
        if self._states[said.instance] not in ("active", "shadow"):
            return Reason.CONFIGURED, f"it is configured as {self._states[said.instance]}"
        if not is_signed(said, self._key):
            return Reason.UNSIGNED, "it is not signed with the key of promotions"
        if said.run != self._run:
            return Reason.WRONG_RUN, f"it is meant for run {said.run!r}, this is {self._run!r}"
        if said.t <= self._told.get(said.instance, 0):
            return Reason.REPEATED, "it is not newer than the last one"
        if said.state == old:
            return Reason.NOTHING_TO_DO, f"it is {old} already"
        if old == "disabled":
            return Reason.DEMOTED, "it is disabled: the operator's word, or a new instance, begins anew"
        if self._factor(said.state) > self._factor(old) and not raises_with_evidence(said):
            return Reason.CRITERIA_MISSING, "a step up names its decision and evidence that passed"
        return Reason.OK, ""

    def _state(self, name: str) -> str:
        """What it is now, by its configuration and by promotions."""
        configured = self._states.get(name, "")
        if configured in ("active", "shadow") and self._promotion.enabled:
            return self._promoted.get(name, configured)
        return configured

    def _factor(self, state: str) -> float:
        """What a state's sizes are multiplied with."""
        return factor(state, self._promotion.canary_factor)

    # --- entries -------------------------------------------------------------------------------------------------

    def gates(self, entry: Entry) -> Iterable[Step]:
        by = self._disabled.get(entry.instance.id)
        if by is not None:
            return (Step(MODULE, Verdict.BLOCK, Reason.DISABLED, {"by": by}),)
        name, state = entry.instance.id, entry.instance.state
        if name in self._promoted and state in ("active", "shadow"):
            return (_BY_STATE.get(self._state(name), _OK),)
        return (_BY_STATE.get(state, _OK),)

    def multiplier(self, instance: str) -> float:
        size = self._sizes.get(instance, 1.0)
        return size * self._factor(self._state(instance)) if instance in self._promoted else size

    # --- the operator --------------------------------------------------------------------------------------------

    def obey(self, command: Command, t: int) -> Reply | None:
        do = command.do
        if not isinstance(do, SetInstance):
            return None
        name = do.instance
        if name not in self._states:
            return unknown(MODULE, command, "instance", name, self._states)
        if do.size is not None and not 0.0 <= do.size <= 1.0:
            return refused(MODULE, command, Reason.NOTHING_TO_DO, f"size {do.size:g} is not within 0 and 1.")
        old = self._say(name)
        if do.enabled is not None:
            self._disabled.pop(name, None)
            if not do.enabled:
                self._disabled[name] = command.by
            elif self._promoted.get(name) == "disabled":
                del self._promoted[name]
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
        said = f"{state} at {self._sizes.get(name, 1.0):.0%} of its size"
        return f"{said}, {self._promoted[name]} by promotion" if name in self._promoted else said

    def gauges(self) -> dict[str, Number]:
        """Who switched an instance off, its size by the operator, and its state where a promotion changed it."""
        off: dict[str, Number] = {f"off:{name}": by for name, by in self._disabled.items()}
        promoted: dict[str, Number] = {f"promoted:{name}": self._state(name) for name in self._promoted}
        return {**off, **{f"size:{name}": size for name, size in self._sizes.items()}, **promoted}
