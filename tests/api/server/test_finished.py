"""A finished run in the same pages, from its archive alone; and who may command what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from api.server.serving import serve
from connectors.archive.writer import ArchiveWriter
from models.contracts import Answer
from models.control import Close, Instruction, Pause, Release
from models.settings import Api, Settings
from tests.api.server.records import answer, decision, fill, message, stored, telemetry
from tests.api.server.rig import TOKEN, serving

AUTH = {"Authorization": f"Bearer {TOKEN}"}


async def test_a_finished_run_is_opened_without_a_kafka(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "old"
    with ArchiveWriter(run / "archive") as writer:
        for number in range(3):
            writer.append_message(message(decision(number), number))
        writer.append_message(message(fill(1), 0))
        writer.append_message(message(telemetry("journal", 0, pass__ok=7), 0))
    said: list[str] = []
    stop = asyncio.Event()
    settings = Settings(api=Api(port=0), data_dir=tmp_path)
    task = asyncio.create_task(serve(settings, "", run, said.append, stop))
    try:
        async with asyncio.timeout(60):
            while not said:
                await asyncio.sleep(0.01)
        async with httpx.AsyncClient(base_url=said[0], timeout=60) as client:
            async with asyncio.timeout(60):
                while (await client.get("/health")).json()["modules"] == 0:
                    await asyncio.sleep(0.02)
            about = (await client.get("/api/run")).json()
            assert (about["name"], about["feeds_are"], about["finished"], about["trading"]) == (
                "old",
                "RECORDED",
                True,
                "ended",
            )
            assert len((await client.get("/api/decisions")).json()["decisions"]) == 3
            assert (await client.get("/api/positions")).json()["positions"][0]["size_shares"] == 10.0
            modules = {m["module"]: m["status"] for m in (await client.get("/api/modules")).json()["modules"]}
            assert modules["journal"] == "ended"
            assert (await client.get("/health")).status_code == 200
            assert (await client.get("/api/runs")).json()["runs"][0]["name"] == "old"
            (tmp_path / "operator.token").write_text(TOKEN)
            (tmp_path / "operator.token").chmod(0o600)
            refused = await client.post("/api/control", json={"do": "pause"}, headers=AUTH)
            assert refused.status_code == 409
            assert "finished" in refused.json()["cause"]
    finally:
        stop.set()
        await task
    assert not (run / "api.json").exists()


async def test_a_command_takes_the_token_and_is_answered_by_the_flow(tmp_path: Path) -> None:
    given: list[Instruction] = []

    def give(do: Instruction, by: str) -> Answer:
        given.append(do)
        return answer(1)

    async with serving(tmp_path, give=give) as made, httpx.AsyncClient(base_url=made.url, timeout=60) as client:
        assert (await client.post("/api/control", json={"do": "pause"})).status_code == 401
        wrong = {"Authorization": f"Bearer {'22' * 32}"}
        assert (await client.post("/api/control", json={"do": "pause"}, headers=wrong)).status_code == 401
        assert given == []
        done = await client.post("/api/control", json={"do": "pause"}, headers=AUTH)
        assert (done.status_code, done.json()["text"]) == (200, "it was done.")
        await client.post("/api/control", json={"do": "close", "market": "m"}, headers=AUTH)
        lifted = {"do": "release", "what": "anomaly", "why": "counted by hand"}
        await client.post("/api/control", json=lifted, headers=AUTH)
        assert given == [Pause(), Close("m"), Release("anomaly", "counted by hand")]
        for odd in ({"do": "close"}, {"do": "pause", "market": "m"}, {"do": "release", "what": "anomaly"}):
            answered = await client.post("/api/control", json=odd, headers=AUTH)
            assert answered.status_code == 409
            assert answered.json()["cure"]
        assert (await client.post("/api/control", json={"do": "sell"}, headers=AUTH)).status_code == 422
        codes = [(await client.post("/api/session", json={"token": "x"})).status_code for _ in range(30)]
        assert 429 in codes
        assert len(given) == 3


async def test_equal_refusals_are_one_row_and_pages_follow_each_other(tmp_path: Path) -> None:
    async with serving(tmp_path) as made, httpx.AsyncClient(base_url=made.url, timeout=60) as client:
        rows = [decision(number, "block") if number % 5 else decision(number) for number in range(20)]
        made.hub.take([(stored(each), False) for each in rows])
        ask = {"refusals": "true", "limit": "3"}
        seen: list[tuple[str, int]] = []
        before = ""
        for _ in range(10):
            answered = (await client.get("/api/decisions", params={**ask, "before": before})).json()
            seen += [(each["id"], each["times"]) for each in answered["decisions"]]
            before = answered["next"]
            if not before:
                break
        assert [times for _, times in seen] == [4, 1] * 4
        assert len({name for name, _ in seen}) == 8
