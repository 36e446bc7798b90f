"""audit.duckdb: whole at every moment, open to every reader, nothing lost or doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import msgspec
import pytest

from connectors.archive.writer import ArchiveWriter
from connectors.audit import loading
from connectors.audit.build import build_from_archive
from connectors.audit.database import AuditDatabase, AuditError
from connectors.audit.tables import TABLES
from models.contracts import CONTRACTS, Decision, ModuleTelemetry, Order, Quality, Scan, Source, Span, Telemetry
from models.message import Stored
from models.reasons import Reason, Verdict
from models.record import fields_of

ROOT = Path(__file__).parents[3]


def scan(number: int) -> Scan:
    return Scan(
        id=f"s{number}",
        journal=number,
        timestamp=number,
        strategy="parity",
        market_key="m",
        score=0.1,
        threshold=0.0,
        margin=0.0,
        unit="$",
        metric_family="edge",
        normalised=0.5,
        verdict=Verdict.HOLD,
        reason=Reason.BELOW_THRESHOLD,
        evaluations=1,
    )


def scans(first: int, last: int) -> list[Stored]:
    return [Stored("scans", 0, number, "parity", scan(number).canonical(), number) for number in range(first, last)]


def decision(number: int) -> Decision:
    return Decision(
        id=f"d{number}",
        journal=number,
        timestamp=number,
        portfolio="main",
        strategy="parity",
        market_key="m",
        outcome="Up",
        action="block",
        verdict=Verdict.BLOCK,
        reason=Reason.COOLDOWN,
        price=5_000,
        size=1,
        order_ids=["o1", "o2"],
        spans=[
            Span(module="edge", verdict=Verdict.PASS, reason=Reason.EDGE, numbers={"edge": 0.25, "note": None}),
            Span(module="gate", verdict=Verdict.BLOCK, reason=Reason.COOLDOWN),
        ],
        sources=[Source(name="book", journal=number, topic="feed.polymarket", partition=0, offset=7)],
        configuration="c",
        model="m",
    )


def query(path: Path, text: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(text).fetchall()


def test_a_field_of_some_words_is_text_and_no_json() -> None:
    """What is asked for as ``outcome = 'Up'`` is found, also where the contract allows no word at all."""
    assert {TABLES[topic].columns["outcome"] for topic in ("decisions", "orders", "fills")} == {"VARCHAR"}


def test_every_contract_has_a_table_with_its_columns(tmp_path: Path) -> None:
    with AuditDatabase(tmp_path / "audit.duckdb"):
        pass

    for topic, contract in CONTRACTS.items():
        described = query(tmp_path / "audit.duckdb", f"DESCRIBE {TABLES[topic].name}")
        if not TABLES[topic].rows:
            assert [row[0] for row in described] == [field.name for field in fields_of(contract)]
        assert {str(row[0]): str(row[1]).replace('"', "") for row in described} == {
            name: kind.replace('"', "") for name, kind in TABLES[topic].columns.items()
        } or topic == "decisions"


def test_nested_fields_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "audit.duckdb"
    pulse = Telemetry(
        id="t",
        timestamp=1,
        source="s",
        interval=1,
        modules=[ModuleTelemetry("m", "running", {"pass:ok": 3}, "ok", {"lag": 1.5})],
        resting=["n"],
        standing=[],
    )
    with AuditDatabase(path) as database:
        database.apply(
            {
                "decisions": [Stored("decisions", 0, 0, "m", decision(1).canonical(), 1)],
                "telemetry": [Stored("telemetry", 0, 0, "m", pulse.canonical(), 1)],
            }
        )

    assert query(path, "SELECT decision, position, module, reason, numbers->>'edge' FROM spans ORDER BY position") == [
        ("d1", 0, "edge", "edge", "0.25"),
        ("d1", 1, "gate", "cooldown", None),
    ]
    found = query(path, "SELECT order_ids[2], spans[1].module, sources[1].offset FROM decisions")
    assert found == [("o2", "edge", 7)]
    assert query(path, "SELECT counts['pass:ok'], (gauges->>'lag')::DOUBLE FROM telemetry") == [(3, 1.5)]


def test_a_record_that_is_none_is_kept_apart_with_its_place(tmp_path: Path) -> None:
    broken = [b"{broken", b'{"id":"x"}', b"\xff\xfe", scan(3).canonical().replace(b'"journal":3', b'"journal":"no"')]
    records = [Stored("scans", 0, offset, "k", value, 0) for offset, value in enumerate(broken)]
    with AuditDatabase(tmp_path / "audit.duckdb") as database:
        database.apply({"scans": [*records, *scans(4, 6)]})

    assert query(tmp_path / "audit.duckdb", "SELECT id FROM scans ORDER BY id") == [("s4",), ("s5",)]
    found = query(tmp_path / "audit.duckdb", 'SELECT topic, "offset" FROM rejected ORDER BY ALL')
    assert found == [("scans", offset) for offset in range(4)]


def quality(number: int) -> Quality:
    return Quality(
        id=f"q{number}",
        window_start=0,
        window_end=10,
        feed="data_gate.parity",
        market="m",
        reason=Reason.STALE_BOOK,
        count=number,
        strategy="parity",
        evaluations=9,
    )


def earlier(record: Quality) -> bytes:
    """The record as it was before it had a strategy."""
    return record.canonical().replace(b',"strategy":"parity","evaluations":9', b"")


def test_records_from_before_a_column_get_its_default(tmp_path: Path) -> None:
    values = [earlier(quality(0)), quality(1).canonical(), earlier(quality(2)).replace(b'"count":2', b'"count":"x"')]
    records = [Stored("quality", 0, offset, "k", value, 0) for offset, value in enumerate(values)]
    with AuditDatabase(tmp_path / "audit.duckdb") as database:
        database.apply({"quality": records})
    with ArchiveWriter(tmp_path / "archive") as writer:
        for record in records:
            writer.append(record)
    build_from_archive(tmp_path / "archive", tmp_path / "built.duckdb")
    for path in (tmp_path / "audit.duckdb", tmp_path / "built.duckdb"):
        found = query(path, 'SELECT id, "count", strategy, evaluations FROM quality ORDER BY id')
        assert found == [("q0", 0, "", 0), ("q1", 1, "parity", 9)]
        assert query(path, 'SELECT topic, "offset" FROM rejected') == [("quality", 2)]


def test_a_database_from_before_a_column_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "audit.duckdb"
    with AuditDatabase(path) as database:
        database.apply({"quality": [Stored("quality", 0, 0, "k", quality(0).canonical(), 0)]})
    for replica in (path, *tmp_path.glob(".audit-?.duckdb")):
        with duckdb.connect(str(replica)) as connection:
            connection.execute("ALTER TABLE quality DROP COLUMN IF EXISTS strategy")
            connection.execute("ALTER TABLE quality DROP COLUMN IF EXISTS evaluations")
    with AuditDatabase(path) as database:
        for number in (1, 2, 3):
            database.apply({"quality": [Stored("quality", 0, number, "k", quality(number).canonical(), 0)]})
    found = query(path, "SELECT id, strategy, evaluations FROM quality ORDER BY id")
    assert found == [("q0", "", 0), *((f"q{number}", "parity", 9) for number in (1, 2, 3))]


def test_an_order_has_a_row_for_each_state(tmp_path: Path) -> None:
    order = Order(
        id="o",
        decision="d",
        journal=1,
        timestamp=1,
        strategy="s",
        market_key="m",
        token="1",
        outcome="Up",
        side="buy",
        kind="FAK",
        limit=1,
        size=1,
        filled=0,
        due=1,
        status="submitted",
        reason=Reason.SUBMITTED,
    )
    partly = {"status": "partly_filled"}
    states = [
        order,
        msgspec.structs.replace(order, **(partly | {"number": 1, "filled": 1})),
        msgspec.structs.replace(order, **(partly | {"number": 2, "filled": 2})),
        order,
    ]
    with AuditDatabase(tmp_path / "audit.duckdb") as database:
        database.apply(
            {"orders": [Stored("orders", 0, n, "o", state.canonical(), 1) for n, state in enumerate(states)]}
        )

    assert query(tmp_path / "audit.duckdb", "SELECT number, filled FROM orders ORDER BY ALL") == [
        (0, 0),
        (1, 1),
        (2, 2),
    ]


@pytest.mark.parametrize("grace_s", [0.0, 1e9])
def test_batches_and_what_comes_again_make_the_rows_once(tmp_path: Path, grace_s: float) -> None:
    path = tmp_path / "audit.duckdb"
    with AuditDatabase(path, grace_s) as database:
        for first in range(0, 100, 10):
            database.apply({"scans": scans(max(0, first - 3), first + 10)})
            assert query(path, "SELECT count(*), max(journal) FROM scans") == [(first + 10, first + 9)]
        copies = database.copies
    with AuditDatabase(path, grace_s) as database:
        assert database.positions == {"scans": 99}
        database.apply({"scans": scans(90, 105)})
        database.apply({"scans": scans(105, 110)})

    assert query(path, "SELECT count(*), count(DISTINCT id) FROM scans") == [(110, 110)]
    assert copies == (9 + 1 if grace_s else 1)


def test_a_reader_that_stays_costs_no_row_and_keeps_what_it_saw(tmp_path: Path) -> None:
    path = tmp_path / "audit.duckdb"
    with AuditDatabase(path, grace_s=0.0) as database:
        database.apply({"scans": scans(0, 10)})
        reader = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert reader.stdin is not None and reader.stdout is not None
        assert reader.stdout.readline() == "10\n"
        for first in range(10, 60, 10):
            database.apply({"scans": scans(first, first + 10)})
        assert query(path, "SELECT count(*) FROM scans") == [(60,)]
        reader.stdin.write("again\n")
        reader.stdin.flush()
        assert reader.stdout.readline() == "10\n"
        reader.stdin.close()
        assert reader.wait(60) == 0
        database.apply({"scans": scans(60, 70)})
        database.apply({"scans": scans(70, 80)})

    assert query(path, "SELECT count(*) FROM scans") == [(80,)]


HOLDER = """
import sys, duckdb
with duckdb.connect(sys.argv[1], read_only=True) as connection:
    while True:
        print(connection.execute("SELECT count(*) FROM scans").fetchone()[0], flush=True)
        if not sys.stdin.readline():
            break
"""

#: Opens the database as fast as it can; ends with 0 when no opening failed and no count went down.
READER = """
import os, sys, time, duckdb
path, stop, pause = sys.argv[1:]
seen, opened, over = 0, 0, False
while not over or opened <= 20:
    over = os.path.exists(stop)
    with duckdb.connect(path, read_only=True) as connection:
        count, last = connection.execute("SELECT count(*), max(journal) FROM scans").fetchone()
    assert count >= seen, (count, seen)
    assert count == 0 or last == count - 1, (count, last)
    seen, opened = count, opened + 1
    time.sleep(float(pause))
print(seen)
"""

#: Applies batches of ten scans until it is killed, telling the last number that was applied.
WRITER = """
import sys, time
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from connectors.audit.database import AuditDatabase
from models.message import Stored
def scans(first, last):
    return [Stored("scans", 0, n, "", sys.argv[3].replace("NUMBER", str(n)).encode(), n) for n in range(first, last)]
with AuditDatabase(Path(sys.argv[1]), grace_s=0.1) as database:
    while True:
        first = database.positions.get("scans", -1) + 1
        database.apply({"scans": scans(first, first + 10)})
        print(first + 9, flush=True)
        time.sleep(0.02)
"""


def test_readers_in_a_loop_while_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "audit.duckdb"
    with AuditDatabase(path):
        pass
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(path), str(tmp_path / "stop"), pause], stdout=subprocess.PIPE, text=True
        )
        for pause in ("0", "0.05")
    ]
    template = scan(987).canonical().decode().replace("987", "NUMBER")
    chance = random.Random(3)
    applied = -1
    for _ in range(4):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(ROOT), template],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        assert writer.stdout is not None
        for _ in range(chance.randrange(2, 5)):
            line = writer.stdout.readline()
            assert line, "the writer failed by itself"
            applied = int(line)
        time.sleep(chance.uniform(0, 0.05))  # the moment of the kill, not a synchronisation
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].split()
        applied = int(rest[-1]) if rest else applied
    (tmp_path / "stop").touch()
    reported = [reader.communicate(timeout=120)[0] for reader in readers]
    assert [reader.returncode for reader in readers] == [0, 0]
    found = query(path, "SELECT count(*), count(DISTINCT id), max(journal) FROM scans")[0]
    assert [int(text) for text in reported] == [found[0], found[0]]
    assert found[0] == found[1] == int(str(found[2])) + 1
    assert int(str(found[2])) >= applied


def test_one_process_writes(tmp_path: Path) -> None:
    with AuditDatabase(tmp_path / "audit.duckdb"), pytest.raises(AuditError, match="another process"):
        AuditDatabase(tmp_path / "audit.duckdb")


def test_an_archive_becomes_the_same_database(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "archive") as writer:
        for record in scans(0, 50):
            writer.append(record)
            if record.offset % 20 == 0:
                writer.flush()
        writer.append(Stored("decisions", 0, 0, "m", decision(1).canonical(), 1))
        writer.append(Stored("decisions", 0, 1, "m", b"\xff no decision", 1))
        writer.append(Stored("journal", 0, 0, "m", b"anything", 1))
    rows = build_from_archive(tmp_path / "archive", tmp_path / "built.duckdb")

    assert (rows["scans"], rows["decisions"], rows["spans"], rows["rejected"]) == (50, 1, 2, 1)
    with AuditDatabase(tmp_path / "applied.duckdb") as database:
        database.apply(
            {"scans": scans(0, 50), "decisions": [Stored("decisions", 0, 0, "m", decision(1).canonical(), 1)]}
        )
    for table in ("scans", "decisions", "spans"):
        text = f"SELECT * FROM {table} ORDER BY ALL"
        assert query(tmp_path / "built.duckdb", text) == query(tmp_path / "applied.duckdb", text)
    with AuditDatabase(tmp_path / "built.duckdb") as database:  # and a writer goes on from it
        assert database.positions == {"scans": 49, "decisions": 1}
        database.apply({"scans": scans(50, 60)})
    assert query(tmp_path / "built.duckdb", "SELECT count(*) FROM scans") == [(60,)]


def test_loading_twice_is_loading_once() -> None:
    with duckdb.connect() as connection:
        loading.create(connection)
        loading.load(connection, {"scans": scans(0, 10)})
        loading.load(connection, {"scans": scans(5, 15)})
        assert connection.execute("SELECT count(*) FROM scans").fetchall() == [(15,)]
        assert loading.positions(connection) == {"scans": 14}
