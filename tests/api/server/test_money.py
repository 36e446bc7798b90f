"""Positions, results and holds: against sums made by hand, and by an independent model."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.server import presenting
from api.server.accounts import Accounts
from api.server.board import Board
from api.server.funnel import Funnel
from api.server.holds import holds_of
from api.server.money import portfolio_of, positions_of, risk_of
from api.server.titles import title_of, window_of
from models.contracts import Fill, Outcome, Posting, Scan
from models.money import DOLLAR, SHARE
from models.reasons import Reason, Verdict
from models.remedies import release_of
from models.settings import Settings
from models.timestamps import SECOND
from tests.api.server.records import T0, answer, decision, fill, scan, stored, telemetry

DAY = 86_400 * SECOND


def traded(side: str, size: int, price: int, number: int = 0, market: str = "m") -> Fill:
    """``size`` whole shares at ``price`` pips."""
    changes = {"side": side, "size": size * SHARE, "price": price, "gross": size * price * 100, "market_key": market}
    return msgspec.structs.replace(fill(number), **changes)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 50), st.integers(100, 9_900)), max_size=40))
def test_what_is_held_is_what_was_bought_less_what_was_sold_at_average_cost(
    moves: list[tuple[bool, int, int]],
) -> None:
    """The model: an exact average; nobody sells more than there is."""
    accounts = Accounts()
    shares, cost = 0, Fraction(0)
    for number, (buys, size, price) in enumerate(moves):
        if not buys:
            size = min(size, shares)
            if size == 0:
                continue
        accounts.fill(traded("buy" if buys else "sell", size, price, number))
        if buys:
            shares, cost = shares + size, cost + size * price * 100
        else:
            cost -= cost * size / shares
            shares -= size
    held = list(accounts.held.values())
    if shares == 0:
        assert held == []
    else:
        assert held[0].size == shares * SHARE
        assert abs(held[0].basis - cost) <= len(moves) + 1  # a micro-dollar a sale is rounded up or down


def posting(account: str, amount: int, t: int = T0) -> Posting:
    fields = {"id": f"{account}{t}", "transaction": "t", "journal": 0, "timestamp": t, "kind": "sell", "ref": ""}
    return msgspec.convert({**fields, "account": account, "amount": amount}, Posting)


def test_results_by_day_are_those_of_the_ledger() -> None:
    accounts = Accounts()
    for days, made in ((0, 5), (3, 7), (9, 11), (30, 13)):
        accounts.posting(posting("pnl:parity", -made * DOLLAR, T0 - days * DAY))
    accounts.posting(posting("fees:parity", 2 * DOLLAR))
    assert accounts.realised("parity", 1, T0) == 3.0
    assert accounts.realised("parity", 7, T0) == 10.0
    assert accounts.realised("parity", None, T0) == 34.0
    assert accounts.realised("nobody", None, T0) == 0.0


def test_the_curve_keeps_its_ends_and_its_lowest_point_however_long_it_is() -> None:
    board = Board(0.0)
    for second in range(10_000):
        equity = 50.0 if second == 5_003 else 100.0 + second
        gauges = {"equity": equity, "cash": 1, "reserved": 0, "realised": 0, "unrealised": 0}
        row = telemetry("portfolio", second * SECOND, gauges=gauges)
        board.take(stored(row), float(second))
    view = portfolio_of(board, Settings(), 200)
    assert len(view.curve) <= 210
    assert view.curve[-1].equity > 10_000
    assert view.max_drawdown_usd == pytest.approx(100.0 + 5_002 - 50)


def test_a_position_has_its_average_and_exit_levels_and_goes_with_the_outcome() -> None:
    board = Board(0.0)
    market = "btc-updown-5m-1790000100"
    for each in (traded("buy", 10, 4_000, 1, market), traded("buy", 10, 6_000, 2, market)):
        board.take(stored(msgspec.structs.replace(each, strategy="updown_fair_value")), 0.0)
    (view,) = positions_of(board, Settings())
    assert (view.market, view.size_shares, view.average_usd, view.cost_usd) == (title_of(market), 20.0, 0.5, 10.0)
    assert view.exit_levels == {"take_profit": 0.65, "stop_loss": 0.3}
    risk = risk_of(board, Settings())
    assert [(cap.cap, cap.used_usd) for cap in risk.caps if cap.used_usd] == [
        ("cap_total", 10.0),
        ("cap_strategy", 10.0),
        ("cap_market", 10.0),
    ]
    assert risk.concentration == 1.0
    ended = Outcome(
        id="o", journal=9, timestamp=T0, market_key=market, payout_up=10_000, payout_down=0, source="x", pnl={}
    )
    board.take(stored(ended), 0.0)
    assert positions_of(board, Settings()) == []


def test_titles_are_for_people() -> None:
    assert title_of("btc-updown-15m-1796004900") == "BTC 15m, ends 02:30 UTC"
    assert title_of("whatever-else") == "whatever-else"
    window = window_of("eth-updown-1h-1796004000")
    assert window is not None and window.end - window.start == 3_600 * SECOND


def test_every_reason_says_who_acts_and_what_ends_it() -> None:
    for reason in Reason:
        act, release = release_of(reason)
        assert act in ("none", "wait", "you") and release


def test_holds_name_what_holds_and_the_worst_stands_first() -> None:
    board = Board(0.0)
    board.kafka = "connected"
    gauges = {"trading": "killed", "anomaly": 0}
    board.take(stored(telemetry("portfolio", gauges=gauges)), 0.0)
    board.take(stored(answer(5, "kill")), 0.0)
    board.take(stored(scan(6)), 0.0)
    board.take(stored(decision(7, "block", Reason.COOLDOWN)), 0.0)
    holds = holds_of(board, 0.0)
    assert [(hold.reason, hold.act) for hold in holds.holds] == [
        ("kill_switch", "you"),
        ("cooldown", "wait"),
        ("below_threshold", "none"),
    ]
    assert holds.summary == "You have to act: Trading is killed by me: no order of any kind goes out."
    assert holds.holds[0].since.endswith("005Z")
    assert holds.holds[1].link == "/decisions/d7-parity-m"
    assert "needed 0.20 ¢" in holds.holds[2].what


def test_a_system_that_starts_says_so() -> None:
    assert holds_of(Board(0.0), 0.0).summary == "The system is starting: no module has reported yet."


def row(number: int, verdict: Verdict, reason: Reason, evaluations: int, normalised: float = -1.0) -> Scan:
    changes = {"verdict": verdict, "reason": reason, "evaluations": evaluations, "normalised": normalised}
    return msgspec.structs.replace(scan(number), **changes)


@pytest.mark.parametrize(
    ("price", "levels"),
    [(1_000, {"take_profit": 0.25, "stop_loss": None}), (9_000, {"take_profit": None, "stop_loss": 0.7})],
)
def test_an_exit_level_that_no_bid_reaches_is_none(price: int, levels: dict[str, float | None]) -> None:
    """Bought at 10 cents, a loss of 20 cents a share cannot be; at 90, neither can a gain of 15."""
    board = Board(0.0)
    bought = traded("buy", 10, price, 1, "btc-updown-5m-1790000100")
    board.take(stored(msgspec.structs.replace(bought, strategy="updown_fair_value")), 0.0)
    (view,) = positions_of(board, Settings())
    assert view.exit_levels == levels


def test_the_funnel_counts_each_evaluation_once_where_it_ended() -> None:
    """A row stands for those since the row before it, which were all like that one, and for itself."""
    funnel = Funnel()
    funnel.scan(row(0, Verdict.BLOCK, Reason.WARMING_UP, 1))
    funnel.scan(row(1, Verdict.HOLD, Reason.BELOW_THRESHOLD, 10))  # nine more that were warming up
    funnel.scan(row(2, Verdict.PASS, Reason.EDGE, 5))  # four more below
    funnel.decision(decision(3))
    view = funnel.view("m", "M", 10, T0)
    assert [(step.step, step.count, step.lost) for step in view.steps[:3]] == [
        ("evaluations", 16, {}),
        ("data fit to judge", 6, {"warming_up": 10}),
        ("edge above the threshold", 1, {"below_threshold": 5}),
    ]
    assert [(step.step, step.count) for step in view.steps[3:6]] == [
        ("entries wanted", 1),
        ("gates passed", 1),
        ("sized and ordered", 1),
    ]
    assert view.nearest.startswith("nearest miss: parity had +0.00 ¢")


def test_the_funnel_of_one_strategy_has_nothing_of_another() -> None:
    funnel = Funnel()
    funnel.scan(row(0, Verdict.HOLD, Reason.BELOW_THRESHOLD, 3))
    funnel.scan(msgspec.structs.replace(row(1, Verdict.PASS, Reason.EDGE, 1), strategy="another"))
    assert [step.count for step in funnel.view("m", "M", 10, T0).steps[:3]] == [4, 4, 1]
    assert [step.count for step in funnel.view("m", "M", 10, T0, "another").steps[:3]] == [1, 1, 1]
    of_one = funnel.view("m", "M", 10, T0, scan(0).strategy)
    assert [step.count for step in of_one.steps[:3]] == [3, 3, 0] and "another" not in of_one.nearest
    assert funnel.markets(10, T0, "another") == ["m"] and funnel.markets(10, T0, "unknown") == []


def test_a_scan_says_whether_its_window_is_over() -> None:
    """A window of five minutes that begins at 1,000,000,200 s is over from 1,000,000,500 s on."""
    last = msgspec.structs.replace(scan(0), market_key="btc-updown-5m-1000000200")
    seen = [presenting.scan(last, str, t * SECOND).over for t in (1_000_000_300, 1_000_000_499, 1_000_000_500)]
    assert seen == [False, False, True]
    assert not presenting.scan(scan(0), str, T0).over  # of what is no window nobody knows the end
