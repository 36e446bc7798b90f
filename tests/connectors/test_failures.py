"""What the machine refuses is told with its path, its cause and a cure."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import duckdb
import msgspec
import polars as pl
import pytest
from pydantic import BaseModel, ValidationError

from connectors.failures import can_write, explained, require_writable, unforeseen
from models.failures import Failure


@pytest.mark.parametrize("number", sorted(errno.errorcode), ids=lambda number: errno.errorcode[number])
def test_every_refusal_of_the_system_is_reported_with_its_path(number: int) -> None:
    failure = explained(OSError(number, os.strerror(number), "/some/where"))
    assert failure is not None
    assert failure.cause.startswith("/some/where: ")
    assert len(failure.cause.splitlines()) == len(failure.cure.splitlines()) == 1


def test_what_it_came_from_counts_also_within_a_group() -> None:
    def wrapped() -> None:
        try:
            raise PermissionError(errno.EACCES, "no", "/x")
        except OSError as cause:
            raise RuntimeError("a step failed") from cause

    with pytest.raises(RuntimeError) as caught:
        wrapped()
    for error in (caught.value, ExceptionGroup("several", [caught.value])):
        failure = explained(error)
        assert failure is not None and "/x: Permission denied" in failure.cause
    known = Failure("cause.", "Cure.")
    assert explained(known) is known


def test_libraries_that_say_it_in_words_are_understood(tmp_path: Path) -> None:
    full = pl.exceptions.ComputeError("cannot write: No space left on device (os error 28)")
    assert "No space left" in explained(full).cause  # type: ignore[union-attr]
    denied = duckdb.IOException('IO Error: Cannot open file "/data/x.duckdb": Permission denied')
    failure = explained(denied)
    assert failure is not None and failure.cause == "/data/x.duckdb: Permission denied."
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    with pytest.raises(pl.exceptions.PolarsError) as caught:
        pl.read_parquet(tmp_path / "x.parquet")
    assert "damaged" in explained(caught.value).cure  # type: ignore[union-attr]


def test_records_that_break_their_contract_are_no_traceback() -> None:
    class Record(BaseModel):
        number: int

    with pytest.raises(ValidationError) as caught:
        Record.model_validate_json(b'{"number": "x"}')
    assert explained(caught.value) is not None
    with pytest.raises(msgspec.DecodeError) as broken:
        msgspec.json.decode(b"{")
    assert explained(broken.value) is not None


def test_what_nobody_foresaw_is_one_line_and_says_how_to_see_more() -> None:
    assert explained(ZeroDivisionError("division by zero")) is None
    failure = unforeseen(ZeroDivisionError("division\nby zero"))
    assert failure.cause == "this should not happen: ZeroDivisionError: division by zero"
    assert "PROFIT_TEST_TRACEBACK=1" in failure.cure


def test_a_folder_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    require_writable(tmp_path / "not" / "yet")
    assert can_write(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match="is a file, not a folder"):
        require_writable(tmp_path / "file" / "below")
    refused = can_write(tmp_path / "file")
    assert refused is not None and "file" in refused.cause
