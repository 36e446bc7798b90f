"""What became of the position that a decision's fills belong to, by hand."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from api.server.held import held_by
from api.server.lookup import Lookup
from connectors.archive.writer import ArchiveWriter
from models.contracts import Fill
from models.message import Stored
from models.topics import FILLS
from tests.api.server import records


def fill(number: int, side: str, shares: int, cents: int, account: str = "main", market: str = "m") -> Fill:
    size = shares * 1_000_000
    return msgspec.structs.replace(
        records.fill(number),
        side=side,
        price=cents * 100,
        size=size,
        gross=size * cents // 100,
        fee=100_000,
        account=account,
        market_key=market,
    )


FILLED = (
    fill(1, "buy", 10, 45),
    fill(2, "buy", 99, 45, account="twin"),
    fill(3, "buy", 99, 45, market="mm"),
    fill(4, "sell", 4, 60),
    fill(5, "sell", 6, 60),  # 6.00 - 4.50 - 3 fees of 0.10
    fill(6, "buy", 7, 50),
    fill(7, "sell", 2, 50),
)


@pytest.fixture
def own(tmp_path: Path) -> Lookup:
    with ArchiveWriter(tmp_path) as writer:
        for offset, each in enumerate(FILLED):
            record = Stored(FILLS, 0, offset, each.order, each.canonical(), each.timestamp, "trading", offset)
            writer.append(record)
    return Lookup(tmp_path)


@pytest.mark.parametrize("number", [1, 4, 5])
def test_one_that_was_sold_says_when_and_for_what(number: int, own: Lookup) -> None:
    found = held_by(own, [FILLED[number - 1]], None)
    assert found is not None and (found.state, found.bought_shares, found.held_shares) == ("sold", 10.0, 0.0)
    assert found.net_usd == pytest.approx(1.2) and "was sold, 2026" in found.text
    assert found.text.endswith("UTC: +$1.20 after all fees")


def test_the_next_one_in_the_same_place_is_open(own: Lookup) -> None:
    found = held_by(own, [FILLED[5]], None)
    assert found is not None and (found.state, found.bought_shares, found.held_shares) == ("open", 7.0, 5.0)
    assert found.net_usd is None and found.closed == "" and "5.00 of 7.00 shares" in found.text


def test_a_twins_is_its_own(own: Lookup) -> None:
    found = held_by(own, [FILLED[1]], None)
    assert found is not None and (found.state, found.bought_shares) == ("open", 99.0)


def test_who_bought_nothing_holds_nothing(own: Lookup) -> None:
    assert held_by(own, [], None) is None
