"""The breakers at the desk: who is stopped by what, what reduces first, and how it ends."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flows.trading_line.allocation import Allocation
from flows.trading_line.breakers import Breakers
from flows.trading_line.known import KnownMarket, MarketCache
from flows.trading_line.members import Entry
from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Account
from flows.trading_line.reconciliation import Reconciliation
from models.accounts import MAIN
from models.control import Command, Release
from models.features.examples import example_market
from models.happenings import Filled, Irregular, RoundClosed
from models.money import DOLLAR
from models.orders import Execution, example_order
from models.portfolio.sections import AllocationSettings, BreakerSettings
from models.settings import InstanceTable, Settings
from models.strategies.instance import all_instances
from models.strategies.signal import Intent
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_POLYMARKET

FAIR, PARITY, TWIN = "updown_fair_value", "parity", "double"
SETTINGS = Settings(
    instances=(InstanceTable(id=TWIN, strategy=FAIR, state="twin"),),
    breakers=BreakerSettings(streak_reduce=3, streak_stop=5, own_loss_reduce=50, own_loss_stop=100),
)
DAY = 86_400 * SECOND


class Guarded:
    """Breakers over an account; ``now`` in Unix ns."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.instances = all_instances(settings)
        self.account = Account(MAIN, 10_000 * DOLLAR)
        self.account.open(0, 0, Outbox("trading"))
        self.known, self.books = MarketCache(), Reconciliation()
        twins = {name: Account(name, 1) for name, each in self.instances.items() if each.state == "twin"}
        self.breakers = Breakers(settings, self.known, {MAIN: self.account, **twins}, self.books)
        self.now = 20_000 * DAY + 3_600 * SECOND
        self.breakers.on_clock(self.now)

    def later(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += SECOND
            self.breakers.on_clock(self.now)

    def result(self, dollars: float, instance: str = FAIR) -> None:
        account = instance if self.instances[instance].state == "twin" else MAIN
        spent = 100 * DOLLAR, 200 * DOLLAR, 0.0
        closed = RoundClosed(instance, "m", round(dollars * DOLLAR), *spent, self.now, account)
        self.breakers.on(closed)

    def asks(self, instance: str = FAIR) -> tuple[str, str]:
        intent = Intent("Up", 5_000, 0.6)
        entry = Entry(self.now, self.instances[instance], KnownMarket(example_market()), intent, (intent,))
        (step,) = self.breakers.gates(entry)
        return str(step.verdict), str(step.reason)

    def release(self, name: str) -> str:
        command = Command("c", "r", self.now, "me", Release(f"breaker:{name}", "seen"))
        reply = self.breakers.obey(command, self.now)
        assert reply is not None
        return str(reply.step.verdict)

    def changes(self) -> list[tuple[str, str, str, str]]:
        return [(each.subject, each.name, each.old, each.new) for each in self.breakers.notices()]  # type: ignore[union-attr]


def test_a_losing_day_makes_sizes_smaller_first_and_then_stops() -> None:
    guarded = Guarded()
    guarded.result(-49)
    assert guarded.breakers.multiplier(FAIR) == 1.0
    guarded.result(-2)
    assert guarded.breakers.multiplier(FAIR) == 0.2 and guarded.asks() == ("pass", "ok")
    guarded.result(+5)
    guarded.result(-60)
    assert guarded.breakers.multiplier(FAIR) == 0.0 and guarded.asks() == ("block", "daily_loss")
    assert guarded.asks(PARITY) == ("pass", "ok"), "another family"
    assert ("daily_loss", FAIR, "reduced", "stopped") in guarded.changes()
    guarded.now = 20_001 * DAY
    guarded.later(1)
    assert guarded.asks() == ("pass", "ok"), "a new day"


def test_a_family_is_stopped_with_its_money_and_a_twin_has_its_own() -> None:
    guarded = Guarded()
    guarded.result(-150, TWIN)
    assert guarded.asks(TWIN) == ("block", "daily_loss")
    assert guarded.asks(FAIR) == ("pass", "ok"), "a paper twin loses no money of the portfolio's"
    guarded.result(-150, FAIR)
    changed = {name for _, name, _, new in guarded.changes() if new == "stopped"}
    assert changed == {TWIN, FAIR, guarded.instances[FAIR].strategy.family}


def test_an_instance_and_a_family_of_one_name_have_breakers_of_their_own() -> None:
    family = Guarded().instances[FAIR].strategy.family
    namesake = InstanceTable(id=family, strategy="updown_fair_value")
    guarded = Guarded(Settings(instances=(namesake,)))
    guarded.result(-350, FAIR)  # the family's loss, and not that of the instance which bears its name
    changed = {(each.scope, each.name) for each in guarded.breakers.notices() if each.new == "stopped"}  # type: ignore[union-attr]
    assert changed == {("instance", FAIR), ("family", family)}
    assert guarded.release(f"daily_loss:instance:{family}") == "block"
    assert guarded.release(f"daily_loss:{family}") == "block"
    assert guarded.release(f"daily_loss:family:{family}") == "pass"
    assert guarded.asks(family) == ("pass", "ok")
    assert guarded.asks(FAIR) == ("block", "daily_loss")


def test_a_breaker_that_does_not_stand_is_not_one_that_there_is_not() -> None:
    guarded = Guarded()
    guarded.result(-350)

    def answer(name: str) -> tuple[str, str]:
        reply = guarded.breakers.obey(Command("c", "r", guarded.now, "me", Release(f"breaker:{name}")), guarded.now)
        assert reply is not None
        return str(reply.step.reason), reply.text

    assert answer(f"slippage:instance:{FAIR}")[0] == "nothing_to_do"
    reason, text = answer(f"daily_lost:instance:{FAIR}")
    assert reason == "unknown_name" and f"Did you mean daily_loss:instance:{FAIR}" in text
    assert answer("drawdown")[0] == "unknown_name"


def test_a_streak_ends_with_a_gain_or_its_pause() -> None:
    guarded = Guarded()
    for _ in range(3):
        guarded.result(-1)
    assert guarded.breakers.multiplier(FAIR) == 0.2
    guarded.result(+1)
    assert guarded.breakers.multiplier(FAIR) == 1.0
    for _ in range(5):
        guarded.result(-1)
    assert guarded.asks() == ("block", "loss_streak")
    guarded.later(3_600)
    assert guarded.asks() == ("pass", "ok")


def test_a_drawdown_waits_for_the_operator() -> None:
    guarded = Guarded(Settings(breakers=BreakerSettings(own_loss_reduce=9_000, own_loss_stop=9_000)))
    guarded.result(+100)
    guarded.result(-501)
    assert guarded.asks() == ("block", "drawdown")
    guarded.now += 3 * DAY
    guarded.later(1)
    assert guarded.asks() == ("block", "drawdown")
    assert guarded.release(f"drawdown:instance:{PARITY}") == "block"
    assert guarded.release(f"drawdown:instance:{FAIR}") == "pass"
    family = guarded.instances[FAIR].strategy.family
    assert guarded.asks() == ("block", "drawdown"), "its family's stands"
    assert guarded.release(f"drawdown:family:{family}") == "pass"
    assert guarded.asks() == ("pass", "ok")
    guarded.result(-200)
    assert guarded.asks() == ("pass", "ok"), "the measure began anew"


def test_the_portfolios_loss_stops_everybody() -> None:
    guarded = Guarded()
    ledger = guarded.account.ledger
    ledger.balances["cash"] -= 300 * DOLLAR
    guarded.later(1)
    assert guarded.breakers.multiplier(PARITY) == 0.2
    ledger.balances["cash"] -= 200 * DOLLAR
    guarded.later(1)
    assert guarded.asks(PARITY) == ("block", "daily_loss") and guarded.breakers.stopped()
    assert guarded.asks(TWIN) == ("pass", "ok")


def test_fills_worse_than_decided_reduce_and_stop() -> None:
    guarded = Guarded()
    order = example_order()
    order.mid = 5_000

    def fill(price: int) -> None:
        execution = Execution(price, 1_000_000, price * 100, 0, "book_cross")
        guarded.breakers.on(Filled(order, execution, "f", guarded.now))

    for _ in range(5):
        fill(5_400)
    assert guarded.breakers.multiplier(FAIR) == 0.2
    for _ in range(20):
        fill(5_700)
    assert guarded.asks() == ("block", "slippage")
    guarded.later(600)
    assert guarded.asks() == ("pass", "ok"), "what is stopped gives nothing more to measure: it begins anew"


def test_irregular_reports_stop_everything_for_ten_minutes() -> None:
    guarded = Guarded()
    for number in range(3):
        guarded.breakers.on(Irregular("", f"o{number}", "reported as rejected", guarded.now))
    assert guarded.asks(PARITY) == ("block", "fill_anomaly")
    guarded.later(599)
    assert guarded.asks(PARITY) == ("block", "fill_anomaly")
    guarded.later(1)
    assert guarded.asks(PARITY) == ("pass", "ok")


def test_a_feed_that_comes_and_goes_counts_for_who_needs_it() -> None:
    guarded = Guarded()
    guarded.known.stale_feeds = (FEED_COINBASE,)
    guarded.later(60)
    assert guarded.asks() == ("block", "feed_health")
    assert guarded.asks(PARITY) == ("pass", "ok"), "it needs no spot"
    guarded.known.stale_feeds = ()
    guarded.later(60)
    assert guarded.asks() == ("block", "feed_health"), "back, and not yet trusted"
    guarded.later(250)
    assert guarded.asks() == ("pass", "ok")
    guarded.known.stale_feeds = (FEED_POLYMARKET,)
    guarded.later(10)
    assert guarded.breakers.multiplier(PARITY) == 0.2


def test_a_feed_that_the_operator_trusts_again_counts_from_there_on() -> None:
    guarded = Guarded()
    guarded.known.stale_feeds = (FEED_COINBASE,)
    guarded.later(60)
    guarded.known.stale_feeds = ()
    guarded.later(1)
    assert guarded.release(f"feed_health:instance:{FAIR}") == "pass"
    guarded.later(1)
    assert guarded.asks() == ("pass", "ok")
    guarded.known.stale_feeds = (FEED_COINBASE,)
    guarded.later(9)
    assert guarded.breakers.multiplier(FAIR) == 1.0
    guarded.later(1)
    assert guarded.breakers.multiplier(FAIR) == 0.2


def test_an_anomaly_of_the_books_is_a_breaker_that_its_explanation_ends() -> None:
    guarded = Guarded()
    guarded.books.note_anomaly("a lost posting")
    guarded.later(1)
    assert guarded.asks(PARITY) == ("block", "anomaly")
    guarded.books.obey(Command("c", "r", 1, "me", Release("anomaly", "counted by hand")), 1)
    guarded.later(1)
    assert guarded.asks(PARITY) == ("pass", "ok")


def test_an_expectancy_below_zero_is_found_by_its_test() -> None:
    loose: dict[str, Any] = {"own_loss_reduce": 1e6, "own_loss_stop": 1e6, "own_drawdown_reduce": 1e6}
    loose |= {"own_drawdown_stop": 1e6, "streak_reduce": 1_000, "streak_stop": 1_000}
    guarded, chance = Guarded(Settings(breakers=BreakerSettings(**loose))), random.Random(3)
    rounds = 0
    while guarded.asks() == ("pass", "ok"):
        guarded.result(100 if chance.random() < 0.35 else -100)
        rounds += 1
        assert rounds < 400
    assert guarded.asks() == ("block", "negative_expectancy")


@pytest.mark.parametrize("seed", range(50))
def test_where_an_edge_dies_the_size_is_below_a_quarter_before_the_drawdown_is_spent(seed: int) -> None:
    """A share at half a dollar pays with 0.58 for three hundred rounds and with 0.40 after; stakes up to 100 dollars.
    The budget is the bound at which an instance's drawdown stops it."""
    settings = Settings(allocation=AllocationSettings(), breakers=BreakerSettings())
    guarded, allocation, chance = Guarded(settings), Allocation(settings), random.Random(seed)
    total = peak = 0.0
    budget = settings.breakers.own_drawdown_stop
    for number in range(900):
        multiplier = allocation.multiplier(FAIR) * guarded.breakers.multiplier(FAIR)
        if peak - total >= budget:
            assert multiplier < 0.25
            break
        stake = 100.0 * multiplier
        result = (stake if chance.random() < (0.58 if number < 300 else 0.40) else -stake) * 0.97
        total += result
        peak = max(peak, total)
        closed = RoundClosed(
            FAIR, f"m{number}", round(result * DOLLAR), round(max(stake, 1) * DOLLAR), 200 * DOLLAR, 0.0, guarded.now
        )
        guarded.breakers.on(closed)
        allocation.on(closed)
        guarded.now += 300 * SECOND
        guarded.breakers.on_clock(guarded.now)
    final = allocation.multiplier(FAIR) * guarded.breakers.multiplier(FAIR)
    assert final < 0.25, "in the end it is hardly traded any more"
