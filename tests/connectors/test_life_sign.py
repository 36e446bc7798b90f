"""A life sign is as old as the last work, give or take a second."""

from __future__ import annotations

import os
from pathlib import Path

from connectors.life_sign import LifeSign


def test_it_is_written_once_a_second_at_most(tmp_path: Path) -> None:
    now = 100.0
    file = tmp_path / "alive"
    life = LifeSign(file, lambda: now)
    life.give()
    os.utime(file, (1, 1))
    now = 100.9
    life.give()
    assert file.stat().st_mtime == 1
    now = 101.0
    life.give()
    assert file.stat().st_mtime > 1


def test_what_cannot_be_written_harms_nobody(tmp_path: Path) -> None:
    LifeSign(tmp_path / "absent" / "alive").give()
