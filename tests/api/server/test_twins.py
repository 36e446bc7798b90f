"""Paper twins beside their instances: whose they are, and sums made by hand."""

from __future__ import annotations

import msgspec
import pytest

from api.server.board import Board
from api.server.money import portfolio_of, strategies_of
from api.server.twins import twins
from models.contracts import Fill, Outcome, Posting
from models.money import DOLLAR, SHARE
from models.record import Record
from models.settings import InstanceTable, Settings
from models.strategies.instance import all_instances
from tests.api.server.records import T0, fill, stored, telemetry

TWIN = InstanceTable(id="parity-twin", strategy="parity", state="twin")
SETTINGS = Settings(instances=(TWIN,))


def bought(number: int, instance: str, size: int, account: str) -> Fill:
    changes = {"strategy": instance, "account": account, "size": size * SHARE, "gross": size * DOLLAR // 2}
    return msgspec.structs.replace(fill(number), **changes)


def booked(number: int, account: str, dollars: float) -> Posting:
    fields = {"id": f"p{number}", "transaction": "t", "journal": 0, "timestamp": T0, "kind": "settle", "ref": ""}
    return msgspec.convert({**fields, "account": account, "amount": round(dollars * DOLLAR)}, Posting)


def ended(market: str = "m") -> Outcome:
    return msgspec.convert(
        {
            "id": "o1", "journal": 9, "timestamp": T0 + 9, "market_key": market, "payout_up": 10_000, "payout_down": 0,
            "source": "exchange", "pnl": {},
        },
        Outcome,
    )  # fmt: skip


def test_an_instance_stands_beside_its_twin() -> None:
    """10 shares for 5 $ and 40 for 20 $, each pays a dollar a share: made 5 and 20; the instance paid 1 $ of fees."""
    board = Board(0.0)
    records: list[Record] = [
        bought(1, "parity", 10, "main"),
        booked(1, "fees:parity", 1.0),
        bought(2, "parity-twin", 40, "parity-twin"),
        booked(2, "pnl:parity", -5.0),
        booked(3, "parity-twin/pnl:parity-twin", -20.0),
        ended(),
    ]
    for each in records:
        board.take(stored(each), 0.0)
    views = {each.id: each for each in strategies_of(board, SETTINGS)}
    told = views["parity"].twin
    assert told is not None and told.same_parameters
    assert (told.own.net_usd, told.own.trades, told.own.fills, told.own.bought_shares) == (4.0, 1, 1, 10.0)
    assert (told.twin.net_usd, told.twin.trades, told.twin.per_share_usd) == (20.0, 1, 0.5)
    assert told.difference_usd == -16.0
    assert told.per_share_difference_usd == pytest.approx(-0.1)
    assert views["parity-twin"].twin_of == "parity" and views["parity-twin"].twin is None
    assert views["parity-twin"].realised_usd == 20.0
    contributions = {each.strategy: each.realised_usd for each in portfolio_of(board, SETTINGS, 10).contributions}
    assert contributions == {"parity": 4.0}  # paper money is not the portfolio's


def test_an_instance_stands_beside_the_twin_that_the_learning_flow_runs() -> None:
    board = Board(0.0)
    board.take(stored(telemetry("promotion", gauges={"own_net:parity": 1.5, "twin_net:parity": 4.0})), 0.0)
    views = {each.id: each for each in strategies_of(board, Settings())}
    told = views["parity"].learned
    assert told is not None
    assert (told.own_net_usd, told.twin_net_usd, told.difference_usd) == (1.5, 4.0, -2.5)
    assert views["parity"].twin is None and views["lead_lag"].learned is None


def test_a_twin_that_traded_nothing_has_no_result_a_share() -> None:
    told = {each.id: each for each in strategies_of(Board(0.0), SETTINGS)}["parity"].twin
    assert told is not None
    assert told.twin.per_share_usd is None and told.per_share_difference_usd is None


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        pytest.param([TWIN], {"parity-twin": "parity"}, id="by its id"),
        pytest.param(
            [InstanceTable(id="paper", strategy="parity", state="twin")], {"paper": "parity"}, id="the only one"
        ),
        pytest.param(
            [
                InstanceTable(id="eager", strategy="parity", parameters={"min_edge": 0.001}),
                InstanceTable(id="paper", strategy="parity", state="twin", parameters={"min_edge": 0.001}),
            ],
            {"paper": "eager"},
            id="by its parameters",
        ),
        pytest.param(
            [
                InstanceTable(id="eager", strategy="parity", parameters={"min_edge": 0.001}),
                InstanceTable(id="paper", strategy="parity", state="twin", parameters={"min_edge": 0.005}),
            ],
            {},
            id="of none for sure",
        ),
    ],
)
def test_whose_a_twin_is(tables: list[InstanceTable], expected: dict[str, str]) -> None:
    assert twins(all_instances(Settings(instances=tuple(tables)))) == expected
