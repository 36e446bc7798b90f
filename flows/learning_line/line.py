"""The learning line: the journal in, decisions on promotions out.

It runs the trading line twice over the same events. Once as it ran, which gives what every instance really did, the
exchange's own reports included: a replay is the truth. And once with a paper twin of each instance, alone on its
account and at full size: what a shadow would have done. Both lots are evidence (``models.promotion``); which count is
known before they are bought. It looks after every settlement, and writes a decision where something changes, and for
each instance once in ``promotion.look_s`` of event time.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from connectors.venues.separate import SeparateVenues
from flows.learning_line.evidence_feed import EvidenceFeed
from flows.learning_line.twins import candidates, twin_settings
from flows.pulse import FlowPulse
from flows.state import Schema
from flows.trading_line.line import TradingLine
from flows.trading_line.outbox import Outbox
from flows.trading_line.paper_rules import rules_of
from flows.trading_line.route import states
from models.configuration import configuration_id, relevant, with_relevant
from models.contracts import Number
from models.inputs import Promotion
from models.journal import AnyEvent, Clock, Configuration, Feed
from models.message import Message
from models.promotion.promoter import Promoter
from models.promotion.states import TWIN, PromotionState
from models.promotion.terms import PromotionLook, terms_of
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.timestamps import SECOND
from models.topics import MODELS, PROMOTIONS

PRODUCER = "learning"
CHIEF = "learning"
PROMOTION = "promotion"
_NO_KEY = "the key of promotions is not here, so nothing changes"


class LearningLine:
    """``advance`` is the whole interface. ``code``: version of the program, for the records; ``sends``: whether what it
    decides is sent: without the key of promotions an instance stays what it is, and the record says so."""

    def __init__(self, settings: Settings, code: str, sends: bool = True) -> None:
        self._settings = settings
        self._sends = sends
        self._code = code
        self._own = TradingLine(settings)
        self._beside = _BESIDE.begin(twin_settings(settings))
        self._promoter = Promoter(terms_of(settings.promotion))
        self._feed = EvidenceFeed()
        self._out = Outbox(PRODUCER)
        self._pulse = FlowPulse(PRODUCER, (PROMOTION,), CHIEF, settings.telemetry.interval)
        self._looked = 0  # looks at all, counted in ``look_s``
        self._journal = -1
        self._names: list[str] = []
        self._changes = 0

    def advance(self, event: AnyEvent) -> list[Message]:
        """What one journal event leads to. Raises ValueError where the journal is not whole."""
        if states(event):
            self._settings = with_relevant(self._settings, msgspec.json.decode(states(event)))
            self._beside.configure(relevant(twin_settings(self._settings)))
            self._register(event.t)
        elif self._journal < 0:
            self._register(event.t)
        self._journal = event.seq
        feed, promoter = self._feed, self._promoter
        feed.event(event)
        settled = feed.own(self._own.advance(event), promoter)
        settled |= feed.beside(self._beside.state.advance(self._as_twins(event)), promoter)
        messages: list[Message] = []
        turn = event.t // round(self._settings.promotion.look_s * SECOND)
        if isinstance(event, Clock) and turn != self._looked:
            due, self._looked = self._looked != 0, turn
            if due:
                self._look(event, all_of_them=True)
        elif settled:
            self._look(event, all_of_them=False)
        messages += self._out.take()
        if isinstance(event, Clock) and self._pulse.is_due(event.t):
            messages.append(self._pulse.beat(event.t, self._gauges(event.t), own={PROMOTION: self._states()}))
        elif isinstance(event, Feed) and event.what == "end of run":
            own = {PROMOTION: self._states()}
            messages.append(self._pulse.beat(event.t, self._gauges(event.t), whole=True, own=own))
        return messages

    def _register(self, t: int) -> None:
        """Judge what is configured now, from ``t`` (Unix ns) on."""
        self._names = []
        for name, each in candidates(self._settings).items():
            state: PromotionState = "active" if each.state == "active" else "shadow"
            self._promoter.register(name, each.strategy.name, state, t, tuple(self._settings.feeds.assets))
            self._names.append(name)

    def _as_twins(self, event: AnyEvent) -> AnyEvent:
        """The event as the twins' line hears it: a configuration is theirs."""
        if not isinstance(event, Configuration) or not states(event):
            return event
        beside = twin_settings(self._settings)
        text = msgspec.json.encode(relevant(beside)).decode()
        return msgspec.structs.replace(event, settings=text, configuration=configuration_id(beside))

    def __getstate__(self) -> dict[str, Any]:
        """What a snapshot holds. The twins' line is under settings of its own, and is frozen by itself."""
        return {**self.__dict__, "_beside": self._beside.snapshot()}

    def __setstate__(self, stored: dict[str, Any]) -> None:
        self.__dict__.update(stored)
        self._beside = _BESIDE.resume(stored["_beside"], twin_settings(self._settings))

    def _look(self, event: AnyEvent, all_of_them: bool) -> None:
        """Judge every instance that is configured."""
        promoter = self._promoter
        for name in self._names:
            look = promoter.look(name, event.t)
            if not all_of_them and look.new == look.old:
                continue
            self._pulse.count(PROMOTION, look.verdict, look.reason)
            self._pulse.count(CHIEF, Verdict.PASS, Reason.OK)
            configuration = configuration_id(self._settings)
            if look.new != look.old and not self._sends:
                look = msgspec.structs.replace(look, text=f"{look.text} Not sent: {_NO_KEY}.")
            decision = promoter.decision(name, look, event.seq, event.t, self._code, configuration)
            self._out.put(PROMOTIONS, name, decision, event.t)
            if look.new == look.old:
                continue
            self._changes += 1
            if self._sends:
                self._announce(name, look, decision.id, event.t)
            else:
                promoter.candidates[name].enter(look.old, event.t)

    def _announce(self, name: str, look: PromotionLook, decision: str, t: int) -> None:
        """Tell the trading flow, through the journal; whoever sends it signs it."""
        said = Promotion(
            model="none",
            instance=name,
            t=t,
            state=look.new,
            why=look.text,
            run=self._settings.run_name,
            decision=decision,
            e_value=look.seen.e_value,
            e_threshold=look.seen.e_threshold,
        )
        self._out.send(MODELS, name, msgspec.json.encode(said), t)

    # --- telemetry -----------------------------------------------------------------------------------------------

    def _gauges(self, t: int) -> dict[str, Number]:
        """``journal``: number of the last event read; the rest is counts."""
        return {
            "journal": self._journal,
            "read_to": t,
            "candidates": len(self._promoter.candidates),
            "trials": self._promoter.trials.count,
            "changes": self._changes,
        }

    def _states(self) -> dict[str, Number]:
        """By instance: its state, observations, e-value, and what it and its twin made in settled markets, dollars."""
        numbers: dict[str, Number] = {}
        for name, each in self._promoter.candidates.items():
            numbers[f"state:{name}"] = each.state
            numbers[f"observations:{name}"] = len(each.record)
            numbers[f"e_value:{name}"] = round(each.gain, 4)
            numbers[f"own_net:{name}"] = self._feed.made(name)
            numbers[f"twin_net:{name}"] = self._feed.made(name + TWIN)
        return numbers


def _beside(settings: Settings) -> TradingLine:
    names = [each.id for each in settings.instances if each.state == "twin"]
    return TradingLine(settings, SeparateVenues(rules_of(settings), names))


_BESIDE: Final = Schema("learning.beside", 1, _beside)
