"""The release gate at the desk: one step at a time, three words to arm, and down at once."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.venues.paper.venue import PaperVenue
from flows.trading_line.breakers import Breakers
from flows.trading_line.cooldown import Cooldown
from flows.trading_line.floor import Floor
from flows.trading_line.holdings import Holdings
from flows.trading_line.operator import Operator
from flows.trading_line.outbox import Outbox
from flows.trading_line.paper_rules import rules_of
from flows.trading_line.positions import Account
from flows.trading_line.reconciliation import Reconciliation
from flows.trading_line.release_gate import ReleaseGate
from flows.trading_line.reply import Reply
from models.accounts import MAIN
from models.control import Arm, Command, Confirm, Disarm, Instruction, Kill, SetGate
from models.happenings import Irregular, RoundClosed
from models.inputs import DryRun, Preflight
from models.money import DOLLAR
from models.portfolio.sections import ReleaseSettings
from models.settings import LiveSettings, Settings
from models.timestamps import SECOND
from models.topics import FEED_POLYMARKET

HOUR = 3_600 * SECOND
QUICK = ReleaseSettings(
    canary_h=1, full_h=1, full_rounds=2, dry_h=1, dry_rounds=2, armed_h=1, armed_orders=3, armed_min=10
)


class Gate:
    """A release gate with everything that it looks at; ``now`` in Unix ns."""

    def __init__(self) -> None:
        settings = Settings(release=QUICK, live=LiveSettings(enabled=True))
        account = Account(MAIN, 10_000 * DOLLAR)
        account.open(0, 0, Outbox("trading"))
        floor = Floor(settings, PaperVenue(rules_of(settings)))
        self.known, self.books = floor.known, Reconciliation()
        cooldown = Cooldown(settings, floor.blotter, floor.accounts)
        self.operator = Operator(settings, self.known, Holdings(floor, cooldown))
        self.breakers = Breakers(settings, self.known, {MAIN: account}, self.books)
        self.gate = ReleaseGate(settings, self.known, {MAIN: account}, self.operator, self.books, self.breakers)
        self.now = 1_000 * HOUR
        self.numbers = 0
        self.tick()

    def tick(self) -> None:
        self.breakers.on_clock(self.now)
        self.gate.on_clock(self.now)

    def later(self, hours: float) -> None:
        self.now += round(hours * HOUR)
        self.tick()

    def say(self, do: Instruction) -> Reply:
        self.numbers += 1
        command = Command(f"c{self.numbers}", "r", self.now, "me", do)
        self.operator.obey(command, self.now)
        reply = self.gate.obey(command, self.now)
        assert reply is not None or isinstance(do, Kill)
        return reply  # type: ignore[return-value]

    def checked(self) -> None:
        """The live venue has checked itself, and three orders of the dry run."""
        self.gate.on_input(Preflight(self.now, True, {}, 50 * DOLLAR), self.now)
        for number in range(3):
            self.gate.on_input(DryRun(f"o{number}", self.now, True), self.now)

    def rounds(self, number: int = 2, result: int = DOLLAR) -> None:
        for each in range(number):
            closed = RoundClosed("updown_fair_value", f"m{each}", result, 10 * DOLLAR, 20 * DOLLAR, 0.0, self.now)
            self.gate.on(closed)

    def climb(self, target: str) -> None:
        """Up to a gate, everything being met."""
        for step in ("PAPER_CANARY", "PAPER_FULL", "LIVE_DRY_RUN"):
            if self.gate.gate == target:
                return
            self.later(1.5)
            self.rounds()
            self.gate.on_input(Preflight(self.now, True, {}, 50 * DOLLAR), self.now)
            assert self.say(SetGate(step)).step.verdict == "pass", step
        if target == "LIVE_ARMED":
            self.later(1.5)
            self.checked()
            text = self.say(Arm()).text
            assert self.say(Confirm(text.split('"')[1])).step.verdict == "pass"
        assert self.gate.gate == target


def test_at_the_beginning_nothing_counts() -> None:
    gate = Gate()
    assert gate.gate.gate == "DEV"
    refusal = gate.say(SetGate("PAPER_CANARY"))
    assert refusal.step.reason == "criteria_missing"
    assert "hours at this gate" in refusal.text and "about" in refusal.text
    gate.later(1.1)
    assert gate.say(SetGate("PAPER_CANARY")).step.verdict == "pass"


def test_no_gate_is_left_out_and_none_is_reached_without_its_criteria() -> None:
    gate = Gate()
    gate.later(10)
    for target in ("PAPER_FULL", "LIVE_DRY_RUN", "LIVE_ARMED"):
        assert gate.say(SetGate(target)).step.reason == "criteria_missing"
        assert gate.gate.gate == "DEV"
    gate.climb("PAPER_CANARY")
    gate.later(5)
    assert "settled rounds" in gate.say(SetGate("PAPER_FULL")).text
    gate.rounds(2, result=-DOLLAR)
    assert "net dollars" in gate.say(SetGate("PAPER_FULL")).text, "what lost is not promoted"


def test_what_was_shown_at_one_gate_is_no_evidence_for_the_next() -> None:
    gate = Gate()
    gate.climb("PAPER_CANARY")
    gate.later(1.5)
    gate.rounds()
    assert gate.say(SetGate("PAPER_FULL")).step.verdict == "pass"
    gate.gate.on_input(Preflight(gate.now, True, {}), gate.now)
    assert "hours at this gate 0" in gate.say(SetGate("LIVE_DRY_RUN")).text


def test_arming_takes_a_request_and_its_phrase_within_a_minute() -> None:
    gate = Gate()
    gate.climb("LIVE_DRY_RUN")
    gate.later(1.5)
    assert "orders checked in the dry run" in gate.say(Arm()).text
    gate.checked()
    assert gate.say(SetGate("LIVE_ARMED")).step.reason == "not_armed"
    assert gate.say(Confirm("arm-0000-0000")).step.reason == "phrase_expired", "nothing was asked for"
    phrase = gate.say(Arm()).text.split('"')[1]
    assert gate.say(Confirm("arm-0000-0000")).step.reason == "phrase_wrong"
    assert gate.say(Confirm(phrase)).step.reason == "phrase_expired", "one try"
    phrase = gate.say(Arm()).text.split('"')[1]
    gate.now += 61 * SECOND
    assert gate.say(Confirm(phrase)).step.reason == "phrase_expired"
    assert gate.gate.gate == "LIVE_DRY_RUN"
    phrase = gate.say(Arm()).text.split('"')[1]
    gate.now += 59 * SECOND
    assert gate.say(Confirm(phrase)).step.verdict == "pass"
    assert gate.gate.gate == "LIVE_ARMED"


def _disarm(gate: Gate) -> None:
    gate.say(Disarm())


def _time(gate: Gate) -> None:
    gate.later(11 / 60)


def _start(gate: Gate) -> None:
    gate.gate.on_start(gate.now)


def _feed(gate: Gate) -> None:
    gate.known.stale_feeds = (FEED_POLYMARKET,)
    gate.tick()


def _kill(gate: Gate) -> None:
    gate.say(Kill())
    gate.tick()


def _anomaly(gate: Gate) -> None:
    gate.books.note_anomaly("a lost posting")
    gate.tick()


def _breaker(gate: Gate) -> None:
    for number in range(3):
        gate.breakers.on(Irregular("x", f"o{number}", "no answer", gate.now))
    gate.tick()


@pytest.mark.parametrize(
    ("what", "to"),
    [
        (_disarm, "LIVE_DRY_RUN"),
        (_time, "LIVE_DRY_RUN"),
        (_start, "LIVE_DRY_RUN"),
        (_feed, "LIVE_DRY_RUN"),
        (_kill, "PAPER_CANARY"),
        (_anomaly, "PAPER_CANARY"),
        (_breaker, "PAPER_CANARY"),
    ],
)
def test_it_is_thrown_down_at_once_and_says_why(what: Any, to: str) -> None:
    gate = Gate()
    gate.climb("LIVE_ARMED")
    list(gate.gate.notices())
    what(gate)
    assert gate.gate.gate == to
    (change,) = gate.gate.notices()
    assert (change.old, change.new, change.kind) == ("LIVE_ARMED", to, "gate") and change.text  # type: ignore[union-attr]
    assert not gate.gate.is_live or to == "LIVE_DRY_RUN"


def test_down_needs_no_reason_but_the_operators_word() -> None:
    gate = Gate()
    gate.climb("LIVE_ARMED")
    assert gate.say(SetGate("DEV")).step.verdict == "pass"
    assert gate.gate.gate == "DEV"
    assert gate.say(SetGate("DEV")).step.reason == "nothing_to_do"
    assert gate.say(SetGate("ROCKET")).step.reason == "unknown_name"
    near = gate.say(SetGate("paper_full"))
    assert near.step.reason == "unknown_name" and "Did you mean PAPER_FULL" in near.text


def test_a_check_that_fails_and_an_order_that_could_not_be_sent_keep_it_from_arming() -> None:
    for said in (Preflight(0, False, {"clock": "failed: 9 s off"}), DryRun("o9", 0, False)):
        gate = Gate()
        gate.climb("LIVE_DRY_RUN")
        gate.later(1.5)
        gate.checked()
        gate.gate.on_input(said, gate.now)
        assert gate.say(Arm()).step.reason == "criteria_missing"


def test_without_a_live_venue_it_does_not_stay_live() -> None:
    gate = Gate()
    gate.climb("LIVE_DRY_RUN")
    gate.gate.configure(Settings(release=QUICK))
    gate.tick()
    assert gate.gate.gate == "PAPER_FULL"
