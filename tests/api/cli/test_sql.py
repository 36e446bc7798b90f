"""`profit sql`: every question gets an answer in words or in JSON, of the run that is meant."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.cli.sql import ask, database_of, plain
from api.runs import locked
from connectors.archive.writer import ArchiveWriter
from connectors.audit.build import build_from_archive
from models.contracts import Quality
from models.failures import Failure
from models.message import Stored
from models.reasons import Reason
from tests.commands import assert_explained, profit
from tests.conftest import ROOT


def record(data: Path, run: str, rows: int, begun: int) -> Path:
    """A run with so many quality rows and no database, begun at the Unix second ``begun``."""
    folder = data / "runs" / run
    with ArchiveWriter(folder / "archive") as writer:
        for number in range(rows):
            row = Quality(
                id=f"q{number}", window_start=0, window_end=1, feed="f", market="m", reason=Reason.OFF_TICK, count=1
            )
            writer.append(Stored("quality", 0, number, "m", row.canonical(), number))
    os.utime(folder / "archive", (begun, begun))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for run, rows, begun in (("older", 3, 1_000), ("newest", 5, 3_000), ("old", 4, 2_000)):
        record(tmp_path / "data", run, rows, begun)
    return tmp_path / "data"


def test_without_a_run_the_newest_is_asked_and_said(tmp_path: Path, data: Path) -> None:
    done = profit(tmp_path, "sql", "SELECT count(*) AS n FROM quality", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [{"n": 5}]
    assert "run newest, the newest" in done.stderr
    named = profit(tmp_path, "sql", "SELECT count(*) AS n FROM quality", "--json", "--run", "old")
    assert json.loads(named.stdout) == [{"n": 4}]


def test_a_run_that_is_beginning_is_not_passed_over_for_an_older_one(data: Path) -> None:
    with locked(data / "runs" / "newest"), pytest.raises(Failure, match="has no audit database yet"):
        database_of(data)
    assert database_of(data).parent.name == "newest"


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("select 'nan'::double as x", None),
        ("select 'inf'::float as x", None),
        ("select '-inf'::double as x", None),
        ("select 1.5::decimal(9,2) as x", 1.5),
        ("select sum(i) as x from range(3) t(i)", 3),
        ("select [1.0, 'nan'::double] as x", [1.0, None]),
        ("select {'a': 'nan'::double, 'b': date '2026-01-02'} as x", {"a": None, "b": "2026-01-02"}),
        ("select map{'a': 1} as x", {"a": 1}),
        ("select timestamptz '2026-01-02 03:04:05+01:00' as x", "2026-01-02T02:04:05+00:00"),
        ("select to_timestamp(0) as x", "1970-01-01T00:00:00+00:00"),
        ("select interval 90 second as x", 90.0),
        ("select 'a'::blob as x", "a"),
        ("select null as x", None),
        ("select uuid '00000000-0000-0000-0000-000000000001' as x", "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_every_type_has_its_place_in_json(data: Path, question: str, answer: object) -> None:
    names, rows = ask(database_of(data, "old"), question)
    assert names == ["x"]
    value = plain(rows[0][0])
    assert value == answer
    json.dumps(value, allow_nan=False)


_scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes() | st.decimals()
)


@given(st.recursive(_scalars, lambda each: st.lists(each) | st.dictionaries(st.integers() | st.text(), each)))
def test_whatever_a_row_holds_is_json(value: object) -> None:
    json.loads(json.dumps(plain(value), allow_nan=False))


def test_now_is_a_date_in_utc(tmp_path: Path, data: Path) -> None:
    before = datetime.now(UTC)
    (row,) = json.loads(profit(tmp_path, "sql", "select current_timestamp as now", "--json", TZ="Asia/Tokyo").stdout)
    assert before <= datetime.fromisoformat(row["now"]) <= datetime.now(UTC)
    shown = profit(tmp_path, "sql", "select current_timestamp as now")
    assert re.search(rf"{before:%Y-%m-%d} \d\d:\d\d:\d\d.*\+00:00", shown.stdout), shown.stderr


@pytest.mark.parametrize("question", ["", " ", ";", "\n;; "])
def test_an_empty_question_is_answered_with_one(tmp_path: Path, data: Path, question: str) -> None:
    assert_explained(profit(tmp_path, "sql", question), "the question is empty", "SHOW TABLES")


def test_columns_of_one_name_do_not_hide_each_other(data: Path) -> None:
    assert ask(database_of(data, "old"), "select 1 as a, 2 as a, 3 as a_2")[0] == ["a", "a_2", "a_2_2"]


@pytest.mark.parametrize("spoil", ["not a database", "cut", "overwritten", "empty"])
def test_a_damaged_database_is_not_the_questions_fault(data: Path, spoil: str) -> None:
    path = database_of(data, "old")
    whole = path.read_bytes()
    spoilt = {
        "not a database": b"x" * 20_000,
        "cut": whole[:9_000],
        "overwritten": whole[:4_096] + b"\xff" * (len(whole) - 4_096),
        "empty": b"\n",
    }[spoil]
    path.write_bytes(spoilt)
    with pytest.raises(Failure) as caught:
        ask(path, "SELECT * FROM quality")
    assert "audit.duckdb" in caught.value.cause
    assert "question" not in caught.value.cure


def test_a_file_of_another_is_never_to_be_removed(tmp_path: Path, data: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    done = profit(tmp_path, "sql", "SELECT 1", "--db", "letter.txt")
    assert_explained(done, "letter.txt")
    assert "away" not in done.stderr and "emove" not in done.stderr


def test_ids_are_never_cut(tmp_path: Path, data: Path) -> None:
    longest = "x" * 400
    done = profit(tmp_path, "sql", f"select '{longest}' as id, '{longest}' as other", COLUMNS="80")
    assert done.stdout.count(longest) == 2
    assert "…" not in done.stdout


def _questions() -> list[str]:
    """Every query that the documentation shows."""
    found: list[str] = []
    for page in ("README.md", "docs/operations.md", "docs/archive.md"):
        text = (ROOT / page).read_text()
        found += [
            query.replace("…", "'x'") for query in re.findall(r'profit sql "([^"]+)"', text) if query != "SELECT …"
        ]
        found += [query.replace("\\n", " ") for query in re.findall(r"```sql\n(.*?)```", text, re.DOTALL)]
    return found


def test_the_queries_of_the_documentation_work(data: Path) -> None:
    path = database_of(data, "old")
    archive = data / "runs" / "old" / "archive"
    questions = _questions()
    assert len(questions) >= 6
    for question in questions:
        ask(path, question.replace("DIR/topic=decisions", f"{archive}/topic=quality"))


def test_a_database_without_views_gets_them_when_it_is_opened_for_writing(tmp_path: Path, data: Path) -> None:
    """One of an earlier version: the next writer makes the views."""
    from connectors.audit import loading

    path = tmp_path / "x.duckdb"
    build_from_archive(data / "runs" / "old" / "archive", path)
    with duckdb.connect(str(path)) as connection:
        for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall():
            connection.execute(f"DROP VIEW {name}")
        loading.create(connection)
    assert ask(path, "SELECT count(*) FROM v_fills")[1] == [(0,)]
