"""No secret is written anywhere: not into a run's folder, not into a log, a topic, a state, a command line."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psutil
import pytest
from pydantic import BaseModel, SecretStr

from connectors.archive.reader import ArchiveReader
from models.settings import Settings
from tests.integration.test_up import Up, alive, frames_are_recorded, ups
from tests.waiting import eventually

pytestmark = pytest.mark.integration

__all__ = ["ups"]


def secret_variables() -> dict[str, str]:
    """Every secret of the configuration, each with a value of its own."""
    found = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            for key, inner in section.model_fields.items():
                if inner.annotation is SecretStr:
                    variable = f"PROFIT_{name}_{key}".upper()
                    found[variable] = f"hush-{variable.lower()}-5f0c"
    return found


def test_what_is_called_a_password_or_a_secret_is_one() -> None:
    assert "PROFIT_KAFKA_SASL_PASSWORD" in secret_variables()
    for section in (field.annotation for field in Settings.model_fields.values()):
        if isinstance(section, type) and issubclass(section, BaseModel):
            for key, field in section.model_fields.items():
                if any(word in key for word in ("password", "secret", "private_key")):
                    assert field.annotation is SecretStr, f"{section.__name__}.{key}"


def test_settings_do_not_tell_their_secrets() -> None:
    given = Settings.model_validate({"kafka": {"sasl_password": "hush"}})
    for reported in (repr(given), str(given), given.model_dump_json(), str(given.model_dump()), repr(given.kafka)):
        assert "hush" not in reported
    assert given.kafka.sasl_password.get_secret_value() == "hush"


@pytest.mark.takes(60)
def test_a_run_writes_no_secret_anywhere(tmp_path: Path, ups: list[Up]) -> None:
    secrets = secret_variables()
    up = Up(tmp_path, "--feeds", "sim", **secrets)
    ups.append(up)
    eventually(lambda: frames_are_recorded(up), 120, "recorded frames")
    eventually(lambda: (up.run / "settings.json").is_file(), 120, "the flows run")
    family = up.descendants()
    words = [" ".join(process.cmdline()) for process in [psutil.Process(up.process.pid), *family]]
    up.process.terminate()
    assert up.process.wait(300) == 0, up.text()
    assert alive(family) == []

    values = [value.encode() for value in secrets.values()]
    assert not any(value.decode() in line for value in values for line in words)
    token = tmp_path / "operator.token"
    assert token.stat().st_mode & 0o777 == 0o600
    values.append(token.read_bytes().strip())
    looked_at = 0
    for path, content in contents(tmp_path):
        if path == str(token):
            continue
        looked_at += 1
        for value in values:
            assert value not in content, path
    assert looked_at > 50


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything below ``folder``: files as they are, and once more what archives, states and databases hold."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield str(path), path.read_bytes()
    archive = folder / "runs" / "test" / "archive"
    reader = ArchiveReader(archive)
    for topic in reader.topics():
        for record in reader.read(topic):
            yield f"{topic} {record.offset}", record.value + record.envelope + record.key.encode()
    for path in folder.rglob("*.sqlite3"):
        with sqlite3.connect(path) as store:
            yield str(path), "\n".join(store.iterdump()).encode()
            for (table,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                for row in store.execute(f"SELECT * FROM {table}").fetchall():
                    yield f"{path} {table}", b"".join(each for each in row if isinstance(each, bytes))
    with duckdb.connect(str(folder / "runs" / "test" / "audit.duckdb"), read_only=True) as database:
        for (table,) in database.execute("SELECT table_name FROM information_schema.tables").fetchall():
            yield table, json.dumps(database.execute(f'SELECT * FROM "{table}"').fetchall(), default=str).encode()
