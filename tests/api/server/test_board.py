"""The board: ages by receipt, counters by verdict, rates, and nothing twice."""

from __future__ import annotations

import tracemalloc

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.server.board import MOST_ROWS, Board
from api.server.modules import DUE_S, GRACE_S
from api.server.windows import Windows
from models.contracts import DeadLetter, Features, Number, Span, Telemetry
from models.message import Stored
from models.reasons import Reason, Verdict
from tests.api.server.records import T0, decision, fill, quality, scan, stored, telemetry

LATE_S = DUE_S + GRACE_S


@pytest.fixture
def board() -> Board:
    made = Board(0.0)
    made.kafka = "connected"
    return made


def test_counts_are_shown_by_verdict_and_others_apart(board: Board) -> None:
    board.take(stored(telemetry("gate.spread", pass__ok=3, block__spread_too_wide=2, hold__holding=1, frames=9)), 1.0)
    view = board.modules.view("gate.spread", 1.0)
    assert (view.passed, view.held, view.blocked) == (3, 1, 2)
    assert view.counts == {"pass:ok": 3, "block:spread_too_wide": 2, "hold:holding": 1}
    assert view.counters == {"frames": 9}
    assert view.group == "gates and sizing"


def test_a_restart_counter_is_no_verdict(board: Board) -> None:
    board.take(stored(telemetry("supervisor", restart__market=2)), 1.0)
    view = board.modules.view("supervisor", 1.0)
    assert view.counters == {"restart:market": 2}
    assert view.counts == {}
    assert view.rate_10s is None


def test_a_module_is_offline_by_the_time_its_row_came_not_by_event_time(board: Board) -> None:
    board.take(stored(telemetry("journal", number=10**15)), 100.0)  # event time runs far ahead
    assert board.modules.view("journal", 100.0 + LATE_S).status == "online"
    assert board.modules.view("journal", 100.1 + LATE_S).status == "offline"
    assert board.modules.view("journal", 100.1 + LATE_S).reported == "running"
    board.take(stored(telemetry("journal", number=10**15 + 1)), 120.0)
    assert board.modules.view("journal", 121.0).status == "online"


@pytest.mark.parametrize(("status", "shown"), [("stopped", "ended"), ("failed", "offline")])
def test_a_module_that_said_its_last_word_owes_no_heartbeat(board: Board, status: str, shown: str) -> None:
    board.take(stored(telemetry("recorder", status=status)), 0.0)
    assert board.modules.view("recorder", 1_000.0).status == shown


def test_a_module_that_rests_lives_as_long_as_its_flow(board: Board) -> None:
    """A flow sends rows of what moved; what rests reports seldom, and is not gone."""
    board.take(stored(telemetry("settlement", source="trading")), 0.0)
    for second in range(1, 9):
        resting = Telemetry(f"t{second}", T0 + second, "trading", 10**9, [], ["settlement"], [])
        board.take(stored(resting), second)
    assert board.modules.view("settlement", 9.0).status == "online"
    assert board.modules.view("settlement", 8.1 + LATE_S).status == "offline"


def test_what_is_in_the_catalogue_and_never_reported_is_missing(board: Board) -> None:
    board.modules.expected = ("feed.coinbase", "gate.spread")
    board.take(stored(telemetry("gate.spread")), 0.0)
    assert [(view.module, view.status) for view in board.modules.views(0.0)] == [
        ("feed.coinbase", "missing"),
        ("gate.spread", "online"),
    ]
    assert board.health(0.0).warnings == ["feed.coinbase has never reported"]


def test_the_rate_is_verdicts_a_second_of_real_time(board: Board) -> None:
    for second in range(61):
        board.take(stored(telemetry("features", second, pass__ok=second * (2 if second <= 50 else 1) + 50)), second)
    view = board.modules.view("features", 60.0)
    # Until second 50 two a second; then the counters start anew from a lower value and go on with one a second.
    assert view.rate_60s == pytest.approx((50 * 2 + 9) / 60, abs=0.01)
    assert view.rate_10s == pytest.approx(0.9)


def test_a_rate_needs_a_second_and_rests_at_zero(board: Board) -> None:
    board.take(stored(telemetry("features", 0, pass__ok=100)), 0.0)
    assert board.modules.view("features", 0.5).rate_10s is None
    assert board.modules.view("features", 30.0).rate_10s == 0.0


def test_rows_that_come_many_times_a_second_give_the_same_rate(board: Board) -> None:
    for number in range(60 * 100):
        board.take(stored(telemetry("features", number, pass__ok=number * 3)), number / 60)
    view = board.modules.view("features", 100.0)
    assert view.rate_10s == pytest.approx(180, rel=0.01)
    assert view.rate_60s == pytest.approx(180, rel=0.01)


def test_what_was_written_before_the_start_counts_for_no_rate(board: Board) -> None:
    for number in range(100):
        board.take(stored(telemetry("features", number, pass__ok=number * 1_000)), 0.0, backlog=True)
    board.take(stored(telemetry("features", 100, pass__ok=99_010)), 2.0)
    assert board.modules.view("features", 2.0).rate_10s == pytest.approx(5.0)
    assert board.modules.view("features", 2.0).passed == 99_010


def test_a_record_that_was_written_again_is_dropped(board: Board) -> None:
    assert board.take(stored(decision(1), 0, "trading"), 0.0) is not None
    assert board.take(stored(decision(2), 1, "trading"), 0.0) is not None
    assert board.take(stored(decision(1), 0, "trading"), 0.0) is None
    assert board.take(stored(decision(2), 1, "trading"), 0.0) is None
    assert [each.journal for _, each in board.decision_records(10)] == [2, 1]


def test_refusals_do_not_push_out_what_was_done(board: Board) -> None:
    board.take(stored(decision(0)), 0.0)
    for number in range(1, MOST_ROWS + 10):
        board.take(stored(decision(number, "block", Reason.COOLDOWN)), 0.0)
    assert [each.journal for _, each in board.decision_records(5, refusals=False)] == [0]
    assert [each.journal for _, each in board.decision_records(2)] == [MOST_ROWS + 9, MOST_ROWS + 8]


def test_fills_are_latest_first_and_limited(board: Board) -> None:
    for number in range(5):
        board.take(stored(fill(number)), 0.0)
    assert [each.order for each in board.fills(3)] == ["o4", "o3", "o2"]


def test_quality_has_totals_of_telemetry_and_the_last_window_over_all_markets(board: Board) -> None:
    board.take(stored(telemetry("integrity.polymarket", block__crossed_book=17, pass__ok=5)), 0.0)
    for row in (quality(0, "a", 9, 10), quality(1, "a", 2, 20), quality(2, "b", 3, 20)):
        board.take(stored(row), 0.0)
    (view,) = board.quality()
    assert (view.feed, view.reason, view.total, view.window) == ("feed.polymarket", "crossed_book", 17, 5)
    assert view.window_end == "1970-01-01T00:00:00.000000020Z"


def test_quality_of_a_data_gate_stands_under_its_module(board: Board) -> None:
    gate = "data_gate.parity"
    board.take(stored(telemetry(gate, block__stale_book=7, hold__not_started=2, pass__ok=5)), 0.0)
    row = msgspec.structs.replace(
        quality(0, "a", 3, 10), feed=gate, reason=Reason.STALE_BOOK, strategy="parity", evaluations=9
    )
    board.take(stored(row), 0.0)
    views = [(view.feed, view.reason, view.total, view.window) for view in board.quality()]
    assert views == [(gate, "stale_book", 7, 3), (gate, "not_started", 2, 0)]
    assert board.modules.view(gate, 0.0).group == "data gates"


def test_scans_are_the_latest_by_strategy_and_market(board: Board) -> None:
    for number, market in enumerate("aba"):
        board.take(stored(scan(number, market)), 0.0)
    assert [(each.market_key, each.journal) for each in board.scan_records()] == [("a", 2), ("b", 1)]


def test_a_record_that_is_none_is_counted_and_named(board: Board) -> None:
    assert board.take(Stored("decisions", 0, 0, "", b"{", T0), 0.0) is None
    assert board.take(Stored("fills", 0, 0, "", b"{}", T0), 0.0) is None
    health = board.health(0.0)
    assert health.unreadable == {"decisions": 1, "fills": 1}
    assert "decisions: 1 unreadable records" in health.warnings


def test_health_says_what_is_wrong(board: Board) -> None:
    assert board.health(0.0).wrong == ["no module has sent telemetry yet"]
    board.take(stored(telemetry("journal")), 0.0)
    board.take(stored(telemetry("connection.coinbase", status="waiting")), 0.0)
    assert board.health(1.0).status == "ok"
    assert board.health(1.0).warnings == ["connection.coinbase is degraded"]
    unwell = board.health(20.0)
    assert unwell.status == "unwell"
    assert [line.partition(" has not reported for ")[0] for line in unwell.wrong] == ["connection.coinbase", "journal"]
    board.take(stored(telemetry("journal", 1)), 20.0)
    board.take(stored(telemetry("connection.coinbase", 1, status="failed")), 20.0)
    assert board.health(20.0).wrong == ["connection.coinbase is offline"]
    board.kafka = "the broker is away"
    assert "Kafka: the broker is away" in board.health(20.0).wrong


def test_who_runs_at_leisure_is_a_warning_when_late(board: Board) -> None:
    board.take(stored(telemetry("journal")), 0.0)
    board.take(stored(telemetry("promotion")), 0.0)
    board.take(stored(telemetry("journal", 20)), 20.0)
    health = board.health(20.0)
    assert (health.status, health.wrong) == ("ok", [])
    assert health.warnings[0].startswith("promotion has not reported for ")
    assert board.modules.view("promotion", 20.0).status == "offline"  # as any other on the pages


def test_refused_entries_are_counted_beyond_what_is_kept(board: Board) -> None:
    """600 of one reason, each told for itself and two that repeated: 1,800, though 500 rows are kept."""
    for number in range(600):
        blocked = msgspec.structs.replace(
            decision(number), action="block", reason=Reason.COOLDOWN, repeats=2, timestamp=T0 + number
        )
        board.take(stored(blocked), 0.0)
    assert board.refused == {decision(0).strategy: {"cooldown": 1_800}}
    assert board.decided_since == T0


def test_dead_letters_are_counted_beyond_what_is_kept(board: Board) -> None:
    for number in range(MOST_ROWS + 5):
        row = DeadLetter(
            id=f"x{number}",
            timestamp=T0,
            topic="feed.coinbase",
            partition=0,
            offset=number,
            reason=Reason.DECODE_ERROR,
            detail="",
            frame="",
        )
        board.take(Stored("dead-letter", 0, number, "", row.canonical(), T0), 0.0)
    assert board.health(0.0).dead_letters == MOST_ROWS + 5
    assert board.dead_letters(1)[0].offset == MOST_ROWS + 4


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 5)), min_size=1, max_size=80))
def test_no_rate_is_ever_negative_and_no_total_is_lost(steps: list[tuple[int, float]]) -> None:
    board = Board(0.0)
    now, total = 0.0, 0
    for number, (gain, pause) in enumerate(steps):
        now, total = now + pause, total + gain
        board.take(stored(telemetry("features", number, pass__ok=total)), now)
        view = board.modules.view("features", now)
        assert view.passed == total
        assert view.rate_10s is None or view.rate_10s >= 0
        assert view.rate_60s is None or view.rate_60s >= 0


def feed_row(state: str, status: str, why: str) -> Stored:
    gauges: dict[str, Number] = {"state": state, "since": T0, "why": why}
    return stored(telemetry("feed.coinbase.BTC", status=status, gauges=gauges, why=why))


def test_a_feed_is_shown_in_its_own_words_and_stands_first(board: Board) -> None:
    board.take(stored(telemetry("connection.coinbase")), 1.0)
    board.take(feed_row("stale", "warning", "stale_spot"), 1.0)
    first = board.modules.views(1.0)[0]
    assert (first.module, first.group, first.state, first.status) == ("feed.coinbase.BTC", "feeds", "stale", "degraded")
    assert first.gauges_text == "for 0 s"
    wanted = "feed.coinbase.BTC is stale: no spot price for longer than allowed"
    assert wanted in board.health(1.0).warnings


def test_a_feed_whose_rows_stopped_is_offline_whatever_it_said_last(board: Board) -> None:
    board.take(feed_row("healthy", "running", "ok"), 1.0)
    assert board.modules.view("feed.coinbase.BTC", 1.0).state == "healthy"
    assert board.modules.view("feed.coinbase.BTC", 2.0 + LATE_S).state == "offline"


def test_a_module_without_finer_words_is_shown_by_its_status(board: Board) -> None:
    board.take(stored(telemetry("flow.market", status="warning")), 1.0)
    view = board.modules.view("flow.market", 1.0)
    assert (view.state, view.reported, view.group) == ("degraded", "warning", "flows and processes")


def test_what_is_kept_takes_little_more_than_its_bytes(board: Board) -> None:
    span = Span(module="data_gate.parity", verdict=Verdict.PASS, reason=Reason.OK, numbers={"up": "ok", "age_s": 0.25})
    row = msgspec.structs.replace(decision(0, "block", Reason.COOLDOWN), spans=[span] * 10)
    rows = [stored(msgspec.structs.replace(row, journal=number)) for number in range(2 * MOST_ROWS)]
    tracemalloc.start()
    try:
        for each in rows:
            board.take(each, 0.0)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    # the bytes themselves are those of ``rows``
    assert taken < MOST_ROWS * len(rows[0].value) / 2
    assert board.decision_records(MOST_ROWS)[0][1].spans == [span] * 10


def test_a_value_stands_on_the_curve_for_ten_seconds_and_is_not_known_after_that() -> None:
    windows, key = Windows(), "btc-updown-5m-1790000100"
    windows.features(Features("f", 1, T0, key, {"fair": 0.5, "spot": 97_000.0}))
    for second in (5, 30):
        judged = {"timestamp": T0 + second * 10**9, "market_key": key, "verdict": Verdict.HOLD}
        windows.scan(msgspec.structs.replace(scan(second), metric_family="edge_after_costs", **judged))
    points = [(each.second - T0 // 10**9, each.fair, each.spot) for each in windows.markets[key].curve]
    assert points == [(0, 0.5, 97_000.0), (5, 0.5, 97_000.0), (30, None, None)]
