"""Walks forward and the trial journal over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.runs import RESEARCH
from connectors.registry.trials import FILE, HoldoutUse, Trial, TrialJournal
from flows.research.kept import keep_validation
from tests.api.server.rig import Running, serving
from tests.flows.research.examples import FIRST, example_validation


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with serving(tmp_path) as made:
        yield made


async def asked(running: Running, path: str, code: int = 200, **params: Any) -> Any:
    async with httpx.AsyncClient(base_url=running.url, timeout=60) as client:
        response = await client.get(path, params=params)
        assert response.status_code == code, response.text
        return response.json()


async def test_nothing_was_researched_yet(running: Running) -> None:
    assert (await asked(running, "api/walks"))["validations"] == []
    assert await asked(running, "api/trials") == {"tried": {}, "trials": [], "of": 0, "next": None}


async def test_a_walk_is_told_window_by_window_with_its_verdict(running: Running, tmp_path: Path) -> None:
    keep_validation(tmp_path / RESEARCH, "archive", "d1", "2026-11-30T10:00:00", True, [example_validation(held=True)])
    (told,) = (await asked(running, "api/walks"))["validations"]
    (walk,) = told["walks"]
    assert told["anchored"] and walk["holdout"]["word"] == walk["verdict"]["word"] == "insufficient data"
    assert (walk["verdict"]["trades"], walk["verdict"]["net_usd"], walk["verdict"]["tried"]) == (3, -2.0, 2)
    first, second = walk["steps"]
    assert first["chosen"] == ["parity.min_edge=0.001"] and (first["trades"], first["net_usd"]) == (2, 1.0)
    assert first["test_end"] == second["test_start"]  # the test windows join
    for step in walk["steps"]:
        assert step["train_start"] < step["validation_start"] < step["test_start"] < step["test_end"]


async def test_every_trial_counts_and_pages_hold_each_once_the_newest_first(running: Running, tmp_path: Path) -> None:
    journal = TrialJournal(tmp_path / RESEARCH)
    journal.add([Trial("parity", (f"parity.min_edge={n}",), "d1", "sweep", f"t{n}", float(n)) for n in range(5)])
    journal.add([Trial("parity", ("parity.min_edge=0",), "d2", "validate", "t5", 1.0)])  # the same set on other data
    journal.use_holdout(HoldoutUse("lead_lag", "d1", FIRST, "t6", "newer rules"))
    seen: list[str] = []
    at: int | None = 0
    while at is not None:
        told = await asked(running, "api/trials", limit=3, at=at)
        assert told["of"] == 7 and told["tried"] == {"parity": 5}
        seen += [each["at"] for each in told["trials"]]
        at = told["next"]
    assert seen == ["t6", "t5", "t4", "t3", "t2", "t1", "t0"]
    (held,) = (await asked(running, "api/trials", subject="lead_lag"))["trials"]
    assert (held["what"], held["net_usd"], held["why"]) == ("holdout", None, "newer rules")
    (tmp_path / RESEARCH / FILE).write_text("{\n")
    assert "damaged" in (await asked(running, "api/trials", 409))["cause"]
