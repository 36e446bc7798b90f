"""Round trips against a bookkeeper of another kind: shares one by one, first in first out has no say, money adds up."""

from __future__ import annotations

from pathlib import Path

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.audit import loading
from connectors.audit.views import VIEWS
from flows.report.round_trips import round_trips
from models.contracts import Fill, Outcome
from models.message import Stored

STRATEGIES, MARKETS, SIDES = ("one", "two"), ("m1", "m2"), ("Up", "Down")


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Fill], list[Outcome]]:
    """Fills that never sell more than is held, then outcomes of some of the markets."""
    held: dict[tuple[str, str, str], int] = {}
    fills: list[Fill] = []
    for number in range(draw(st.integers(0, 25))):
        key = (draw(st.sampled_from(STRATEGIES)), draw(st.sampled_from(MARKETS)), draw(st.sampled_from(SIDES)))
        sells = held.get(key, 0) > 0 and draw(st.booleans())
        size = draw(st.integers(1, held[key])) if sells else draw(st.integers(1, 10**8))
        size = held[key] if sells and draw(st.booleans()) else size
        held[key] = held.get(key, 0) + (-size if sells else size)
        price = draw(st.integers(1, 9_999))
        fills.append(
            Fill(
                id=f"o{number}.0",
                order=f"o{number}",
                decision="d",
                journal=number,
                book_journal=number,
                timestamp=number * 10**9,
                strategy=key[0],
                market_key=key[1],
                outcome=key[2],  # type: ignore[arg-type]
                side="sell" if sells else "buy",
                price=price,
                size=size,
                gross=price * size // 10_000,
                fee=draw(st.integers(0, 10**6)),
            )
        )
    outcomes = []
    resolved = draw(st.sets(st.sampled_from(MARKETS)))
    corrected = draw(st.sets(st.sampled_from(sorted(resolved)))) if resolved else set()
    for number, market in enumerate([*sorted(resolved), *sorted(corrected)]):
        up = draw(st.sampled_from([0, 5_000, 10_000]))
        outcome = Outcome(
            id=f"r{number}",
            journal=1_000 + number,
            timestamp=10**12 + number,
            market_key=market,
            payout_up=up,
            payout_down=10_000 - up,
            source="gamma",
            pnl={},
            corrects="" if number < len(resolved) else "before",
        )
        outcomes.append(outcome)
    return fills, outcomes


def cash_of(fills: list[Fill], outcomes: list[Outcome]) -> int:
    """Micro-dollars that came in less those that went out, by shares held at the end and nothing else."""
    cash, held = 0, dict[tuple[str, str, str], int]()
    for fill in fills:
        key = (fill.strategy, fill.market_key, fill.outcome)
        cash += (fill.gross if fill.side == "sell" else -fill.gross) - fill.fee
        held[key] = held.get(key, 0) + (fill.size if fill.side == "buy" else -fill.size)
    last = {outcome.market_key: outcome for outcome in outcomes}
    for outcome in last.values():
        for (_, market, side), shares in held.items():
            if market == outcome.market_key:
                cash += (outcome.payout_up if side == "Up" else outcome.payout_down) * shares // 10_000
    return cash


@given(histories())
def test_money_is_neither_lost_nor_made(history: tuple[list[Fill], list[Outcome]]) -> None:
    fills, outcomes = history
    closed, standing = round_trips(fills, outcomes)
    total = 0
    for trip in (*closed, *standing):
        total += trip.net
    assert total == cash_of(fills, outcomes)


@given(histories())
def test_closed_ones_hold_nothing_and_open_ones_something(history: tuple[list[Fill], list[Outcome]]) -> None:
    fills, outcomes = history
    closed, standing = round_trips(fills, outcomes)
    settled = {outcome.market_key for outcome in outcomes}
    assert all(trip.held == 0 and trip.closed >= trip.opened for trip in closed)
    assert all(trip.held > 0 and trip.closed == 0 and trip.basis >= 0 for trip in standing)
    assert not [trip for trip in standing if trip.market in settled]
    bought = 0
    for fill in fills:
        bought += fill.size if fill.side == "buy" else 0
    for trip in (*closed, *standing):
        bought -= trip.bought
    assert bought == 0


@settings(max_examples=40)
@given(histories())
def test_the_views_say_the_same(history: tuple[list[Fill], list[Outcome]]) -> None:
    fills, outcomes = history
    closed, standing = round_trips(fills, outcomes)
    with duckdb.connect() as connection:
        loading.create(connection)
        stored = {
            "fills": [Stored("fills", 0, at, "k", each.canonical(), 1) for at, each in enumerate(fills)],
            "outcomes": [Stored("outcomes", 0, at, "k", each.canonical(), 1) for at, each in enumerate(outcomes)],
        }
        loading.load(connection, stored)
        trips = connection.execute("SELECT strategy, market, outcome, net_usd * 1000000 FROM v_round_trips").fetchall()
        held = connection.execute("SELECT strategy, market, outcome, shares * 1000000 FROM v_positions").fetchall()
    assert sorted((*row[:3], int(row[3])) for row in trips) == sorted(
        (trip.strategy, trip.market, trip.outcome, trip.net) for trip in closed
    )
    assert sorted((*row[:3], int(row[3])) for row in held) == sorted(
        (trip.strategy, trip.market, trip.outcome, trip.held) for trip in standing
    )


def test_views_have_units_in_their_names_and_need_no_quotes(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as connection:
        loading.create(connection)
        for view in VIEWS:
            columns = connection.execute(f"DESCRIBE {view.name}").fetchall()
            names = [str(column[0]) for column in columns]
            connection.execute(f"SELECT {', '.join(names)} FROM {view.name}")
            kinds = {str(name): str(kind) for name, kind, *_ in columns}
            whole_run = view.name in ("v_instances", "v_blocks")  # sums over all of it have no moment
            assert whole_run or "utc" in kinds or any(name.endswith("_utc") for name in kinds)
            for name, kind in kinds.items():
                if name.endswith("utc"):
                    assert kind == "TIMESTAMP", (view.name, name, kind)
                elif name.endswith("_usd") or name == "shares":
                    assert kind.startswith(("DECIMAL", "DOUBLE")), (view.name, name, kind)
