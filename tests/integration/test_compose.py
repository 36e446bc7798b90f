"""docker-compose.yml and Dockerfile keep what they promise."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from api.cli.main import VERBS
from models.settings import _variables
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


OURS = {"prepare", "simulator", "recorder", "market", "trading", "audit", "learning", "api"}


def test_one_service_each(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == OURS | {"kafka"}


def test_kafka_is_the_official_image_of_version_4_in_kraft_mode(compose: dict[str, Any]) -> None:
    kafka = compose["services"]["kafka"]
    assert re.fullmatch(r"apache/kafka:4\.\d+\.\d+", kafka["image"])
    assert kafka["environment"]["KAFKA_PROCESS_ROLES"] == "broker,controller"


def test_every_service_is_checked_and_restarted(compose: dict[str, Any]) -> None:
    assert compose["services"]["prepare"]["restart"] == "no", "what it refuses is not asked for ever"
    for name, service in compose["services"].items():
        if name == "prepare":
            continue
        kind, *words = service["healthcheck"]["test"]
        assert kind in ("CMD", "CMD-SHELL"), name
        assert not {"python", "profit", "java"} & set(" ".join(words).split()), f"{name}: costs more than its answer"
        assert service["restart"] == "unless-stopped", name


def test_ports_are_published_on_this_machine_alone(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_volumes_are_named_and_declared(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"] or volume.startswith("./profit.toml:"), name


def test_all_of_ours_come_from_one_dockerfile_and_wait_for_kafka(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "kafka":
            assert service["build"] == "."
            if name != "simulator":
                assert service["depends_on"]["kafka"]["condition"] == "service_healthy"
            if name not in ("prepare", "simulator"):
                assert service["depends_on"]["prepare"]["condition"] == "service_completed_successfully"
            assert service["environment"]["PROFIT_KAFKA_BOOTSTRAP_SERVERS"] == "kafka:9092"


def test_every_key_of_the_configuration_reaches_every_container(compose: dict[str, Any]) -> None:
    """A key without a value is passed on where it is set. What compose decides by itself is left out."""
    decided = {"PROFIT_DATA_DIR", "PROFIT_API_HOST", "PROFIT_API_PORT"}
    wanted = _variables().keys() - decided
    for name in OURS:
        environment = compose["services"][name]["environment"]
        assert wanted <= environment.keys(), f"{name}: {sorted(wanted - environment.keys())} are missing"
        assert environment.keys() - wanted <= decided, f"{name}: {sorted(environment.keys() - wanted)} are no keys"
        given = {key for key, value in environment.items() if value is not None}
        assert given <= {"PROFIT_KAFKA_BOOTSTRAP_SERVERS", "PROFIT_API_HOST"}
        assert "./profit.toml:/home/profit/profit.toml:ro" in compose["services"][name]["volumes"]


def test_the_run_has_one_folder_by_its_name(compose: dict[str, Any]) -> None:
    folder = "/data/runs/${PROFIT_RUN:-main}"
    for name in OURS - {"simulator", "recorder"}:
        assert folder in compose["services"][name]["command"]
    for name in ("market", "trading", "audit"):
        assert f" {folder}/" in compose["services"][name]["healthcheck"]["test"][-1]


def test_commands_are_verbs_of_ours(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "kafka" and name != "api":
            assert service["command"][0] in VERBS


def test_the_image_is_built_in_stages_and_runs_without_root() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    assert len(stages) >= 2
    users = [line.split()[1] for line in lines[stages[-1] :] if line.startswith("USER ")]
    assert users
    assert users[-1] not in ("root", "0")
    assert any("--require-hashes" in line for line in lines)
