"""The portfolio on hand-made events. The bookkeeper checks its money after each of them."""

from __future__ import annotations

from typing import Any

import pytest

from models.contracts import Decision, Order, Posting
from models.fees import taker_fee
from models.money import DOLLAR, PIP, SHARE
from models.reasons import Reason, Verdict
from models.timestamps import SECOND
from tests.flows.trading_line.desk import END, KEY, START, Scene, settings, spoilt

FAIR = "updown_fair_value"


@pytest.fixture
def scene() -> Scene:
    scene = Scene()
    scene.warm_up()
    return scene


def test_without_edge_nothing_is_decided(scene: Scene) -> None:
    assert scene.books.of(Order) == []
    assert scene.scans()[-1].reason == Reason.BELOW_THRESHOLD


def test_an_edge_becomes_an_order_a_fill_and_a_payout(scene: Scene) -> None:
    scene.buy()
    (decision,) = scene.decisions("enter")
    assert (decision.strategy, decision.outcome, decision.verdict, decision.reason) == (
        FAIR,
        "Up",
        "pass",
        Reason.ENTER,
    )
    (order,) = scene.orders("submitted")
    assert decision.order_ids == [order.id]
    assert (order.side, order.outcome, order.limit, order.decision) == ("buy", "Up", 6100, decision.id)
    assert order.due == scene.now + 200_000_000
    scene.settle_order()
    (fill,) = scene.fills()
    (filled,) = scene.orders("filled")
    assert (fill.order, fill.decision, fill.price, fill.size) == (order.id, decision.id, 6000, order.size)
    assert fill.fee == taker_fee(6000, order.size, 70_000)
    assert filled.filled == order.size
    assert scene.books.accounts["reserved"] == 0
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR - fill.gross - fill.fee
    scene.now = END + 20 * SECOND
    scene.resolve(PIP)
    (settled,) = scene.decisions("settle")
    assert (settled.outcome, settled.size, settled.price, settled.reason) == ("Up", order.size, PIP, Reason.SETTLED)
    (outcome,) = scene.outcomes()
    assert outcome.pnl == {FAIR: order.size - fill.gross - fill.fee}
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR + outcome.pnl[FAIR]
    assert scene.books.balance("position:") == 0


@pytest.mark.parametrize("payout", [PIP, 0, PIP // 2])
def test_every_payout_balances(payout: int, scene: Scene) -> None:
    scene.buy()
    scene.settle_order()
    (fill,) = scene.fills()
    scene.later(20)
    scene.resolve(payout)
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR - fill.gross - fill.fee + fill.size * payout // PIP
    assert scene.books.balance("position:") == 0
    assert scene.outcomes()[0].payout_down == PIP - payout


def test_a_resolution_with_an_order_under_way_gives_its_money_back(scene: Scene) -> None:
    scene.buy()
    assert scene.books.accounts["reserved"] > 0
    scene.later(0.05)
    scene.resolve(PIP)
    scene.settle_order()
    assert scene.books.accounts["reserved"] == 0
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR
    (rejected,) = scene.orders("rejected")
    assert (rejected.reason, rejected.filled) == (Reason.MARKET_CLOSED, 0)
    assert scene.fills() == []


def test_the_price_that_stands_on_arrival_counts_and_the_limit_holds(scene: Scene) -> None:
    scene.buy()
    scene.later(0.1)
    scene.quote(60, 61)
    scene.settle_order()
    assert [fill.price for fill in scene.fills()] == [6100]
    scene = Scene()
    scene.warm_up()
    scene.buy()
    scene.later(0.1)
    scene.quote(62, 63)
    scene.settle_order()
    assert scene.fills() == []
    (rejected,) = scene.orders("rejected")
    assert rejected.reason == Reason.NOT_FILLED
    assert scene.books.accounts["reserved"] == 0


def test_the_book_before_the_event_that_ends_the_delay_is_the_one_met(scene: Scene) -> None:
    scene.buy()
    scene.later(0.25)
    scene.quote(70, 71)  # this came after the order did
    assert [fill.price for fill in scene.fills()] == [6000]


def test_an_order_that_meets_an_invalid_book_is_not_filled(scene: Scene) -> None:
    scene.buy()
    scene.later(0.1)
    scene.quote(59, 60, ok=False)
    scene.settle_order()
    assert scene.fills() == []
    assert scene.orders("rejected")[0].reason == Reason.BOOK_INVALID


def test_an_order_that_arrives_after_the_end_is_not_filled() -> None:
    scene = Scene(settings(portfolio={"min_time_left_s": 0}))
    scene.warm_up()
    scene.now = END - 2 * SECOND
    for _ in range(3):
        scene.buy()
    assert scene.orders("submitted")
    scene.now = END + SECOND
    scene.clock()
    late = [order for order in scene.orders("rejected") if order.reason == Reason.MARKET_CLOSED]
    assert len(late) + len(scene.orders("filled")) == len(scene.orders("submitted"))
    assert scene.books.accounts["reserved"] == 0


# --- gates ------------------------------------------------------------------------------------------------------------


def block_reasons(scene: Scene) -> set[str]:
    return {str(each.reason) for each in scene.decisions("block")}


def test_while_an_order_is_under_way_there_is_no_second(scene: Scene) -> None:
    scene.buy()
    scene.later(0.1)
    scene.spot()
    assert block_reasons(scene) == {"order_pending"}
    assert len(scene.orders("submitted")) == 1


def test_after_an_order_there_is_a_pause(scene: Scene) -> None:
    scene.buy()
    scene.settle_order()
    scene.later(1)
    scene.quote(59, 60)
    assert block_reasons(scene) == {"cooldown"}
    scene.later(5)
    scene.quote(59, 60)
    scene.spot()
    assert len(scene.orders("submitted")) == 2


def test_close_to_the_end_nothing_is_bought(scene: Scene) -> None:
    scene.now = END - 10 * SECOND - SECOND // 2 + 1
    scene.buy()
    assert block_reasons(scene) == {"too_close_to_expiry"}
    assert scene.orders("submitted") == []


def test_a_wide_spread_blocks(scene: Scene) -> None:
    scene.lead(60)
    scene.quote(54, 60)
    assert scene.scans()[-1].reason == Reason.SPREAD_TOO_WIDE
    assert scene.orders("submitted") == []


def test_broken_parity_blocks_the_fair_value(scene: Scene) -> None:
    scene.lead(60)
    scene.up = scene.token("up", ((5900, 99 * SHARE),), ((6000, 99 * SHARE),))
    scene.book(checks=(Reason.PARITY_BROKEN,))
    assert [scan.reason for scan in scene.scans() if scan.strategy == FAIR][-1] == Reason.PARITY_BROKEN
    assert scene.orders("submitted") == []


@pytest.mark.parametrize(
    "fault", ["invalid", "crossed", "old", "stale", "missing", "spot_old", "spot_invalid", "spot_stale"]
)
def test_no_order_on_input_that_is_not_sound(fault: str, scene: Scene) -> None:
    scene.lead(60)
    if fault == "invalid":
        scene.quote(59, 60, ok=False)
    elif fault == "crossed":
        scene.up = spoilt(scene.token("up", ((6100, SHARE),), ((6000, SHARE),)), ok=False)
        scene.down = None
        scene.book()
    elif fault == "old":
        scene.up = spoilt(scene.token("up", ((5900, SHARE),), ((6000, SHARE),)), t=scene.now - 5_000_000_001)
        scene.book()
    elif fault == "stale":
        scene.clock(stale_books=("up",))
        scene.quote(59, 60)
    elif fault == "missing":
        scene.up = scene.down = None
        scene.book()
    elif fault == "spot_old":
        scene.later(5.001)
        scene.quote(59, 60)
    elif fault == "spot_invalid":
        scene.spot(ok=False)
        scene.quote(59, 60)
    else:
        scene.clock(stale_spots=("BTC",))
        scene.quote(59, 60)
    assert scene.orders("submitted") == []
    assert scene.scans()[-1].verdict in (Verdict.BLOCK, Verdict.HOLD)


def test_equal_refusals_are_counted_and_sent_once_a_second(scene: Scene) -> None:
    scene.buy()
    scene.settle_order()
    before = len(scene.decisions("block"))
    for _ in range(30):
        scene.later(0.1)
        scene.quote(59, 60)
    blocks = scene.decisions("block")[before:]
    assert {each.reason for each in blocks} == {Reason.COOLDOWN}
    assert len(blocks) <= 4
    counted = len(blocks)
    for block in blocks:
        counted += block.repeats
    scene.later(1)
    scene.note("end of run")
    pulse = scene.books.modules["gate.cooldown"]
    unsent = pulse.counts["block:cooldown"] - counted
    assert 0 <= unsent < 12, "only what came since the last row has not been told"


def added(counts: dict[str, int]) -> int:
    total = 0
    for count in counts.values():
        total += count
    return total


def test_evaluations_are_passes_holds_and_blocks(scene: Scene) -> None:
    scene.buy()
    scene.settle_order()
    for _ in range(20):
        scene.later(0.3)
        scene.quote(59, 60)
        scene.spot(ok=False)
        scene.spot()
    scene.later(1)
    scene.note("end of run")
    counts = {name: each.counts for name, each in scene.books.modules.items()}
    scanned = 0
    for scan in scene.scans():
        scanned += scan.evaluations if scan.strategy == FAIR else 0
    gated, judged = counts[f"data_gate.{FAIR}"], counts[f"strategy.{FAIR}"]
    assert {name.partition(":")[0] for name in gated} == {"pass", "block"}
    assert {name.partition(":")[0] for name in judged} == {"pass", "hold"}
    assert added(judged) == gated["pass:ok"], "a strategy is evaluated exactly where its gate passed"
    assert 0 <= added(gated) - scanned < 12


# --- caps and sizes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        ({"cap_market": 50}, "cap_market"),
        ({"cap_strategy": 50}, "cap_strategy"),
        ({"cap_total": 50}, "cap_total"),
    ],
)
def test_a_cap_binds_and_is_named(caps: dict[str, float], reason: str) -> None:
    scene = Scene(settings(portfolio={"cooldown_s": 0} | caps))
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    for _ in range(12):
        scene.later(0.3)
        scene.quote(59, 60)
        scene.spot()
    assert reason in block_reasons(scene)
    assert 40 * DOLLAR < scene.books.balance("position:") <= 50 * DOLLAR


@pytest.mark.parametrize("ask", [5, 20, 50, 60, 80])
def test_an_order_stays_within_its_cap_even_at_its_limit(ask: int) -> None:
    scene = Scene(settings(portfolio={"cap_order": 20}, execution={"slippage": 0.02}, fair_value={"take_profit": 0.9}))
    scene.warm_up()
    scene.buy(lead=300, ask=ask)
    (order,) = scene.orders("submitted")
    assert order.limit == (ask + 2) * 100
    assert scene.books.accounts["reserved"] <= 20 * DOLLAR
    scene.later(0.1)
    scene.quote(ask + 1, ask + 2)
    scene.settle_order()
    (fill,) = scene.fills()
    assert fill.price == order.limit
    assert fill.gross + fill.fee <= 20 * DOLLAR


def test_displayed_depth_bounds_the_size(scene: Scene) -> None:
    scene.buy(size=12)
    (order,) = scene.orders("submitted")
    assert order.size == 12 * SHARE


def test_too_little_on_display_is_refused_and_named(scene: Scene) -> None:
    scene.buy(size=3)
    assert [scan.reason for scan in scene.scans() if scan.strategy == FAIR][-1] == Reason.DEPTH_TOO_THIN
    assert scene.orders("submitted") == []


def test_too_little_at_the_best_price_itself_does_not_size(scene: Scene) -> None:
    scene.lead(60)
    scene.up = scene.token("up", ((5900, 99 * SHARE),), ((6000, 3 * SHARE), (6100, 99 * SHARE)))
    scene.book()
    assert block_reasons(scene) == {"no_depth"}


def test_many_thin_levels_do_not_cost_more_than_was_reserved() -> None:
    """Fees are rounded level by level: ten levels may come to more than one order at one price."""
    scene = Scene(settings(execution={"slippage": 0.1, "max_slippage": 0.2}))
    scene.warm_up()
    scene.buy(size=200)
    scene.later(0.1)
    asks = tuple((6000 + 100 * level, 7 * SHARE + 10_000 * (level % 3)) for level in range(10))
    scene.up = scene.token("up", ((5900, SHARE),), asks)
    scene.book()
    scene.settle_order()
    assert len(scene.fills()) == 10


# --- exits ------------------------------------------------------------------------------------------------------------


def holding(**fair_value: Any) -> Scene:
    """A line that holds Up, bought at 0.60."""
    scene = Scene(settings(fair_value=fair_value, portfolio={"cooldown_s": 60}))
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    assert scene.fills()
    return scene


@pytest.mark.parametrize(
    ("bid", "lead", "changes", "reason"),
    [
        (76, 8, {}, Reason.TAKE_PROFIT),
        (39, 60, {"edge_decay": 1.0}, Reason.STOP_LOSS),
        (60, 60, {"time_exit_s": 275}, Reason.TIME_EXIT),
        (55, -10, {}, Reason.EDGE_DECAY),
    ],
)
def test_each_exit(bid: int, lead: float, changes: dict[str, Any], reason: Reason) -> None:
    scene = holding(**changes)
    scene.later(2)
    scene.lead(lead)
    scene.quote(bid, bid + 1)
    exits = scene.decisions("exit")
    assert [each.reason for each in exits] == [reason]
    assert scene.orders("submitted")[-1].side == "sell"
    scene.settle_order()
    sold = scene.fills()[-1]
    assert (sold.side, sold.price, sold.size) == ("sell", bid * 100, scene.fills()[0].size)
    assert scene.books.balance("position:") == 0


def test_nothing_is_sold_on_an_invalid_or_old_book() -> None:
    for ok, seconds in ((False, 0.0), (True, 5.5)):
        scene = holding()
        scene.later(2)
        scene.quote(80, 81, ok=ok)
        if ok:
            scene = holding()
            scene.later(seconds)
            scene.clock()
        assert scene.decisions("exit") == []


def test_a_position_sold_in_part_keeps_its_share_of_the_cost() -> None:
    scene = holding()
    (bought,) = scene.fills()
    scene.later(2)
    scene.lead(8)
    scene.quote(80, 81, size=20)
    scene.settle_order()
    sold = scene.fills()[-1]
    assert sold.size == 20 * SHARE
    assert scene.orders("partly_filled")[-1].side == "sell"
    left = scene.books.balance("position:")
    assert left == bought.gross - bought.gross * sold.size // bought.size
    scene.later(20)
    scene.resolve(0)
    assert scene.books.balance("position:") == 0


def stopped(**portfolio: Any) -> Scene:
    """A line that bought Up at 0.60 and sold it at 0.39 for its stop-loss."""
    scene = Scene(settings(portfolio={"cooldown_s": 1} | portfolio, fair_value={"edge_decay": 1.0}))
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    scene.later(2)
    scene.lead(60)
    scene.quote(38, 65)  # too wide to buy: the bid alone decides
    scene.quote(39, 40)
    scene.settle_order()
    assert [each.reason for each in scene.decisions("exit")] == [Reason.STOP_LOSS]
    assert scene.books.balance("position:") == 0
    return scene


def test_after_a_stop_loss_the_market_is_left_alone() -> None:
    scene = stopped()
    for _ in range(4):
        scene.later(2)
        scene.spot()
        scene.quote(39, 40)
    assert [order.side for order in scene.orders("submitted")] == ["buy", "sell"]
    assert "stopped_out" in block_reasons(scene)


def test_a_return_after_a_stop_loss_is_a_setting() -> None:
    scene = stopped(reentry_after_stop=True)
    scene.later(2)
    scene.spot()
    scene.quote(39, 40)
    assert [order.side for order in scene.orders("submitted")][:3] == ["buy", "sell", "buy"]


def test_at_one_event_what_is_left_is_not_bought_back() -> None:
    """The exit's order is under way when the entry is looked at."""
    scene = Scene(settings(portfolio={"cooldown_s": 1, "reentry_after_stop": True}, fair_value={"edge_decay": 1.0}))
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    scene.later(2)
    scene.lead(60)
    records = scene.quote(39, 40)  # a stop-loss, and a cheap ask
    actions = [record.action for record in records if isinstance(record, Decision)]
    assert actions == ["exit", "block"]
    assert scene.decisions("block")[-1].reason == Reason.ORDER_PENDING
    assert [order.side for order in scene.orders("submitted")] == ["buy", "sell"]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("invalid", Reason.BOOK_INVALID), ("old", Reason.STALE_BOOK), ("flagged", Reason.STALE_BOOK)],
)
def test_an_exit_says_why_it_waits(fault: str, reason: Reason) -> None:
    scene = holding()
    scene.later(2)
    if fault == "invalid":
        scene.quote(80, 81, ok=False)
    elif fault == "old":
        scene.later(3.1)
        scene.clock()
    else:
        scene.clock(stale_books=("up",))
    reported = [each for each in scene.decisions("block") if each.spans[-1].module == "exits"]
    assert [(each.reason, each.outcome, each.size) for each in reported] == [(reason, "Up", scene.fills()[0].size)]
    for _ in range(44):
        scene.later(0.25)
        scene.clock(stale_books=("up",))
    reported = [each for each in scene.decisions("block") if each.spans[-1].module == "exits"]
    assert len({each.id for each in reported}) == len(reported) <= 3, "not at every tick"
    scene.note("end of run")
    pulse = scene.books.modules["exits"]
    assert pulse.counts[f"block:{reason}"] >= 1


def test_an_order_that_meets_a_stale_book_is_not_filled(scene: Scene) -> None:
    scene.later(0.1)
    for flagged in (True, False):
        scene.buy()
        scene.later(0.1)
        if flagged:
            scene.clock(stale_books=("up",))
        scene.settle_order()
        scene.later(6)
    assert [order.reason for order in scene.orders("rejected")] == [Reason.STALE_BOOK]
    assert len(scene.fills()) == 1


def test_an_order_on_its_way_for_long_meets_a_book_too_old() -> None:
    scene = Scene(settings(execution={"delay_ms": 5_000}))
    scene.warm_up()
    scene.buy()
    scene.later(5.1)
    scene.clock()
    assert [order.reason for order in scene.orders("rejected")] == [Reason.STALE_BOOK]
    assert scene.books.accounts["reserved"] == 0


# --- parity -----------------------------------------------------------------------------------------------------------


def cheap_pair(scene: Scene, up: int = 45, down: int = 46, size: int = 1_000) -> None:
    scene.later(0.3)
    shares = size * SHARE
    scene.up = scene.token("up", ((up * 100 - 100, shares),), ((up * 100, shares),))
    scene.down = scene.token("down", ((down * 100 - 100, shares),), ((down * 100, shares),))
    scene.book()


@pytest.mark.parametrize("payout", [PIP, 0, PIP // 2])
def test_both_legs_are_bought_and_one_dollar_comes_back_whatever_happens(payout: int) -> None:
    scene = Scene(settings(fair_value={"enabled": False}))
    scene.market()
    cheap_pair(scene)
    (decision,) = scene.decisions("enter")
    up, down = scene.orders("submitted")
    assert decision.order_ids == [up.id, down.id]
    assert (up.kind, down.kind, up.size == down.size) == ("FOK", "FOK", True)
    scene.settle_order()
    assert {fill.outcome for fill in scene.fills()} == {"Up", "Down"}
    scene.later(20)
    scene.resolve(payout)
    (outcome,) = scene.outcomes()
    paid = 0
    for fill in scene.fills():
        paid += fill.gross + fill.fee
    assert outcome.pnl == {"parity": up.size - paid}
    assert outcome.pnl["parity"] > 0


def test_a_pair_is_held_and_not_sold_leg_by_leg() -> None:
    scene = Scene(settings(fair_value={"enabled": False}))
    scene.market()
    cheap_pair(scene)
    scene.settle_order()
    scene.later(6)
    cheap_pair(scene, 80, 15)
    assert scene.decisions("exit") == []


# --- provenance -------------------------------------------------------------------------------------------------------

JUDGED = [f"data_gate.{FAIR}", "features", f"strategy.{FAIR}"]
GATES = [
    "gate.operator", "gate.release", "gate.state", "gate.ledger", "gate.breakers", "gate.pace", "gate.quality",
    "gate.parity", "gate.freshness", "gate.spread", "gate.expiry", "gate.cooldown", "gate.depth", "gate.slippage",
    "gate.duplicate",
]  # fmt: skip


def test_an_entry_carries_the_span_of_every_module_it_passed(scene: Scene) -> None:
    scene.buy()
    (decision,) = scene.decisions("enter")
    assert [span.module for span in decision.spans] == [*JUDGED, *GATES, "sizing", "execution"]
    assert {span.verdict for span in decision.spans} == {Verdict.PASS}
    assert decision.spans[0].numbers == {"spot_age_s": 0.0}
    assert decision.spans[2].numbers["ask"] == 0.6


def test_a_refusal_ends_with_the_span_that_refused(scene: Scene) -> None:
    scene.now = END - 10 * SECOND - SECOND // 2 + 1
    scene.buy()
    (decision,) = scene.decisions("block")
    assert [span.module for span in decision.spans] == [*JUDGED, *GATES[:11]]
    assert (decision.spans[-1].verdict, decision.spans[-1].reason) == (Verdict.BLOCK, Reason.TOO_CLOSE_TO_EXPIRY)
    assert {span.verdict for span in decision.spans[:-1]} == {Verdict.PASS}


def test_sources_name_the_events_a_decision_rests_on(scene: Scene) -> None:
    scene.buy()
    (decision,) = scene.decisions("enter")
    by_name = {source.name: source for source in decision.sources}
    assert set(by_name) == {"trigger", "book", "book_snapshot", "spot", "market"}
    assert scene.up is not None
    assert scene.definition is not None
    assert by_name["book"].journal == scene.up.seq
    assert by_name["trigger"].journal == by_name["book"].journal == decision.journal == scene.seq - 1
    assert by_name["spot"].journal == scene.seq - 2
    assert by_name["market"].journal == scene.definition.seq
    for source in decision.sources:
        assert source.offset == source.journal


def test_a_pair_names_the_books_of_both_its_legs() -> None:
    scene = Scene(settings(fair_value={"enabled": False}))
    scene.market()
    scene.quote(45, 60)
    scene.later(0.1)
    cheap_pair(scene)
    (decision,) = scene.decisions("enter")
    assert scene.up is not None and scene.down is not None
    by_name = {source.name: source for source in decision.sources}
    for name, token in (("book", scene.up), ("other_book", scene.down)):
        assert (by_name[name].journal, by_name[name].offset) == (token.seq, token.src[2])
        assert by_name[f"{name}_snapshot"].offset == token.base[2]


def test_a_snapshot_is_named_by_its_own_event(scene: Scene) -> None:
    """Both tokens' books come whole; then Up changes, on the same snapshot."""
    scene.lead(60)
    scene.quote(58, 65)
    assert scene.up is not None
    snapshot = scene.up
    scene.later(0.1)
    scene.up = spoilt(scene.token("up", ((5900, 99 * SHARE),), ((6000, 99 * SHARE),)), base=snapshot.src)
    scene.book()
    (decision,) = scene.decisions("enter")
    (source,) = [each for each in decision.sources if each.name == "book_snapshot"]
    assert (source.topic, source.offset, source.journal) == (*snapshot.src[::2], snapshot.seq)
    (of_book,) = [each for each in decision.sources if each.name == "book"]
    assert of_book.journal == scene.up.seq > source.journal


def test_a_snapshot_that_was_never_seen_has_no_event(scene: Scene) -> None:
    scene.lead(60)
    scene.up = spoilt(
        scene.token("up", ((5900, 99 * SHARE),), ((6000, 99 * SHARE),)), base=("feed.polymarket", 0, 1_000_000)
    )
    scene.book()
    (decision,) = scene.decisions("enter")
    (source,) = [each for each in decision.sources if each.name == "book_snapshot"]
    assert (source.offset, source.journal) == (1_000_000, -1)


def test_ids_are_a_function_of_the_journal_alone() -> None:
    def story() -> list[bytes]:
        scene = Scene()
        scene.warm_up()
        scene.buy()
        scene.settle_order()
        scene.later(20)
        scene.resolve(PIP)
        return [record.canonical() for record in scene.books.records]

    assert story() == story()


def test_every_id_is_unique(scene: Scene) -> None:
    scene.buy()
    scene.settle_order()
    scene.later(6)
    scene.buy()
    scene.settle_order()
    for kind in (Decision, Posting):
        ids = [record.id for record in scene.books.of(kind)]
        assert len(ids) == len(set(ids))
    states = [(order.id, order.status) for order in scene.books.of(Order)]
    assert len(states) == len(set(states))


def test_the_capital_is_paid_in_once_and_first(scene: Scene) -> None:
    first, second = scene.books.of(Posting)[:2]
    assert (first.kind, first.account, first.amount, first.journal) == ("capital", "cash", 10_000 * DOLLAR, 0)
    assert (second.account, second.amount) == ("capital", -10_000 * DOLLAR)
    assert [posting.kind for posting in scene.books.of(Posting)].count("capital") == 2


def test_the_times_are_those_of_the_events(scene: Scene) -> None:
    scene.buy()
    for record in scene.books.of(Decision) + scene.books.of(Order):
        assert START <= record.timestamp <= scene.now
        assert record.journal < scene.seq
    assert {order.market_key for order in scene.books.of(Order)} == {KEY}
