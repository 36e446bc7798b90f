"""Records into tables, a batch a statement: DuckDB parses the JSON itself.

A record from before a field with a default came into its contract gets the default. One that is no JSON of its contract
goes to the table ``rejected`` with its place, and is never silently lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from connectors.audit.tables import TABLES, Table, schema
from models.message import Stored

_DECISIONS = "decisions"


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that are not there."""
    for statement in schema():
        connection.execute(statement)


def positions(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The last applied offset of each topic."""
    return {str(topic): int(offset) for topic, offset in connection.execute("FROM applied").fetchall()}


def load(connection: duckdb.DuckDBPyConnection, batches: Mapping[str, Sequence[Stored]]) -> None:
    """Apply records by topic in one transaction; what was applied before is ignored."""
    connection.execute("BEGIN")
    try:
        for topic, records in batches.items():
            table = TABLES.get(topic)
            if not records:
                continue
            if table is not None:
                offsets = [record.offset for record in records]
                values = [record.value.decode("utf-8", "replace") for record in records]
                connection.execute(
                    'CREATE OR REPLACE TEMP TABLE incoming AS SELECT unnest($1::BIGINT[]) AS "offset", '
                    'unnest($2::VARCHAR[]) AS "value"',
                    [offsets, values],
                )
                _insert(connection, table)
            connection.execute("INSERT OR REPLACE INTO applied VALUES (?, ?)", [topic, records[-1].offset])
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def load_parquet(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], last: int) -> None:
    """Apply whole archive files of the table's topic; ``last`` is the last offset in them."""
    connection.execute(
        'CREATE OR REPLACE TEMP TABLE incoming AS SELECT "offset", TRY(decode("value")) AS "value" '
        "FROM read_parquet($1, hive_partitioning = false)",
        [[str(path) for path in files]],
    )
    _insert(connection, table)
    connection.execute("INSERT OR REPLACE INTO applied VALUES (?, ?)", [table.topic, last])


def _insert(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    connection.execute(
        'CREATE OR REPLACE TEMP TABLE parsed AS SELECT "offset", "value", CASE WHEN json_valid("value") THEN '
        'TRY(from_json_strict("value", $1)) END AS r FROM incoming',
        [table.structure],
    )
    if table.defaults:
        connection.execute(
            'UPDATE parsed SET r = TRY(from_json_strict(json_merge_patch($1::JSON, "value"::JSON), $2)) '
            'WHERE r IS NULL AND json_valid("value")',
            [json.dumps(table.defaults), table.structure],
        )
    whole = " AND ".join(f'r."{name}" IS NOT NULL' for name in table.required)
    names = ", ".join(f'"{name}"' for name in table.columns)
    columns = ", ".join(f'r."{name}"' for name in table.columns)
    connection.execute(
        f'INSERT OR IGNORE INTO {table.name} ({names}) SELECT {columns} FROM parsed WHERE {whole} ORDER BY "offset"'
    )
    connection.execute(
        f'INSERT OR IGNORE INTO rejected SELECT \'{table.topic}\', "offset", "value" FROM parsed '
        f"WHERE r IS NULL OR NOT ({whole})"
    )
    if table.topic == _DECISIONS:
        connection.execute(
            "INSERT OR IGNORE INTO spans SELECT id, position, timestamp, span.module, span.verdict, span.reason, "
            "span.numbers FROM (SELECT r.id AS id, r.timestamp AS timestamp, unnest(r.spans) AS span, "
            f"unnest(range(len(r.spans))) AS position FROM parsed WHERE {whole})"
        )
