"""Today and seven days over the runs of a data folder: against sums made by hand, and never of unlike runs together."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from api.run_table import Kind
from api.runs import PLAN
from api.server.accounts import Accounts
from api.server.earnings import Earnings, OtherRuns
from connectors.audit.database import AuditDatabase
from models.contracts import Fill, Posting
from models.message import Stored
from models.money import DOLLAR
from models.record import Record
from models.timestamps import SECOND
from tests.api.server.records import T0, fill, stored

DAY = 86_400 * SECOND


def posting(account: str, dollars: float, days_ago: int, number: int = 0) -> Posting:
    """``dollars`` that ``account`` (of an instance's results or fees) made; a ledger's sign is the other one."""
    t, amount = T0 - days_ago * DAY, -round(dollars * DOLLAR)
    return Posting(f"{account}{days_ago}{number}", "t", 0, t, "sell", account, amount, "")


def run(data: Path, name: str, feeds: str, *records: Record) -> Path:
    folder = data / "runs" / name
    (folder / "archive" / "topic=ledger").mkdir(parents=True)
    if feeds == "replay":
        (folder / PLAN).write_text("{}")
    else:
        (folder / "run.json").write_text(json.dumps({"name": name, "feeds": feeds}))
    with AuditDatabase(folder / "audit.duckdb") as database:
        keep(database, *records)
    return folder


def keep(database: AuditDatabase, *records: Record) -> None:
    topics: dict[str, list[Stored]] = {}
    for each in map(stored, records):
        topics.setdefault(each.topic, []).append(each)
    database.apply(topics)


def earned(data: Path, own: Path, kind: Kind, accounts: Accounts) -> Earnings:
    others = OtherRuns(data, own)
    assert not others.earnings(kind, own.name, accounts, T0).complete
    others.read()
    return others.earnings(kind, own.name, accounts, T0)


def own_accounts(*postings: Posting) -> Accounts:
    accounts = Accounts()
    for each in postings:
        accounts.posting(each)
    return accounts


def test_runs_of_one_kind_are_added_up_and_others_are_left_out_and_said(tmp_path: Path) -> None:
    own = run(tmp_path, "own", "sim")
    today = (posting("pnl:parity", 5, 0), posting("fees:parity", -2, 0), posting("cash", 50, 0))
    earlier = (posting("pnl:parity", 7, 6), posting("pnl:parity", 100, 7), posting("pnl:lead_lag", -1, 3))
    run(tmp_path, "before", "sim", *today, *earlier)
    run(tmp_path, "idle", "sim")
    run(tmp_path, "real", "live", posting("pnl:parity", 1_000, 0))
    run(tmp_path, "again", "replay", posting("pnl:parity", 2_000, 0))
    run(tmp_path, "played", str(tmp_path), posting("pnl:parity", 4_000, 0))
    found = earned(tmp_path, own, "sim", own_accounts(posting("pnl:parity", 0.5, 0)))
    assert found.complete
    made = {each.id: (each.today_usd, each.week_usd, each.runs) for each in found.instances}
    assert made == {"parity": (3.5, 10.5, 2), "lead_lag": (0.0, -1.0, 1)}
    assert {each.name: (each.current, each.today_usd, each.week_usd) for each in found.runs} == {
        "own": (True, 0.5, 0.5),
        "before": (False, 3.0, 9.0),
    }
    assert (found.quiet, found.left_out, found.unread) == (1, {"live": 1, "replay": 1, "recorded": 1}, {})


@pytest.mark.parametrize("kind", ["replay", "recorded"])
def test_a_replay_and_a_played_recording_stand_alone(tmp_path: Path, kind: Kind) -> None:
    feeds = "replay" if kind == "replay" else str(tmp_path)
    own = run(tmp_path, "own", feeds)
    run(tmp_path, "same", feeds, posting("pnl:parity", 9, 0))
    found = earned(tmp_path, own, kind, own_accounts(posting("pnl:parity", 0.5, 0)))
    assert [(each.name, each.today_usd) for each in found.runs] == [("own", 0.5)]
    assert [each.today_usd for each in found.instances] == [0.5]
    assert found.left_out == {kind: 1}


def test_real_fills_and_paper_twins_are_told_apart(tmp_path: Path) -> None:
    own = run(tmp_path, "own", "live")
    real: Fill = msgspec.structs.replace(fill(1), evidence="exchange")
    twin = posting("parity-twin/pnl:parity-twin", 3, 0)
    armed = posting("live/pnl:parity", 7, 0)
    run(tmp_path, "armed", "live", real, twin, armed, posting("pnl:parity", 2, 0))
    found = earned(tmp_path, own, "live", Accounts())
    assert {each.name: each.real for each in found.runs} == {"own": False, "armed": True}
    assert {each.id: each.today_usd for each in found.instances} == {"parity": 2.0, "parity-twin": 3.0}


def test_a_run_that_goes_on_is_read_again_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    own = run(tmp_path, "own", "sim")
    other = run(tmp_path, "other", "sim", posting("pnl:parity", 1, 0))
    bad = run(tmp_path, "bad", "sim")
    (bad / "audit.duckdb").write_text("this is no database")
    others = OtherRuns(tmp_path, own)
    others.read()
    found = others.earnings("sim", "own", Accounts(), T0)
    assert [each.week_usd for each in found.instances] == [1.0]
    assert list(found.unread) == ["bad"] and "cannot be asked" in found.unread["bad"]
    with AuditDatabase(other / "audit.duckdb") as database:
        keep(database, posting("pnl:parity", 4, 0, 1))
    others.read()
    assert [each.week_usd for each in others.earnings("sim", "own", Accounts(), T0).instances] == [5.0]
