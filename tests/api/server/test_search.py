"""A search for words finds the same in memory as in the audit database, and goes over all pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.server.board import Board
from api.server.decisions import DecisionFilter, page
from api.server.hub import Hub
from connectors.audit.database import AuditDatabase
from models.contracts import Decision
from models.reasons import MEANING, Reason
from models.topics import DECISIONS
from tests.api.server.records import decision, stored

ROWS = [
    decision(1),
    decision(2, "block", Reason.COOLDOWN),
    decision(3, "block", Reason.CAP_TOTAL),
    decision(4),
    decision(5, "block", Reason.STALE_BOOK),
]


def in_memory() -> Board:
    hub = Hub("main")
    hub.take([(stored(each), False) for each in ROWS])
    return hub.board


@pytest.fixture(params=["memory", "audit"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Board, Path]:
    if request.param == "memory":
        return in_memory(), tmp_path
    database = AuditDatabase(tmp_path / "audit.duckdb")
    database.apply({DECISIONS: [stored(each) for each in ROWS]})
    database.close()
    return Hub("main").board, tmp_path


def found(place: tuple[Board, Path], words: str, limit: int = 50) -> list[int]:
    """Journal numbers, of all pages."""
    board, folder = place
    numbers: list[int] = []
    before = ""
    while True:
        answer = page(board, folder, DecisionFilter("", "", "", "", True, words), limit, before)
        numbers += [each.journal for each in answer.decisions]
        before = answer.next
        if not before:
            return numbers


def has(each: Decision, word: str) -> bool:
    action = "refuse" if each.action == "block" else each.action
    said = [each.id, each.market_key, each.strategy, action, each.outcome, each.reason, MEANING[each.reason]]
    return any(word.lower() in part.lower() for part in said)


WORDS = ("", "d3", "COOLDOWN", "refuse parity", "refuse d4", "portfolio", "up enter", "%", "'")


@pytest.mark.parametrize("limit", [1, 50])
@pytest.mark.parametrize("words", WORDS)
def test_each_word_has_to_stand_in_it(place: tuple[Board, Path], words: str, limit: int) -> None:
    wanted = [each.journal for each in reversed(ROWS) if all(has(each, word) for word in words.split())]
    assert found(place, words, limit) == wanted
