"""Each entry gate by itself: the strategies refuse much of this before, and the gates must not rely on them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flows.trading_line import gates
from flows.trading_line.blotter import Blotter
from flows.trading_line.cooldown import Cooldown
from flows.trading_line.instance_state import InstanceState
from flows.trading_line.known import KnownMarket, MarketCache
from flows.trading_line.members import Entry, Member
from flows.trading_line.pace import Pace
from flows.trading_line.positions import Account, Position
from models.happenings import Filled, Submitted
from models.journal import Spot, TokenBook
from models.orders import Execution, WorkingOrder, example_order
from models.reasons import Reason, Verdict
from models.settings import Portfolio, Settings
from models.strategies.instance import Instance, all_instances
from models.strategies.signal import Intent
from models.timestamps import MILLISECOND, SECOND
from tests.models.strategies.views import END, NOW, book, market, spot, token

SETTINGS = Settings()
ASKED = Intent("Up", 5000, 0.6)
INSTANCES = all_instances(SETTINGS)
FAIR, PARITY = INSTANCES["updown_fair_value"], INSTANCES["parity"]
LATE_SPOT = msgspec.structs.replace(spot(), t=END - 10 * SECOND)
KEY = market().key


def check(
    instance: Instance = FAIR,
    t: int = NOW,
    up: TokenBook | None = None,
    missing: bool = False,
    checks: tuple[str, ...] = (),
    of_spot: Spot | None = None,
    no_spot: bool = False,
    stale: tuple[str, ...] = (),
    spot_stale: bool = False,
) -> list[tuple[str, str, str]]:
    """The gates on a market's data, for a purchase of Up in a sound market but for what is given."""
    known = MarketCache()
    own = None if missing else up if up is not None else token("up", 4900, 5000)
    both = msgspec.structs.replace(book(own, token("down", 5000, 5100)), checks=checks)
    stored = KnownMarket(market(), both)
    known.markets[KEY] = stored
    if not no_spot:
        known.spots[market().asset] = of_spot if of_spot is not None else spot()
    known.stale_tokens = stale
    known.stale_spots = (market().asset,) if spot_stale else ()
    entry = Entry(t, instance, stored, ASKED, (ASKED,))
    return [(each.module, each.verdict, each.reason) for each in gates.MarketGates(SETTINGS, known).gates(entry)]


def test_a_sound_market_passes_every_gate_in_order() -> None:
    assert check() == [(module, Verdict.PASS, Reason.OK) for module in gates.GATE_MODULES]


@pytest.mark.parametrize(
    ("changes", "module", "reason"),
    [
        ({"missing": True}, "gate.quality", Reason.BOOK_MISSING),
        ({"up": token("up", 4900, 5000, ok=False)}, "gate.quality", Reason.BOOK_INVALID),
        ({"checks": (Reason.PARITY_BROKEN,)}, "gate.parity", Reason.PARITY_BROKEN),
        ({"up": token("up", 4900, 5000, t=NOW - 5 * SECOND - 1)}, "gate.freshness", Reason.STALE_BOOK),
        ({"stale": ("down", "up")}, "gate.freshness", Reason.STALE_BOOK),
        ({"spot_stale": True}, "gate.freshness", Reason.STALE_SPOT),
        ({"no_spot": True}, "gate.freshness", Reason.STALE_SPOT),
        ({"of_spot": msgspec.structs.replace(spot(), t=NOW - 5 * SECOND - 1)}, "gate.freshness", Reason.STALE_SPOT),
        ({"up": token("up", 4400, 5000)}, "gate.spread", Reason.SPREAD_TOO_WIDE),
        (
            {"t": END - 9 * SECOND, "up": token("up", 4900, 5000, t=END), "of_spot": LATE_SPOT},
            "gate.expiry",
            Reason.TOO_CLOSE_TO_EXPIRY,
        ),
    ],
)
def test_each_gate_blocks_and_ends_the_way(changes: dict[str, Any], module: str, reason: Reason) -> None:
    *before, last = check(**changes)
    assert last == (module, Verdict.BLOCK, reason)
    assert [name for name, _, _ in (*before, last)] == list(gates.GATE_MODULES[: len(before) + 1])
    assert {verdict for _, verdict, _ in before} <= {Verdict.PASS}


@pytest.mark.parametrize(
    "changes",
    [
        {"up": token("up", 4900, 5000, t=NOW - 5 * SECOND)},
        {"up": token("up", 4500, 5000)},
        {"t": END - 10 * SECOND, "up": token("up", 4900, 5000, t=END - 10 * SECOND), "of_spot": LATE_SPOT},
        {"stale": ("other",)},
    ],
)
def test_at_its_bound_each_gate_still_passes(changes: dict[str, Any]) -> None:
    assert check(**changes)[-1] == ("gate.expiry", Verdict.PASS, Reason.OK)


def test_a_strategy_without_spot_does_not_mind_spot_or_parity() -> None:
    assert check(PARITY, no_spot=True, checks=(Reason.PARITY_BROKEN,))[-1][1] == Verdict.PASS


# --- cooldown ---------------------------------------------------------------------------------------------------------


class Desk:
    """A cooldown over an account and a blotter; ``judge`` asks it at a time."""

    def __init__(self, settings: Settings = SETTINGS) -> None:
        self.blotter, self.account = Blotter(), Account("main", 1)
        self.cooldown = Cooldown(settings, self.blotter, {"main": self.account})

    def order(self, **changes: Any) -> WorkingOrder:
        fields = {"instance": FAIR.id, "market_key": KEY, "sent": NOW} | changes
        return msgspec.structs.replace(example_order(), **fields)

    def judge(self, t: int, outcome: str = "Up", legs: int = 1, instance: Instance = FAIR) -> str:
        intent = Intent(outcome, 5000, 0.6)
        (step,) = self.cooldown.gates(Entry(t, instance, KnownMarket(market()), intent, (intent,) * legs))
        return str(step.reason)


def test_while_an_order_works_there_is_no_second() -> None:
    desk = Desk()
    desk.blotter.add(desk.order())
    assert desk.judge(NOW + 60 * SECOND) == Reason.ORDER_PENDING
    assert desk.judge(NOW + 60 * SECOND, instance=PARITY) == Reason.OK, "another instance's order is no matter"


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_after_an_entry_and_after_an_exit_there_is_a_pause(side: str) -> None:
    desk = Desk()
    desk.cooldown.on(Submitted(desk.order(side=side), NOW))
    assert desk.judge(NOW + 5 * SECOND - 1) == Reason.COOLDOWN
    assert desk.judge(NOW + 5 * SECOND) == Reason.OK
    assert desk.judge(NOW, instance=PARITY) == Reason.OK


def test_the_pause_after_a_sale_runs_from_its_last_fill() -> None:
    desk = Desk()
    sale = desk.order(side="sell")
    desk.cooldown.on(Submitted(sale, NOW))
    desk.cooldown.on(Filled(sale, Execution(5000, 1, 1, 0, "book_cross"), "f", NOW + 3 * SECOND))
    assert desk.judge(NOW + 8 * SECOND - 1) == Reason.COOLDOWN
    assert desk.judge(NOW + 8 * SECOND) == Reason.OK


@pytest.mark.parametrize("reason", [Reason.STOP_LOSS, Reason.TIME_EXIT, Reason.LEG_BROKEN])
def test_what_was_left_by_risk_is_not_entered_again(reason: Reason) -> None:
    desk = Desk()
    desk.cooldown.on(Submitted(desk.order(side="sell", reason=reason), NOW))
    assert desk.judge(NOW + 60 * SECOND) == Reason.STOPPED_OUT
    allowed = Desk(Settings(portfolio=Portfolio(reentry_after_stop=True)))
    allowed.cooldown.on(Submitted(desk.order(side="sell", reason=reason), NOW))
    assert allowed.judge(NOW + 60 * SECOND) == Reason.OK


def test_the_other_outcome_is_not_bought_beside_a_position() -> None:
    desk = Desk()
    key = (FAIR.id, KEY, "Down")
    desk.account.positions[key] = Position(*key, "down", size=1)
    assert desk.judge(NOW) == Reason.POSITION_OPEN
    assert desk.judge(NOW, "Down") == Reason.OK
    assert desk.judge(NOW, legs=2) == Reason.OK


def test_a_sale_delays_no_other_instances_sale() -> None:
    desk = Desk()
    desk.cooldown.on(Submitted(desk.order(side="sell"), NOW))
    assert not desk.cooldown.may_leave(FAIR.id, KEY, "Up", NOW + SECOND)
    assert desk.cooldown.may_leave(FAIR.id, KEY, "Down", NOW + SECOND)
    assert desk.cooldown.may_leave(PARITY.id, KEY, "Up", NOW + SECOND)


# --- the rest ---------------------------------------------------------------------------------------------------------


def verdict(member: Member, instance: Instance = FAIR) -> tuple[str, str]:
    (step,) = member.gates(Entry(NOW, instance, KnownMarket(market()), ASKED, (ASKED,)))
    return str(step.verdict), str(step.reason)


@pytest.mark.parametrize(("lag_ms", "reason"), [(0, "ok"), (1_000, "ok"), (1_001, "too_slow"), (17_000, "too_slow")])
def test_a_line_that_is_behind_enters_nothing(lag_ms: int, reason: str) -> None:
    known = MarketCache()
    known.lag = lag_ms * MILLISECOND
    assert verdict(Pace(SETTINGS, known))[1] == reason


@pytest.mark.parametrize(("state", "expected"), [("active", "pass"), ("twin", "pass"), ("shadow", "hold")])
def test_a_shadow_sends_nothing(state: str, expected: str) -> None:
    instance = msgspec.structs.replace(FAIR, state=state)
    assert verdict(InstanceState(SETTINGS), instance)[0] == expected
