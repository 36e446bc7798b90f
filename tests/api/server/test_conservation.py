"""Counters, audit and scan rows are compared at one moment, however far each of them has come."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from api.server.board import Board
from api.server.conservation import CounterHistory, conservation_of, counted
from api.server.views.evidence import Conservation
from connectors.audit.database import AuditDatabase
from models.contracts import ModuleTelemetry, Scan, Telemetry
from models.settings import Settings
from models.strategies.instance import instances
from models.timestamps import SECOND
from tests.api.server.records import T0, scan, stored

SETTINGS = Settings()
PARITY = next(each for each in instances(SETTINGS) if each.id == "parity")
#: Of each second: what the gate let through, and of that what the strategy passed; the gate refused one more.
EACH = (5, 2)


def second(number: int) -> Telemetry:
    """All that the trading flow says at second ``number``: the first record states every module."""
    asked, passed = EACH
    rows = [
        ModuleTelemetry("portfolio", "running", {}, "ok", {}),
        ModuleTelemetry(PARITY.limits.module, "running", {"pass:ok": asked, "block:stale_book": 1}, "ok", {}),
        ModuleTelemetry(PARITY.module, "running", {"pass:ok": passed, "hold:not_yet": asked - passed}, "ok", {}),
    ]
    return Telemetry(f"t{number}", T0 + number * SECOND, "trading", SECOND, rows, [], [] if number else rows)


def scanned(number: int) -> Scan:
    """The row of second ``number``: it stands for one evaluation less, which is in the next one."""
    evaluations = sum(EACH[:1]) + (1 if number else 0)
    changes = {"id": f"s{number}", "timestamp": T0 + number * SECOND, "strategy": "parity", "evaluations": evaluations}
    return msgspec.structs.replace(scan(number), **changes)


def compared(folder: Path, seconds: int, audited: int, rows: int, finished: bool = False) -> Conservation:
    """The flow has come to second ``seconds``; its counters are in the audit to ``audited``, scan rows to ``rows``."""
    board, history = Board(0.0), CounterHistory()
    for number in range(seconds + 1):
        board.take(stored(second(number)), float(number))
        history.note(board, SETTINGS)
    with AuditDatabase(folder / "audit.duckdb") as database:
        database.apply(
            {
                "telemetry": [stored(second(number)) for number in range(audited + 1)],
                "scans": [stored(scanned(number)) for number in range(rows + 1)],
            }
        )
    newest = board.modules.beat
    return conservation_of(history.kept, newest, counted(board, SETTINGS, newest), SETTINGS, folder, finished)


@pytest.mark.parametrize(("audited", "rows", "at"), [(9, 9, 8), (5, 9, 5), (9, 4, 3), (6, 7, 6)])
def test_every_number_of_a_row_is_of_the_moment_that_all_have(tmp_path: Path, audited: int, rows: int, at: int) -> None:
    found = compared(tmp_path, 9, audited, rows)
    (row,) = found.equations
    assert found.behind_s == 9 - at and row.time == found.time
    evaluations = 6 * (at + 1)
    assert (row.evaluations, row.passed, row.held, row.blocked) == (evaluations, 2 * (at + 1), 3 * (at + 1), at + 1)
    assert row.holds and row.counters_agree and row.scanned is not None
    assert (row.scanned, row.not_sent) == (evaluations - 1, 1)
    assert row.since == 6 * (9 - at)


def test_at_the_end_of_a_finished_run_the_last_second_is_compared(tmp_path: Path) -> None:
    found = compared(tmp_path, 9, 9, 9, finished=True)
    (row,) = found.equations
    assert (found.behind_s, row.evaluations, row.since, row.counters_agree) == (0.0, 60, 0, True)


def test_a_finished_run_whose_audit_ended_before_it_says_how_much_is_missing(tmp_path: Path) -> None:
    found = compared(tmp_path, 9, 7, 7, finished=True)
    (row,) = found.equations
    assert (found.behind_s, row.evaluations, row.since, row.counters_agree) == (2.0, 48, 12, True)


def test_without_an_audit_nothing_is_compared_and_nothing_differs(tmp_path: Path) -> None:
    board, history = Board(0.0), CounterHistory()
    board.take(stored(second(0)), 0.0)
    history.note(board, SETTINGS)
    newest = board.modules.beat
    found = conservation_of(history.kept, newest, counted(board, SETTINGS, newest), SETTINGS, tmp_path)
    (row,) = found.equations
    assert (found.time, found.behind_s, found.newest) == ("", None, row.time)
    assert (row.evaluations, row.holds, row.counters_agree, row.scanned, row.not_sent) == (6, True, None, None, None)


def test_a_difference_is_one(tmp_path: Path) -> None:
    found = compared(tmp_path, 3, 3, 3, finished=True)
    assert found.equations[0].counters_agree
    with AuditDatabase(tmp_path / "audit.duckdb") as database:
        doubled = msgspec.structs.replace(second(1), id="again")
        database.apply({"telemetry": [stored(doubled)]})
    board, history = Board(0.0), CounterHistory()
    for number in range(4):
        board.take(stored(second(number)), float(number))
        history.note(board, SETTINGS)
    newest = board.modules.beat
    found = conservation_of(history.kept, newest, counted(board, SETTINGS, newest), SETTINGS, tmp_path, True)
    assert found.equations[0].counters_agree is False
