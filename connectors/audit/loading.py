"""Records into tables, a batch a statement: DuckDB parses the JSON itself.

A record from before a field with a default came into its contract gets the default. One that is no JSON of its contract
goes to the table ``rejected`` with its place, and is never silently lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from connectors.audit.tables import TABLES, Table, bare_schema, keys, schema
from connectors.audit.views import statements
from models.message import Stored

_DECISIONS = "decisions"


def create(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that are not there, and the views for people anew."""
    for statement in (*schema(), *statements()):
        connection.execute(statement)


def create_bare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the tables without their keys, which every row that is added would cost: ``complete`` adds them."""
    for statement in bare_schema():
        connection.execute(statement)


def complete(connection: duckdb.DuckDBPyConnection) -> None:
    """Add the keys, and the views for people. Of rows with one key the first stays."""
    for name, key in keys().items():
        columns = ", ".join(f'"{column}"' for column in key)
        try:
            connection.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({columns})")
        except duckdb.ConstraintException:
            connection.execute(
                f"DELETE FROM {name} WHERE rowid NOT IN (SELECT min(rowid) FROM {name} GROUP BY {columns})"
            )
            connection.execute(f"ALTER TABLE {name} ADD PRIMARY KEY ({columns})")
    create(connection)


def positions(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The last applied offset of each topic."""
    return {str(topic): int(offset) for topic, offset in connection.execute("FROM applied").fetchall()}


def load(connection: duckdb.DuckDBPyConnection, batches: Mapping[str, Sequence[Stored]]) -> None:
    """Apply records by topic in one transaction; what was applied before is ignored."""
    connection.execute("BEGIN")
    try:
        for topic, records in batches.items():
            table = TABLES.get(topic)
            if table is not None and records:
                offsets = [record.offset for record in records]
                values = [record.value.decode("utf-8", "replace") for record in records]
                _insert(
                    connection,
                    table,
                    'SELECT unnest($2::BIGINT[]) AS "offset", unnest($3::VARCHAR[]) AS "value"',
                    offsets,
                    values,
                )
        _note(connection, {topic: records[-1].offset for topic, records in batches.items() if records})
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def load_parquet(connection: duckdb.DuckDBPyConnection, table: Table, files: Sequence[Path], last: int) -> None:
    """Fill a table that has no key yet from whole archive files of its topic; ``last`` is the last offset in them."""
    rows = 'SELECT "offset", TRY(decode("value")) AS "value" FROM read_parquet($2, hive_partitioning = false)'
    _insert(connection, table, rows, [str(path) for path in files], anew=False)
    _note(connection, {table.topic: last})


def _note(connection: duckdb.DuckDBPyConnection, last: Mapping[str, int]) -> None:
    """The last applied offset of each topic."""
    connection.execute(
        "INSERT OR REPLACE INTO applied SELECT unnest($1::VARCHAR[]), unnest($2::BIGINT[])", [[*last], [*last.values()]]
    )


def _insert(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: str, *given: list[int] | list[str], anew: bool = True
) -> None:
    """Insert what the query ``rows`` yields, "offset" and "value"; its parameters are ``given``, from $2 on."""
    whole = " AND ".join(f'r."{name}" IS NOT NULL' for name in table.required)
    connection.execute(
        f'CREATE OR REPLACE TEMP TABLE parsed AS SELECT "offset", "value", r, {whole} AS whole FROM (SELECT *, '
        f'CASE WHEN json_valid("value") THEN TRY(from_json_strict("value", $1)) END AS r FROM ({rows}))',
        [table.structure, *given],
    )
    if connection.execute("SELECT 1 FROM parsed WHERE NOT whole LIMIT 1").fetchone():
        _mend(connection, table, whole)
    connection.execute(table.insertion("parsed WHERE whole", "offset", anew))
    if table.topic == _DECISIONS:
        insert = "INSERT OR IGNORE" if anew else "INSERT"
        connection.execute(
            f"{insert} INTO spans SELECT id, position, timestamp, span.module, span.verdict, span.reason, span.numbers "
            "FROM (SELECT r.id AS id, r.timestamp AS timestamp, unnest(r.spans) AS span, "
            "unnest(range(len(r.spans))) AS position FROM parsed WHERE whole)"
        )


def _mend(connection: duckdb.DuckDBPyConnection, table: Table, whole: str) -> None:
    """Give the parsed rows the defaults of fields that they are older than; reject what is still no record."""
    if table.defaults:
        connection.execute(
            'UPDATE parsed SET r = TRY(from_json_strict(json_merge_patch($1::JSON, "value"::JSON), $2)) '
            'WHERE r IS NULL AND json_valid("value")',
            [json.dumps(table.defaults), table.structure],
        )
        connection.execute(f"UPDATE parsed SET whole = {whole}")
    connection.execute(
        f'INSERT OR IGNORE INTO rejected SELECT \'{table.topic}\', "offset", "value" FROM parsed WHERE NOT whole'
    )
