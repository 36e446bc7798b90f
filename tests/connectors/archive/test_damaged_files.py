"""A damaged file of an archive is named, whatever was damaged; reading what is whole is not disturbed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.server.lookup import Lookup
from connectors.archive.columns import SCHEMA
from connectors.archive.layout import ArchiveError
from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from connectors.audit.build import build_from_archive
from models.message import Stored

ROWS = 300
TOPIC = "quality"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    with ArchiveWriter(folder) as writer:
        for number in range(ROWS):
            value = b'{"number":%d,"text":"%s"}' % (number, bytes([97 + number % 26]) * (number % 50))
            writer.append(Stored(TOPIC, 0, number, f"k{number % 7}", value, number * 10**6, "p", number))
    return next(folder.glob("topic=*/hour=*/*.parquet"))


def everything(folder: Path) -> list[bytes]:
    reader = ArchiveReader(folder)
    reader.count(TOPIC)
    reader.contents(TOPIC)
    reader.latest(TOPIC)
    lookup = Lookup(folder)
    lookup.numbered(TOPIC, "p", ROWS - 1)
    lookup.between(TOPIC, 0, 10**15)
    return [record.value for record in reader.read(TOPIC)]


@settings(max_examples=150)
@given(data=st.data())
def test_it_is_read_as_far_as_it_can_be_or_named(whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    if data.draw(st.booleans(), "cut"):
        content = content[: data.draw(st.integers(0, len(content) - 1), "length")]
    else:
        for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=30), "places"):
            content[place] = data.draw(st.integers(0, 255), "byte")
    folder = whole.parents[2].with_name("spoilt")
    spoilt = folder / whole.relative_to(whole.parents[2])
    spoilt.parent.mkdir(parents=True, exist_ok=True)
    spoilt.write_bytes(content)
    for read in (everything, lambda folder: build_from_archive(folder, folder.with_name("x.duckdb"))):
        try:
            read(folder)
        except ArchiveError as error:
            assert str(spoilt) in error.cause
            assert error.cure


@pytest.mark.parametrize("column", SCHEMA)
def test_a_damaged_name_of_a_column_names_the_file(whole: Path, column: str, tmp_path: Path) -> None:
    content = whole.read_bytes().replace(column.encode(), b"\0" + column.encode()[1:])
    spoilt = tmp_path / whole.relative_to(whole.parents[2])
    spoilt.parent.mkdir(parents=True)
    spoilt.write_bytes(content)
    with pytest.raises(ArchiveError, match=re.escape(str(spoilt))):
        everything(tmp_path)


def test_a_compacted_file_is_not_reported_as_damaged(whole: Path) -> None:
    assert len(everything(whole.parents[2])) == ROWS
