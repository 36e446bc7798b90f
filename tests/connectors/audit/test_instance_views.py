"""The views of instances: sums by hand, and an archive whose records do not fit into memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from connectors.archive.layout import ArchiveError
from connectors.archive.writer import ArchiveWriter
from connectors.audit import loading
from connectors.audit.build import build_from_archive
from connectors.audit.database import AuditDatabase
from models.contracts import Fill, MarkOut, ModuleTelemetry, Posting, Telemetry
from models.message import Stored
from models.record import Record


def stored(topic: str, records: Sequence[Record]) -> list[Stored]:
    return [Stored(topic, 0, number, "k", each.canonical(), number) for number, each in enumerate(records)]


def counted(number: int, counts: dict[str, dict[str, int]]) -> Telemetry:
    modules = [ModuleTelemetry(name, "running", found, "ok", {}) for name, found in counts.items()]
    return Telemetry(f"trading-{number}", number, "trading", 10**9, modules, [], modules)


def fill(number: int, evidence: Any = "book_cross") -> Fill:
    return Fill(
        f"o{number}.0", f"o{number}", "d", number, number, number, "parity", "m", "Up", "buy", 5_000, 10_000_000,
        5_000_000, 50_000, evidence,
    )  # fmt: skip


def mark(number: int, horizon: int, mid: int, gain: int | None) -> MarkOut:
    return MarkOut(
        f"f{number}@{horizon}", number, number, f"f{number}", "parity", "m", "Up", "buy", "book_cross", horizon, 5_000,
        10_000_000, 50_000, mid, gain, 50, 300.0,
    )  # fmt: skip


def test_what_an_instance_did_is_the_sum_of_its_rows(tmp_path: Path) -> None:
    told = [
        counted(
            1, {"strategy.parity": {"pass:edge": 2, "hold:below_threshold": 3}, "data_gate.parity": {"pass:ok": 5}}
        ),
        counted(2, {"strategy.parity": {"pass:edge": 1}, "data_gate.parity": {"pass:ok": 1, "block:stale_book": 4}}),
    ]
    money = [("pnl:parity", -2_000_000), ("fees:parity", 150_000), ("cash", 7), ("twin/pnl:other", -1)]
    postings = [Posting(f"t{n}.0", f"t{n}", n, n, "sell", *leg, "r") for n, leg in enumerate(money)]
    marks = [mark(1, 1, 5_100, 100), mark(2, 1, -1, None), mark(1, -1, 10_000, 5_000), mark(2, -1, 0, -5_000)]
    with AuditDatabase(tmp_path / "audit.duckdb") as database:
        database.apply(
            {
                "telemetry": stored("telemetry", told),
                "fills": stored("fills", [fill(1), fill(2, "queue")]),
                "ledger": stored("ledger", postings),
                "markouts": stored("markouts", marks),
            }
        )
    with duckdb.connect(str(tmp_path / "audit.duckdb"), read_only=True) as connection:
        (row,) = connection.execute("SELECT * FROM v_instances").fetchall()
        names = [column[0] for column in connection.description or []]
        assert connection.execute("SELECT count(*) FROM rejected").fetchone() == (0,), "a mark without a mid is a row"
        assert connection.execute("SELECT reason, times FROM v_blocks ORDER BY times").fetchall() == [
            ("below_threshold", 3),
            ("stale_book", 4),
        ]
    found = dict(zip(names, row, strict=True))
    assert (found["evaluations"], found["passed"], found["held"], found["blocked"]) == (10, 3, 3, 4)
    assert (found["fills"], found["by_book_cross"], found["by_queue"]) == (2, 1, 1)
    assert [float(found[name]) for name in ("gross_usd", "fees_usd", "net_usd")] == [2.0, 0.15, 1.85]
    assert found["gain_1s_usd"] == 0.01 and found["gain_settlement_usd"] == 0.0
    assert found["edge_realised"] == pytest.approx(1.85 / (2 * 10 * 0.03), abs=1e-4)


def test_files_that_do_not_fit_into_memory_at_once_are_loaded_in_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ArchiveWriter(tmp_path / "archive") as writer:
        for number in range(60):
            writer.append(Stored("fills", 0, number, "k", fill(number).canonical(), number * 3_600 * 10**9))
    whole, most = loading.load_parquet, 7

    def narrow(connection: Any, table: Any, files: Sequence[Path], last: int) -> None:
        whole(connection, table, files, last)
        if len(files) > most:
            raise duckdb.OutOfMemoryException("no room")

    monkeypatch.setattr(loading, "load_parquet", narrow)
    assert build_from_archive(tmp_path / "archive", tmp_path / "a.duckdb")["fills"] == 60, "each once"
    most = 0
    with pytest.raises(ArchiveError, match="take more than"):
        build_from_archive(tmp_path / "archive", tmp_path / "b.duckdb")
