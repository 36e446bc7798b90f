"""The operator's token is his alone; a kill stands on disk until it is lifted, and unknown is killed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from connectors.operator.standing import NAME, StandingKill, lift_kill, set_kill, standing_kill
from connectors.operator.token import make_token, read_token, token_path
from connectors.operator.watch import with_operator
from models.control import public_key
from models.failures import Failure
from models.settings import OperatorSettings, Settings


def test_a_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "operator.token"
    token = make_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_token(path) == token == read_token(path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_token_that_others_may_touch_is_refused(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    make_token(path)
    path.chmod(mode)
    with pytest.raises(Failure, match="others may read or write") as refused:
        read_token(path)
    assert "chmod 600" in refused.value.cure


@pytest.mark.parametrize("text", ["", "secret", "zz" * 32, "11" * 31])
def test_what_is_no_token_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(Failure, match="no operator's token"):
        read_token(path)


def test_without_a_token_nobody_is_the_operator(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="there is no operator's token"):
        read_token(tmp_path / "operator.token")
    assert with_operator(Settings(data_dir=tmp_path), "evening").operator.public_key == ""


def test_the_flows_know_the_public_key_and_the_run(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    token = make_token(token_path(settings))
    known = with_operator(settings, "evening")
    assert (known.operator.public_key, known.run_name) == (public_key(token), "evening")
    stated = settings.model_copy(update={"operator": OperatorSettings(public_key="ab" * 32), "run_name": "other"})
    assert with_operator(stated, "evening") == stated


def test_a_kill_stands_until_it_is_lifted(tmp_path: Path) -> None:
    assert standing_kill(tmp_path) is None
    kill = StandingKill("trader", 5, "evening")
    set_kill(tmp_path, kill)
    assert standing_kill(tmp_path) == kill
    assert [entry.name for entry in tmp_path.iterdir()] == [NAME], "nothing half-written is left"
    lift_kill(tmp_path)
    lift_kill(tmp_path)
    assert standing_kill(tmp_path) is None


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"by": 1}'])
def test_a_kill_that_cannot_be_read_is_a_kill(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(raw)
    assert standing_kill(tmp_path) is not None


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_kill_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Failure, match="the kill cannot be written"):
        set_kill(tmp_path, StandingKill("trader", 5, ""))
