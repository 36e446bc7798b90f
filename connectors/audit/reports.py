"""A run's report in its audit database: the tables ``trades`` and ``performance``, out of its Parquet files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from connectors.audit.build import MEMORY


def add_report(database: Path, tables: Mapping[str, Path]) -> None:
    """Put each Parquet file into the database as the table of its name, in place of one of before. Nobody else may
    write the database at that time; raises duckdb.Error where somebody does."""
    with duckdb.connect(str(database), config={"memory_limit": MEMORY}) as connection:
        for name, path in tables.items():
            connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM read_parquet(?)', [str(path)])
