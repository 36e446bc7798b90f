"""Whatever happens while real money is traded beside paper: no fill, and no cent, is on the wrong account.

The stories of ``test_any_story`` with an exchange that answers the commands on ``venue`` as it likes, and an operator
who arms and disarms.
"""

from __future__ import annotations

import os
import random
from collections import Counter

import msgspec
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from models.contracts import Answer, Fill, Posting, RiskEvent, VenueCommand
from models.control import Arm, Confirm, Disarm, Release, Resume, SetGate
from models.inputs import AnyExecution, DryRun, ExecutionReport, Preflight
from models.money import DOLLAR
from models.orders import FINAL
from models.settings import LiveSettings, Settings
from tests.flows.trading_line import test_any_story
from tests.flows.trading_line.test_any_story import Story, seeds

SEEN: Counter[str] = Counter()


def chosen() -> Settings:
    base = test_any_story.chosen()
    release = base.release.model_copy(update={"armed_h": 0.0, "armed_orders": 1})
    live = LiveSettings(enabled=True, cap_order=20, cap_total=60)
    return base.model_copy(update={"release": release, "live": live})


class LiveStory(Story):
    """``real``: what the exchange has of each order that was sent to it, micro-shares left."""

    def settings(self) -> Settings:
        return chosen()

    def prepare(self) -> None:
        self.real: dict[str, VenueCommand] = {}
        self.left: dict[str, int] = {}
        self.reads = 0
        self.armed = False
        self.live_cash = 0

    # --- what the operator and the exchange do --------------------------------------------------------------------

    @rule(stated=st.sampled_from([25, 60, 300]), seed=seeds)
    def it_is_armed(self, stated: int, seed: int) -> None:
        """Nobody waits for two weeks here: it stands at LIVE_DRY_RUN, and the rest is as it must be."""
        for each in (
            Release("kill"),
            Resume(),
            *(Release(f"breaker:{name}", "seen") for name in sorted(self.breakers)),
        ):
            self.give(each)
        desk = self.scene.line.trading._desk._desk
        if self.gate not in ("LIVE_DRY_RUN", "LIVE_ARMED"):
            desk._gate.gate = self.gate = "LIVE_DRY_RUN"
        self.tell(Preflight(self.scene.now, True, {}, stated * DOLLAR))
        self.tell(DryRun("rehearsed", self.scene.now, True))
        self.give(Arm())
        text = str(self.scene.books.of(Answer)[-1].text)
        if '"' in text:
            self.give(Confirm(text.split('"')[1]))
        SEEN[f"armed {self.gate == 'LIVE_ARMED'}"] += 1
        for number in range(4):
            self.move(seed + number)
            self.the_exchange_answers_at(seed + number)

    @rule(do=st.sampled_from([Disarm(), SetGate("LIVE_DRY_RUN"), SetGate("PAPER_FULL")]), seed=seeds)
    def it_is_disarmed(self, do: Disarm | SetGate, seed: int) -> None:
        self.give(do)
        self.move(seed)

    @rule(seed=seeds)
    def the_exchange_answers(self, seed: int) -> None:
        self.the_exchange_answers_at(seed)
        self.move(seed)

    def the_exchange_answers_at(self, seed: int) -> None:
        chance = random.Random(seed)
        for name in list(self.left):
            self.answer(name, chance)

    def answer(self, name: str, chance: random.Random) -> None:
        """A fill, a part of one, nothing, a match that is not confirmed, an end: whatever an exchange may say."""
        command, left, now = self.real[name], self.left[name], self.scene.now
        if name not in self.states or self.states[name] in FINAL:
            del self.left[name]
            return
        which = chance.random()
        if which < 0.45:
            size = left if chance.random() < 0.6 else max(left // 20_000 * 10_000, 10_000)
            state = "filled" if size == left else "partly_filled"
            price = command.limit
            self.left[name] = left - size
            self.tell(ExecutionReport(name, state, now, price=price, size=size, trade=f"{name}:{left}"))  # type: ignore[arg-type]
        elif which < 0.6:
            self.tell(ExecutionReport(name, "unknown", now, trade="t", reason="provisional"))
        else:
            done = "rejected" if left == command.size else "cancelled"
            self.left[name] = 0
            self.tell(ExecutionReport(name, done, now))  # type: ignore[arg-type]
        if not self.left[name]:
            del self.left[name]

    def tell(self, said: AnyExecution) -> None:
        self.scene.later(0.01)
        self.scene.input("executions", msgspec.json.encode(said).decode())
        self.look()

    # --- what must hold -------------------------------------------------------------------------------------------

    def look(self) -> None:
        super().look()
        for record in self.scene.books.last:
            if isinstance(record, VenueCommand) and record.do == "send":
                if record.gate == "LIVE_ARMED" or record.order.endswith("-live"):
                    self.take(record)
            elif isinstance(record, Fill):
                real = record.order in self.real
                assert (record.account == "live") == real == (record.evidence == "exchange")
                SEEN[f"{record.account} {record.side}"] += 1
            elif isinstance(record, Posting) and record.account.startswith("live/"):
                order = record.ref.rpartition(".")[0] if record.kind in ("buy", "sell") else record.ref
                if record.kind in ("reserve", "release", "buy", "sell"):
                    assert order in self.orders_of_live, "real money moves for real orders alone"
            elif isinstance(record, Posting) and record.kind in ("reserve", "release", "buy", "sell"):
                order = record.ref.rpartition(".")[0] if record.kind in ("buy", "sell") else record.ref
                assert order not in self.real, "paper money never moves for a real order"
        assert self.scene.books.accounts.get("live/cash", 0) >= 0

    def take(self, command: VenueCommand) -> None:
        assert command.gate == "LIVE_ARMED", "nothing is real below LIVE_ARMED"
        self.real[command.order] = command
        self.left[command.order] = command.size
        SEEN["sent"] += 1

    @property
    def orders_of_live(self) -> set[str]:
        return {name for name, account in self.scene.books.account_of.items() if account == "live/reserved"} | set(
            self.real
        )

    def gate_may_be(self, record: RiskEvent) -> None:
        assert record.new != "LIVE_ARMED" or record.old == "LIVE_DRY_RUN"

    def teardown(self) -> None:
        if getattr(self, "scene", None) is not None:
            self.give(SetGate("DEV"))
            for name in list(self.left):
                if self.states.get(name, "filled") not in FINAL:
                    done = "rejected" if self.left[name] == self.real[name].size else "cancelled"
                    self.tell(ExecutionReport(name, done, self.scene.now))  # type: ignore[arg-type]
            self.left = {}
        super().teardown()
        if getattr(self, "scene", None) is not None:
            books = self.scene.books
            assert books.balance("live/position:") == 0
            assert books.accounts.get("live/reserved", 0) == 0
            assert books.balance("live/") == 0


@pytest.mark.takes(40)
def test_whatever_happens_real_money_and_paper_stay_apart() -> None:
    chosen = hypothesis_settings(
        max_examples=int(os.environ.get("PROFIT_TEST_STORIES", "15")),
        stateful_step_count=40,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(LiveStory, settings=chosen)
    for what in ("armed True", "sent", "live buy", "live sell", "main buy", "main sell"):
        assert SEEN[what], what
