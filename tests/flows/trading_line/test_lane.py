"""A lane: who is asked when, that nothing is computed twice, and that it goes on from its state."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from flows.trading_line.features import UnderlyingFeatures
from flows.trading_line.items import Judged, Routed
from flows.trading_line.lane import Lane, LaneState
from models.features.feature import Key
from models.journal import NO_SRC, AnyEvent, Book, Clock, Market, Spot, TokenBook, Trade
from models.money import DOLLAR, SHARE
from models.reasons import Reason, Verdict
from models.settings import FairValue, Parity, Settings
from models.settlement import Rule
from models.strategies import parity, registry
from models.strategies.instance import InstanceTable
from models.strategies.signal import Signal
from models.strategies.strategy import Strategy
from models.strategies.view import View
from models.timestamps import MILLISECOND, SECOND
from tests.flows.trading_line.desk import FIRST_TWO

START = 1_795_000_200 * SECOND
FAIR = "updown_fair_value"
EAGER = InstanceTable(id="eager", strategy=FAIR, parameters={"min_edge": 0.0, "half_life_s": 30})
TWO = Settings(**FIRST_TWO, fair_value=FairValue(warm_up_s=5, sample_s=1), instances=(EAGER,))  # type: ignore[arg-type]


class Journal:
    """Events of one underlying with two windows, by hand."""

    def __init__(self) -> None:
        self.seq = 0
        self.t = START

    def head(self, lane: str = "BTC") -> dict[str, Any]:
        self.seq += 1
        return {"seq": self.seq - 1, "t": self.t, "src": NO_SRC, "lane": lane, "checks": ()}

    def market(self, key: str = "m", **changes: Any) -> Market:
        fields: dict[str, Any] = {
            "key": key, "market": "0x" + key, "asset": "BTC", "horizon": "5m", "start": START,
            "end": START + 300 * SECOND, "up_token": key + "u", "down_token": key + "d", "tick": 100,
            "min_size": 5 * SHARE, "fee_rate": 70_000, "fee_exponent": 1, "rule": Rule("twap", 60),
            "strike": 60_000 * DOLLAR,
        }  # fmt: skip
        return Market(**self.head(), **(fields | changes))

    def token(self, name: str, bid: int, ask: int) -> TokenBook:
        levels = ((bid, 100 * SHARE),), ((ask, 100 * SHARE),)
        return TokenBook(name, *levels, 100, self.seq, self.t, self.t, NO_SRC, NO_SRC, True)

    def book(self, up: int = 5000, key: str = "m") -> Book:
        tokens = self.token(key + "u", up - 100, up), self.token(key + "d", 9_900 - up, 10_000 - up + 100)
        return Book(**self.head(), key=key, up=tokens[0], down=tokens[1], pair_ok=True)

    def spot(self, price: float = 60_000.0, ok: bool = True) -> Spot:
        micro = round(price * DOLLAR)
        return Spot(
            **self.head(), product="BTC-USD", price=micro, bids=((micro, 1),), asks=((micro, 1),), x=self.t, ok=ok
        )

    def clock(self, **stale: Any) -> Clock:
        return Clock(**self.head(""), number=self.seq, **stale)

    def trade(self, key: str = "m") -> Trade:
        return Trade(**self.head(), key=key, token=key + "u", price=5000, size=SHARE, side="BUY", x=self.t)


def judge(lane: Lane, event: AnyEvent) -> Judged:
    return lane.judge(Routed("BTC", event, 1))


def story(seed: int, events: int = 600) -> list[AnyEvent]:
    """A window from before its start to near its end, with outages and changes."""
    dice, journal = random.Random(seed), Journal()
    journal.t -= 90 * SECOND
    reported: list[AnyEvent] = [journal.market()]
    price = 60_000.0
    for _ in range(events):
        journal.t += dice.choice([10, 100, 250, 1_000, 1_000, 4_000 if dice.random() < 0.02 else 20]) * MILLISECOND
        price += dice.gauss(0.0, 4.0)
        kind = dice.random()
        if kind < 0.35:
            reported.append(journal.book(dice.randrange(40, 61) * 100))
        elif kind < 0.75:
            reported.append(journal.spot(price, ok=dice.random() > 0.03))
        elif kind < 0.97:
            reported.append(journal.clock(stale_spots=("BTC",) if dice.random() < 0.05 else ()))
        elif kind < 0.98:
            reported.append(journal.market(strike=round(price) * DOLLAR))
        else:
            reported.append(journal.trade())
    return reported


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("cut", [1, 250, 590])
def test_it_goes_on_from_its_state_as_if_nothing_had_been(seed: int, cut: int) -> None:
    """Through bytes by names, at any moment."""
    whole, first = Lane(TWO), Lane(TWO)
    events = story(seed)
    for event in events[:cut]:
        assert judge(whole, event) == judge(first, event)
    stored = msgspec.json.encode(first.state())
    again = Lane(TWO, msgspec.json.decode(stored, type=LaneState))
    assert msgspec.json.encode(again.state()) == stored
    passed = 0
    for event in events[cut:]:
        judged = judge(again, event)
        assert judged == judge(whole, event)
        passed += len([each for each in judged.evaluations if each.verdict == Verdict.PASS])
    assert passed


def test_a_lane_goes_on_under_the_settings_of_now() -> None:
    events = story(1)
    lane = Lane(TWO)
    for event in events[:500]:
        judge(lane, event)
    changed = Settings(
        **FIRST_TWO,  # type: ignore[arg-type]
        fair_value=FairValue(warm_up_s=5, sample_s=1, min_edge=0.9),
        parity=Parity(enabled=False),
        instances=(),
    )
    lane = Lane(changed, msgspec.json.decode(msgspec.json.encode(lane.state()), type=LaneState))
    evaluations = [each for event in events[500:] for each in judge(lane, event).evaluations]
    assert {each.instance for each in evaluations} == {FAIR}
    assert {each.threshold for each in evaluations} == {0.9 + 0.01}
    assert {each.verdict for each in evaluations} <= {Verdict.HOLD, Verdict.BLOCK}
    assert Reason.WARMING_UP not in {each.reason for each in evaluations}, "the variance is still known"


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_between_events_is_what_would_be_computed_anew(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    events = story(seed)
    quick = Lane(TWO)
    expected = [judge(quick, event) for event in events]
    slow = Lane(TWO)
    for event, judged in zip(events, expected, strict=True):
        slow._features.changes += 1
        assert judge(slow, event) == judged


def test_features_are_computed_once_for_all_instances_that_want_them_alike() -> None:
    features = UnderlyingFeatures()
    names = ("variance", "strike")
    one = features.plan(names, {"half_life_s": 900}, "one")
    assert features.plan(names, {"half_life_s": 900.0, "other": 1}, "two") is one
    other = features.plan(names, {"half_life_s": 60}, "three")
    assert one.own["strike"] == other.own["strike"]
    assert dict(one.shared)["variance"] != dict(other.shared)["variance"]
    stored = {name.partition("/")[0] for name in features.state()}
    assert stored == {
        "history", "strike", "variance(half_life_s=60.0,sample_s=5.0)", "variance(half_life_s=900.0,sample_s=5.0)"
    }  # fmt: skip


def test_the_row_names_each_variant_by_the_first_instance_that_wants_it() -> None:
    lane = Lane(TWO)
    rows: dict[str, Any] = {}
    for event in story(0, 300):
        for _, row in judge(lane, event).features:
            rows = row
    plain = {name for name in rows if "@" not in name}
    assert {name.removesuffix("@eager") for name in rows if "@" in name} == {
        "variance", "volatility", "returns", "history_s", "fair",
    }  # fmt: skip
    assert {"spot", "strike", "strike_source", "average", "time_left_s", "fair", "variance"} <= plain
    assert rows["variance"] != rows["variance@eager"]
    assert Key("variance", (("half_life_s", 30.0), ("sample_s", 1.0))).text == "variance(half_life_s=30.0,sample_s=1.0)"


def test_gate_features_and_strategy_leave_their_spans_in_this_order() -> None:
    lane = Lane(TWO)
    seen = set()
    for event in story(2):
        for each in judge(lane, event).evaluations:
            modules = [step.module for step in each.steps]
            gate = f"data_gate.{each.instance}"
            if each.steps[0].verdict != Verdict.PASS:
                assert modules == [gate], "not evaluated where the gate blocks"
            elif each.instance == "parity":
                assert modules == [gate, "strategy.parity"]
            else:
                assert modules == [gate, "features", f"strategy.{each.instance}"]
                shown = each.steps[1].numbers
                assert bool(shown) == (each.verdict == Verdict.PASS)
                if shown:
                    assert shown["fair"] == round(each.fair, 6)
                    assert {"spot", "strike", "strike_source", "volatility", "time_left_s"} <= shown.keys()
            assert (each.steps[-1].verdict, each.steps[-1].reason) == (each.verdict, each.reason)
            seen.add((each.instance, each.verdict))
    assert {(FAIR, "pass"), ("eager", "pass"), (FAIR, "block"), ("parity", "hold")} <= seen


# --- who is asked when ------------------------------------------------------------------------------------------------


class Witness:
    """A strategy that notes what it was asked."""

    def __init__(self) -> None:
        self.views: list[tuple[int, tuple[str, ...]]] = []

    def evaluate(self, view: View, parameters: Any, outcomes: tuple[str, ...]) -> Signal:
        self.views.append((view.t, tuple(each.market.key for each in view.siblings)))
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, 0.0)

    def strategy(self, **needs: Any) -> Strategy:
        changed = msgspec.structs.replace(parity.NEEDS, max_spread=1.0, min_depth=0.0, **needs)
        return msgspec.structs.replace(parity.STRATEGY, needs=changed, evaluate=self.evaluate)


def watching(monkeypatch: pytest.MonkeyPatch, **needs: Any) -> tuple[Witness, Lane]:
    witness = Witness()
    monkeypatch.setitem(registry.STRATEGIES, "parity", witness.strategy(**needs))
    return witness, Lane(Settings(**FIRST_TWO, fair_value=FairValue(enabled=False)))  # type: ignore[arg-type]


@pytest.mark.parametrize("wakes", ["book", "trade", "clock"])
def test_an_instance_is_asked_at_the_events_it_wakes_at(wakes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    witness, lane = watching(monkeypatch, wakes=frozenset({wakes}))
    journal = Journal()
    judge(lane, journal.market())
    judge(lane, journal.book())
    witness.views.clear()
    made: dict[str, AnyEvent] = {}
    for kind in ("book", "spot", "trade", "clock", "market"):
        journal.t += SECOND
        made[kind] = getattr(journal, kind)()
        evaluations = judge(lane, made[kind]).evaluations
        assert len(evaluations) == (kind == wakes)
    assert [t for t, _ in witness.views] == [made[wakes].t]


def test_an_instance_is_asked_at_most_every_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    witness, lane = watching(monkeypatch, wakes=frozenset({"book", "clock"}), every_ms=1_000)
    journal = Journal()
    judge(lane, journal.market())
    evaluations = 0
    for _ in range(100):
        journal.t += 130 * MILLISECOND
        evaluations += len(judge(lane, journal.book()).evaluations)
    times = [t for t, _ in witness.views]
    assert evaluations == len(times)
    assert min(later - earlier for earlier, later in pairwise(times)) >= SECOND
    assert len(times) == 13


def test_siblings_are_the_other_windows_that_have_not_ended_and_only_where_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for wanted in (True, False):
        witness, lane = watching(monkeypatch, siblings=wanted)
        journal = Journal()
        judge(lane, journal.market("next", start=START + 300 * SECOND, end=START + 600 * SECOND))
        judge(lane, journal.market("over", start=START - 300 * SECOND, end=START))
        judge(lane, journal.market("long", end=START + 900 * SECOND))
        judge(lane, journal.market())
        judge(lane, journal.book())
        assert witness.views[-1][1] == (("long", "next") if wanted else ())


def test_scan_rows_count_every_evaluation_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lane = Lane(TWO)
    evaluated: dict[str, int] = {}
    sent: dict[str, int] = {}
    for event in story(3):
        for each in judge(lane, event).evaluations:
            evaluated[each.instance] = evaluated.get(each.instance, 0) + 1
            if each.emit:
                sent[each.instance] = sent.get(each.instance, 0) + each.emit
                assert sent[each.instance] == evaluated[each.instance]
    assert set(evaluated) == {FAIR, "parity", "eager"}


def test_nothing_is_kept_of_markets_that_are_over() -> None:
    lane, journal = Lane(TWO), Journal()

    def hour(number: int) -> int:
        journal.t = START + number * 3_600 * SECOND
        judge(lane, journal.market(f"m{number:04}", start=journal.t, end=journal.t + 300 * SECOND))
        for _ in range(3):
            journal.t += SECOND
            judge(lane, journal.spot())
            judge(lane, journal.book(key=f"m{number:04}"))
            judge(lane, journal.clock())
        journal.t += 400 * SECOND
        judge(lane, journal.clock())
        return len(msgspec.json.encode(lane.state()))

    sizes = [hour(number) for number in range(30)]
    assert max(sizes[5:]) <= sizes[4] + 50, "but for longer numbers"
