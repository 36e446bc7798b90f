"""The settings in force, what differs from the defaults, and nothing that is secret."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from api.runs import PLAN
from api.server.views.evidence import SettingsView, SettingView
from flows.replay.plan import load_plan
from models.configuration import configuration_id
from models.failures import Failure
from models.settings import ConfigurationError, Settings, recorded

MASK: Final = "••••••"
_SECRET: Final = ("password", "token", "secret", "urls", "private")


class RunSettings:
    """The settings that the run keeps in its folder, or those of its replay; of this process until it has some."""

    def __init__(self, run_dir: Path, own: Settings) -> None:
        self._run_dir = run_dir
        self._path = run_dir / "settings.json"
        self._own = own
        self._read: tuple[int, Settings] | None = None

    def __call__(self) -> Settings:
        with contextlib.suppress(OSError, ConfigurationError):
            changed = self._path.stat().st_mtime_ns
            if self._read is None or self._read[0] != changed:
                self._read = (changed, recorded(self._path))
        if self._read is None and (self._run_dir / PLAN).is_file():
            with contextlib.suppress(Failure):
                self._read = (0, load_plan(self._run_dir).settings)
        return self._read[1] if self._read is not None else self._own


def settings_of(settings: Settings) -> SettingsView:
    """Every key with its value, its default and its meaning."""
    defaults = Settings()
    found: list[SettingView] = []
    for name, field in Settings.model_fields.items():
        value, default = getattr(settings, name), getattr(defaults, name)
        if isinstance(value, BaseModel):
            for key, inner in type(value).model_fields.items():
                found.append(
                    _setting(f"{name}.{key}", getattr(value, key), getattr(default, key), inner.description or "")
                )
        else:
            found.append(_setting(name, value, default, field.description or ""))
    return SettingsView(configuration=configuration_id(settings), settings=found)


def _setting(key: str, value: Any, default: Any, meaning: str) -> SettingView:
    plain, usual = _plain(value), _plain(default)
    if any(word in key.rpartition(".")[2] for word in _SECRET):
        plain, usual = (MASK if value and plain not in ("", "**********", []) else ""), ""
    return SettingView(key=key, value=plain, default=usual, changed=plain != usual, meaning=meaning)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value if isinstance(value, bool | int | float | str) or value is None else str(value)
