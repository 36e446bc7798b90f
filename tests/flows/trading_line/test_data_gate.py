"""The data gate: every refusal is reached and named, at its bound it still passes, and only fit books may be bought."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.trading_line.data_gate import GateResult, check
from models.journal import TokenBook
from models.money import SHARE
from models.reasons import BLOCKING, Reason, Verdict
from models.settings import Settings
from models.strategies.instance import all_instances
from models.strategies.needs import Limits
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_POLYMARKET
from tests.models.strategies.views import END, NOW, START, book, market, spot, token, view

FAIR, PARITY = (all_instances(Settings())[name].limits for name in ("updown_fair_value", "parity"))
BOTH = pytest.mark.parametrize("needs", [FAIR, PARITY], ids=["fair", "parity"])
OLD = NOW - 5 * SECOND - 1
UP, DOWN = token("up", 4900, 5000), token("down", 5000, 5100)


def verdict_of(result: GateResult) -> tuple[str, str]:
    return result.step.verdict, result.step.reason


def thin(name: str, *sizes: int) -> TokenBook:
    """Asks one tick apart with so many shares."""
    return token(name, 4900, 5000, asks=tuple((5000 + 100 * at, size * SHARE) for at, size in enumerate(sizes)))


@BOTH
def test_sound_data_passes_with_both_outcomes(needs: Limits) -> None:
    result = check(view(), needs)
    assert result.step.module == needs.module
    assert (*verdict_of(result), result.outcomes) == (Verdict.PASS, Reason.OK, ("Up", "Down"))


@BOTH
@pytest.mark.parametrize(
    ("changes", "verdict", "reason"),
    [
        ({"t": START - 1}, Verdict.HOLD, Reason.NOT_STARTED),
        ({"t": END}, Verdict.BLOCK, Reason.EXPIRED),
        ({"stale_feeds": frozenset({FEED_POLYMARKET})}, Verdict.BLOCK, Reason.STALE_FEED),
        ({"book": None}, Verdict.BLOCK, Reason.BOOK_MISSING),
        ({"book": book(None, None)}, Verdict.BLOCK, Reason.BOOK_MISSING),
        (
            {"book": book(token("up", 4900, 5000, t=OLD), token("down", 5000, 5100, t=OLD))},
            Verdict.BLOCK,
            Reason.STALE_BOOK,
        ),
        ({"stale_tokens": frozenset({"up", "down"})}, Verdict.BLOCK, Reason.STALE_BOOK),
        (
            {"book": book(token("up", 4900, 5000, ok=False), token("down", 5000, 5100, ok=False))},
            Verdict.BLOCK,
            Reason.BOOK_INVALID,
        ),
        ({"book": book(token("up", 4900, 5000, asks=()), None)}, Verdict.BLOCK, None),
        ({"book": book(token("up", 4400, 5000), token("down", 5000, 5600))}, Verdict.BLOCK, Reason.SPREAD_TOO_WIDE),
        ({"book": book(thin("up", 4), thin("down", 4))}, Verdict.BLOCK, Reason.DEPTH_TOO_THIN),
    ],
)
def test_each_refusal_both_strategies_share(
    changes: dict[str, Any], verdict: Verdict, reason: Reason | None, needs: Limits
) -> None:
    result = check(view(**changes), needs)
    expected = reason or (Reason.BOOK_MISSING if needs is PARITY else Reason.BOOK_INVALID)
    assert (*verdict_of(result), result.outcomes) == (verdict, expected, ())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"stale_feeds": frozenset({FEED_COINBASE})}, Reason.STALE_FEED),
        ({"market": market(rule=None)}, Reason.RULE_UNKNOWN),
        ({"spot": None}, Reason.SPOT_MISSING),
        ({"spot": spot(ok=False)}, Reason.SPOT_INVALID),
        ({"spot": msgspec.structs.replace(spot(ok=False), checks=("sequence_gap",))}, Reason.SEQUENCE_GAP),
        ({"spot": msgspec.structs.replace(spot(), t=OLD)}, Reason.STALE_SPOT),
        ({"spot_stale": True}, Reason.STALE_SPOT),
        ({"book": msgspec.structs.replace(book(UP, DOWN), checks=(Reason.PARITY_BROKEN,))}, Reason.PARITY_BROKEN),
        ({"strike": None}, Reason.STRIKE_MISSING),
        ({"strike_gap_s": 5.1}, Reason.STRIKE_MISSING),
        ({"returns": 9}, Reason.WARMING_UP),
        ({"history_s": 59.9}, Reason.WARMING_UP),
    ],
)
def test_what_only_the_fair_value_needs(changes: dict[str, Any], reason: Reason) -> None:
    assert verdict_of(check(view(**changes), FAIR)) == (Verdict.BLOCK, reason)
    assert verdict_of(check(view(**changes), PARITY)) == (Verdict.PASS, Reason.OK)


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        (book(None, DOWN), Reason.BOOK_MISSING),
        (book(UP, None), Reason.BOOK_MISSING),
        (book(token("up", 4900, 5000, ok=False), DOWN), Reason.BOOK_INVALID),
        (book(UP, token("down", 5000, 5100, ok=False)), Reason.BOOK_INVALID),
        (book(token("up", 4900, 5000, t=OLD), DOWN), Reason.STALE_BOOK),
        (book(UP, token("down", 4900, 5600)), Reason.SPREAD_TOO_WIDE),
        (book(UP, thin("down", 4)), Reason.DEPTH_TOO_THIN),
    ],
)
def test_a_pair_needs_both_books_and_the_fair_value_buys_from_the_fit_one(pair: Any, reason: Reason) -> None:
    assert verdict_of(check(view(book=pair), PARITY)) == (Verdict.BLOCK, reason)
    result = check(view(book=pair), FAIR)
    assert result.passed
    assert result.outcomes == (("Down",) if pair.up is not UP else ("Up",))
    assert str(reason) in (result.step.numbers["up"], result.step.numbers["down"])


def test_two_books_of_different_moments_are_no_pair() -> None:
    torn = view(book=book(UP, DOWN, pair_ok=False))
    assert verdict_of(check(torn, PARITY)) == (Verdict.BLOCK, Reason.PAIR_INCONSISTENT)
    assert check(torn, FAIR).passed


@BOTH
@pytest.mark.parametrize("fault", sorted(BLOCKING))
def test_what_stands_on_a_book_is_named(fault: Reason, needs: Limits) -> None:
    spoilt = token("up", 4900, 5000, ok=False, checks=("duplicate_frame", str(fault)))
    result = check(view(book=book(spoilt, msgspec.structs.replace(spoilt, token="down"))), needs)
    assert verdict_of(result) == (Verdict.BLOCK, fault)
    assert result.step.numbers["up"] == f"duplicate_frame,{fault}"


@pytest.mark.parametrize(
    "changes",
    [
        {"t": START, "spot": msgspec.structs.replace(spot(), t=START)},
        {"book": book(token("up", 4900, 5000, t=OLD + 1), token("down", 5000, 5100, t=OLD + 1))},
        {"spot": msgspec.structs.replace(spot(), t=OLD + 1)},
        {"book": book(token("up", 4500, 5000), token("down", 5000, 5500))},
        {"book": book(thin("up", 5), thin("down", 5))},
        {"strike_gap_s": 5.0},
        {"returns": 10, "history_s": 60.0},
        {"stale_tokens": frozenset({"other"}), "stale_feeds": frozenset({"feed.markets.other"})},
    ],
)
def test_at_its_bound_each_need_is_met(changes: dict[str, Any]) -> None:
    assert check(view(**changes), FAIR).passed


def test_depth_counts_up_to_the_slippage_and_for_a_pair_at_the_best_price() -> None:
    two_levels = view(book=book(thin("up", 3, 2), thin("down", 3, 2)))
    assert check(two_levels, FAIR).passed
    assert verdict_of(check(two_levels, PARITY)) == (Verdict.BLOCK, Reason.DEPTH_TOO_THIN)
    too_far = view(book=book(thin("up", 3, 1, 9), thin("down", 3, 1, 9)))
    assert verdict_of(check(too_far, FAIR)) == (Verdict.BLOCK, Reason.DEPTH_TOO_THIN)


tokens = st.one_of(
    st.none(),
    st.builds(
        token,
        st.sampled_from(["up", "down"]),
        st.integers(1, 98).map(lambda cents: cents * 100),
        st.integers(1, 99).map(lambda cents: cents * 100),
        ok=st.booleans(),
        t=st.integers(NOW - 8 * SECOND, NOW),
        checks=st.lists(st.sampled_from([str(each) for each in Reason]), max_size=2).map(tuple),
    ),
)


@BOTH
@given(
    up=tokens,
    down=tokens,
    pair_ok=st.booleans(),
    stale=st.sets(st.sampled_from(["up", "down"])),
    fresh_spot=st.booleans(),
    t=st.sampled_from([START - 1, NOW, END]),
)
def test_what_passes_is_fit_to_be_bought(
    needs: Limits,
    up: TokenBook | None,
    down: TokenBook | None,
    pair_ok: bool,
    stale: set[str],
    fresh_spot: bool,
    t: int,
) -> None:
    quotes = view(t=t, book=book(up, down, pair_ok), stale_tokens=frozenset(stale), spot_stale=not fresh_spot)
    result = check(quotes, needs)
    assert result == check(quotes, needs)
    assert result.passed == (result.step.verdict == Verdict.PASS) == (result.step.reason == Reason.OK)
    for outcome in result.outcomes:
        chosen = up if outcome == "Up" else down
        assert t == NOW
        assert chosen is not None
        assert chosen.ok
        assert chosen.token not in stale
        assert NOW - chosen.t <= 5 * SECOND
        assert chosen.asks[0][0] - chosen.bids[0][0] <= 500
        assert not BLOCKING & set(chosen.checks)
        assert fresh_spot or needs is PARITY
    assert needs is FAIR or len(result.outcomes) in (0, 2)
