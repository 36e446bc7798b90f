"""Which runs have a live venue: those on the real feeds, where it is switched on and the keys are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.supervisor.run import RunRequest, children, why_not_live
from models.settings import Settings

KEYS = {"private_key": "hush-5f0c", "wallet": "0x1"}


def settings(enabled: bool = True, **account: str) -> Settings:
    return Settings.model_validate({"live": {"enabled": enabled}, "live_account": account})


@pytest.mark.parametrize(
    "feeds, given, why",
    [
        ("live", settings(False, **KEYS), "live.enabled is false"),
        ("sim", settings(**KEYS), "real orders go with --feeds live alone"),
        ("live", settings(), "live_account.private_key and wallet are not both set"),
        ("live", settings(private_key="hush-5f0c"), "live_account.private_key and wallet are not both set"),
        ("live", settings(**KEYS), ""),
    ],
    ids=["switched off", "simulated", "no keys", "no wallet", "all there"],
)
def test_a_live_venue_is_started_where_all_is_there(tmp_path: Path, feeds: str, given: Settings, why: str) -> None:
    assert why_not_live(feeds, given) == why
    specs = children(RunRequest(feeds, "", None, "evening", None), "localhost:1", tmp_path, given)
    assert ("live" in [spec.name for spec in specs]) == (not why)
    words = " ".join(word for spec in specs for word in (*spec.command, *spec.environment.values()))
    assert "hush" not in words, "keys travel by the environment that is there, not by ours"
