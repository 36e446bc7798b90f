"""Whatever happens to a trading line, in whatever order: its money stays whole, and no order is in an impossible state.

A hundred thousand events by rules that Hypothesis draws: quotes, spot, trades, holes, resolutions and their changes,
commands, lost answers, and crashes after which the line goes on under other settings.
"""

from __future__ import annotations

import os
import pickle
import random
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from connectors.venues.paper.venue import PaperVenue
from connectors.venues.venue import Venue
from flows.trading_line.paper_rules import rules_of
from models.contracts import Decision, Fill, Order, RiskEvent
from models.control import (
    Arm,
    Close,
    Command,
    Confirm,
    Disarm,
    Flatten,
    Instruction,
    Kill,
    Pause,
    Release,
    Resume,
    SetGate,
    SetInstance,
    encode,
    public_key,
    sign,
)
from models.journal import Trade
from models.money import PIP, SHARE
from models.orders import FINAL, TRANSITIONS
from models.reasons import Reason, Verdict
from models.release import GATES, LIVE
from models.settings import InstanceTable, OperatorSettings, Settings
from models.timestamps import SECOND
from models.topics import FEED_POLYMARKET
from tests.flows.trading_line.desk import END, KEY, Scene, settings
from tests.flows.trading_line.tardy import TardyVenue

TOKEN = "11" * 32
#: Events a step of the machine: it is not the drawing of steps that is tried.
BURST = 40
COOLDOWN = 2 * SECOND
#: Events until an order whose answer was lost is known again: few enough that no settlement gives it up.
SILENT = 40
#: How many stories are told; `make soak` tells more.
STORIES = int(os.environ.get("PROFIT_TEST_STORIES", "60"))
seeds = st.integers(0, 2**32 - 1)


def chosen() -> Settings:
    """Eager, so that much is traded; a shadow and a twin beside the strategies; one answer in fifty is lost."""
    base = settings(
        portfolio={"cooldown_s": COOLDOWN / SECOND, "min_time_left_s": 0, "reentry_after_stop": True},
        fair_value={"min_edge": 0.001, "margin": 0.0},
        parity={"split": True},
        execution={"time_out_rate": 0.02, "jitter_ms": 30},
        allocation={"enabled": True},
        concentration={"cap_underlying": 90, "cap_expiry": 80, "cap_family": 300},
        breakers={"own_loss_reduce": 60, "own_loss_stop": 120, "streak_reduce": 2, "streak_stop": 3},
        release={"canary_h": 0, "full_h": 0, "full_rounds": 1},
    )
    instances = (
        InstanceTable(id="shade", strategy="updown_fair_value", state="shadow"),
        InstanceTable(id="double", strategy="updown_fair_value", state="twin", parameters={"take_profit": 0.03}),
    )
    return base.model_copy(
        update={"operator": OperatorSettings(public_key=public_key(TOKEN)), "run_name": "story", "instances": instances}
    )


class Story(RuleBasedStateMachine):
    """A scene of one market after the other."""

    def venue(self) -> Venue | None:
        """Where orders go: the paper venue, which answers for all orders of a market when it resolves."""
        return None

    def settings(self) -> Settings:
        return chosen()

    def prepare(self) -> None:
        """What a kind of story keeps besides."""

    @initialize()
    def begin(self) -> None:
        self.prepare()
        self.scene = Scene(self.settings(), self.venue())
        self.windows = 0
        self.gate = "DEV"
        self.breakers: dict[str, str] = {}
        self.killed = False
        self.states: dict[str, str] = {}
        self.sold: dict[tuple[str, str, str], tuple[int, int]] = {}  # when and the price of an instance's last sale
        self.end = END
        self.scene.warm_up(12)

    # --- what the exchange does -----------------------------------------------------------------------------------

    @rule(seed=seeds, size=st.sampled_from([3, 12, 60, 1_000]))
    def the_market_moves(self, seed: int, size: int) -> None:
        self.move(seed, size)

    def move(self, seed: int, size: int = 60) -> None:
        """A burst of quotes, prices, ticks and trades; after every other rule, too, so that it has consequences."""
        scene, chance = self.scene, random.Random(seed)
        for _ in range(BURST):
            scene.later(chance.choice([0.01, 0.05, 0.2]))
            which = chance.random()
            if which < 0.25:
                scene.spot(max(60_000.0 + chance.gauss(0, 40), 1.0), ok=chance.random() > 0.02)
            elif which < 0.4:
                scene.clock()
            elif which < 0.5:
                self.trade(chance)
            else:
                bid = chance.randint(2, 96)
                up = scene.token("up", *self.sides(chance, bid, bid + chance.choice([1, 1, 2, 4]), size))
                torn = chance.random() < 0.06
                other = 100 - bid - chance.choice([1, 2]) - (14 if torn else 0)
                down = scene.token("down", *self.sides(chance, max(other, 1), max(other, 1) + 1, size))
                if chance.random() < 0.05:
                    up = msgspec.structs.replace(up, ok=False, checks=("no_snapshot",))
                scene.up, scene.down = up, down
                scene.book(pair=not torn)
            self.look()

    def sides(self, chance: random.Random, bid: int, ask: int, size: int) -> tuple[Any, Any]:
        deep = range(chance.choice([1, 1, 3]))
        bids = tuple((max(bid - level, 1) * 100, size * SHARE) for level in deep if bid - level >= 1)
        asks = tuple((ask + level) * 100 for level in deep if ask + level <= 99)
        return bids, tuple((price, size * SHARE) for price in asks)

    def trade(self, chance: random.Random) -> None:
        scene = self.scene
        head = scene._head(FEED_POLYMARKET)
        price, size = chance.randint(1, 99) * 100, chance.randint(1, 200) * SHARE
        token, side = chance.choice(["up", "down"]), chance.choice(["BUY", "SELL"])
        scene.put(Trade(**head, key=scene.key, token=token, price=price, size=size, side=side, x=scene.now))

    @rule(seed=seeds)
    def one_leg_of_a_pair_fails(self, seed: int) -> None:
        """Both legs are cheap when they are sent; when they arrive, Down has become dear."""
        scene = self.scene
        scene.later(6)
        scene.up = scene.token("up", ((4_400, 99 * SHARE),), ((4_500, 99 * SHARE),))
        scene.down = scene.token("down", ((4_500, 99 * SHARE),), ((4_600, 99 * SHARE),))
        scene.book()
        self.look()
        scene.later(0.05)
        scene.down = scene.token("down", ((7_000, 99 * SHARE),), ((7_100, 99 * SHARE),))
        scene.book(pair=False)
        self.look()
        for _ in range(4):
            scene.later(0.2)
            scene.clock()
            self.look()
        self.move(seed)

    @rule(seed=seeds, stays=st.booleans(), falls=st.booleans())
    def a_dollar_is_worth_more_in_two_parts(self, seed: int, stays: bool, falls: bool) -> None:
        """Both bids exceed a dollar when a split is sent; when it is done they may, and one may fall before the sales
        arrive."""
        scene = self.scene
        scene.later(6)

        def quote(down: int) -> None:
            scene.up = scene.token("up", ((5_600, 99 * SHARE),), ((5_700, 99 * SHARE),))
            scene.down = scene.token("down", ((down, 99 * SHARE),), ((down + 100, 99 * SHARE),))
            scene.book()
            self.look()

        quote(5_100)
        for _ in range(7):
            scene.later(0.5)
            scene.clock()
            self.look()
            quote(5_100 if stays else 4_300)
        scene.later(0.05)
        quote(3_000 if falls else 5_100)
        for _ in range(4):
            scene.later(0.2)
            scene.clock()
            self.look()
        self.move(seed)

    @rule(seconds=st.floats(0.3, 90), seed=seeds)
    def nothing_is_heard(self, seconds: float, seed: int) -> None:
        self.scene.later(seconds)
        self.scene.clock()
        self.look()
        self.move(seed)

    @rule(up=st.sampled_from([0, PIP, PIP // 2]))
    def the_market_resolves(self, up: int) -> None:
        self.scene.now = max(self.scene.now, self.end + SECOND)
        self.scene.resolve(up)
        self.look()
        for _ in range(3):
            self.scene.later(0.3)
            self.scene.clock()
            self.look()

    # --- what the operator does -----------------------------------------------------------------------------------

    @rule(do=st.sampled_from([Pause(), Kill(), Flatten(), Close("")]), seed=seeds, back=st.booleans())
    def commands(self, do: Instruction, seed: int, back: bool) -> None:
        self.give(Close(self.scene.key) if isinstance(do, Close) else do)
        self.move(seed)
        if back:
            for each in (Release("kill"), Resume()):
                self.give(each)
            self.move(seed + 1)

    @rule(
        do=st.sampled_from(
            [
                SetGate("PAPER_CANARY"), SetGate("PAPER_FULL"), SetGate("LIVE_DRY_RUN"), SetGate("LIVE_ARMED"),
                SetGate("DEV"), Arm(), Confirm("arm-0000-0000"), Disarm(),
                SetInstance("updown_fair_value", enabled=False), SetInstance("updown_fair_value", True, 0.5),
            ]
        ),
        seed=seeds,
    )  # fmt: skip
    def what_the_operator_sets(self, do: Instruction, seed: int) -> None:
        self.give(do)
        self.move(seed)
        if isinstance(do, SetInstance):
            self.give(SetInstance("updown_fair_value", True, 1.0))

    @rule(seed=seeds)
    def the_next_gate(self, seed: int) -> None:
        self.give(SetGate(GATES[min(GATES.index(self.gate), len(GATES) - 2) + 1]))  # type: ignore[arg-type]
        self.move(seed)

    @rule(seed=seeds)
    def breakers_are_released(self, seed: int) -> None:
        for name, level in sorted(self.breakers.items()):
            if level != "clear":
                self.give(Release(f"breaker:{name}", "seen"))
        self.move(seed)

    def give(self, do: Instruction) -> None:
        scene = self.scene
        scene.later(0.01)
        command = Command(id=f"c{scene.seq}", run="story", t=scene.now, by="trader", do=do)
        scene.input("control", encode(sign(command, TOKEN)).decode())
        self.look()
        if isinstance(do, Kill):
            self.killed = True
        elif isinstance(do, Release):
            self.killed = False

    @rule(cap=st.sampled_from([20.0, 60.0, 200.0]), enabled=st.booleans(), extra=st.booleans(), seed=seeds)
    def a_crash_after_which_it_goes_on_under_other_settings(
        self, cap: float, enabled: bool, extra: bool, seed: int
    ) -> None:
        scene = self.scene
        fresh = self.settings()
        lower = fresh.portfolio.model_copy(update={"cap_market": cap, "cap_order": cap / 2})
        fresh = fresh.model_copy(update={"portfolio": lower})
        fresh = fresh.model_copy(
            update={
                "parity": fresh.parity.model_copy(update={"enabled": enabled}),
                "instances": fresh.instances if extra else (),
            }
        )
        trading = scene.line.trading
        trading._desk._desk._floor.settings = fresh  # as the state's mechanism passes them in
        for lane in trading._lanes.values():
            lane._settings = fresh
        scene.line.trading = pickle.loads(pickle.dumps(trading))
        scene.line.trading._settings = fresh
        scene.settings = fresh
        scene.books.under(fresh)
        self.move(seed)

    @rule(seed=seeds)
    def the_next_window_opens(self, seed: int) -> None:
        scene = self.scene
        self.windows += 1
        self.end = scene.now + 300 * SECOND
        scene.definition, scene.key = None, f"{KEY}-{self.windows}"
        scene.market(start=scene.now, end=self.end)
        self.look()
        self.move(seed)
        self.move(seed + 1)

    # --- what must hold -------------------------------------------------------------------------------------------

    def look(self) -> None:
        """After each event: the bookkeeper has checked the money; here the orders."""
        for record in self.scene.books.last:
            if isinstance(record, Order):
                before = self.states.get(record.id)
                if before is None:
                    assert record.status == "submitted"
                    assert not self.killed, "no order goes out while trading is killed"
                else:
                    assert record.status in TRANSITIONS[before], (before, record.status)
                assert 0 <= record.filled <= record.size
                self.states[record.id] = record.status
            elif isinstance(record, Fill):
                self.no_buying_back(record)
            elif isinstance(record, RiskEvent):
                self.risk(record)
            elif isinstance(record, Decision):
                assert record.strategy != "shade" or record.action == "block"

    def risk(self, record: RiskEvent) -> None:
        """Every change begins where the last one ended; no gate is left out, and none is live without its criteria."""
        assert record.old != record.new and record.text
        SEEN[f"{record.kind} {record.subject}"] += 1
        SEEN[f"{record.kind} {record.subject} {record.new}"] += 1
        if record.kind == "gate":
            assert record.old == self.gate
            assert GATES.index(record.new) - GATES.index(record.old) <= 1  # type: ignore[arg-type]
            self.gate_may_be(record)
            self.gate = record.new
        elif record.kind == "breaker":
            name = f"{record.subject}:{record.scope}:{record.name}"
            assert record.old == self.breakers.get(name, "clear")
            self.breakers[name] = record.new

    def gate_may_be(self, record: RiskEvent) -> None:
        assert record.new not in LIVE, "nobody checked the way to the exchange here"

    def no_buying_back(self, fill: Fill) -> None:
        key = (fill.strategy, fill.market_key, fill.outcome)
        if fill.side == "sell":
            self.sold[key] = (fill.timestamp, fill.price)
        elif key in self.sold:
            t, price = self.sold[key]
            assert fill.timestamp - t >= COOLDOWN or fill.price <= price, "bought back above its own sale"

    @invariant()
    def nothing_hangs(self) -> None:
        scene = getattr(self, "scene", None)
        if scene is None:
            return
        working = sum(1 for status in self.states.values() if status not in FINAL)
        reserved = 0
        for amount in scene.books.reserved.values():
            reserved += amount
        assert working or reserved == 0
        portfolio = scene.books.modules.get("portfolio")
        assert portfolio is None or portfolio.gauges["anomaly"] == 0

    def teardown(self) -> None:
        """In the end everything is paid, and nothing is left."""
        scene = getattr(self, "scene", None)
        if scene is None:
            return
        for _ in range(SILENT):
            scene.later(0.25)
            scene.clock()
            self.look()
        for earlier in range(self.windows):  # those that never resolved in the story
            key = f"{KEY}-{earlier}" if earlier else KEY
            scene.market(key=key, payout_up=0, payout_down=PIP, resolved_by="gamma")
            self.look()
        scene.now = max(scene.now, self.end + 600 * SECOND)
        scene.market(key=scene.key, payout_up=PIP, payout_down=0, resolved_by="gamma")
        self.look()
        for _ in range(SILENT + 8):
            scene.later(1)
            scene.clock()
            self.look()
        assert scene.books.balance("position:") == 0
        assert all(status in FINAL for status in self.states.values())
        assert scene.books.accounts.get("reserved", 0) == 0
        assert scene.books.accounts["cash"] >= 0
        assert scene.books.balance("") == 0
        SEEN["events"] += scene.seq
        SEEN.update(f"{each.action} {each.reason}" for each in scene.books.of(Decision))
        SEEN.update(f"{each.status} {each.reason}" for each in scene.books.of(Order))
        SEEN["fill"] += len(scene.fills())
        scene.note("end of run")
        waits = scene.books.modules["settlement"].counts.get(f"{Verdict.HOLD}:{Reason.UNANSWERED}", 0)
        SEEN["settlements that waited"] += waits


class UnansweredStory(Story):
    """The same with three answers in ten lost, so that what became of an order is often not known yet when its market
    resolves."""

    def venue(self) -> Venue:
        rules = msgspec.structs.replace(rules_of(chosen()), lost_answers=300_000)
        return TardyVenue(PaperVenue(rules), 0, SILENT)


SEEN: Counter[str] = Counter()


@pytest.mark.takes(100)
def test_whatever_happens_money_and_orders_stay_whole() -> None:
    chosen = hypothesis_settings(
        max_examples=STORIES,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    run_state_machine_as_test(Story, settings=chosen)
    # what was never tried was not shown
    assert SEEN["events"] > 100_000
    assert SEEN["fill"] > 1_000
    for what in (
        "enter enter", "exit take_profit", "exit stop_loss", "exit leg_broken", "exit pair_sold",
        "settle settled", "correct corrected", "block kill_switch", "block paused", "block shadow", "unknown time_out",
        "rejected unobserved", "cancelled rest_cancelled", "gate release PAPER_CANARY", "gate release PAPER_FULL",
        "breaker loss_streak reduced", "multiplier size", "instance entries",
    ):  # fmt: skip
        assert SEEN[what], what


@pytest.mark.takes(30)
def test_whatever_happens_nothing_is_paid_that_the_venue_may_have_sold() -> None:
    chosen = hypothesis_settings(
        max_examples=15,
        stateful_step_count=50,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    SEEN.clear()
    run_state_machine_as_test(UnansweredStory, settings=chosen)
    for what in ("settlements that waited", "settle settled", "unknown time_out", "fill"):
        assert SEEN[what], what
