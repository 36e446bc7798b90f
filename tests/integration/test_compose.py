"""docker-compose.yml and Dockerfile keep what they promise."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from api.cli.main import VERBS
from models.topics import BY_NAME
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def test_one_service_each(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"kafka", "recorder", "market", "trading", "audit", "api"}


def test_kafka_is_the_official_image_of_version_4_in_kraft_mode(compose: dict[str, Any]) -> None:
    kafka = compose["services"]["kafka"]
    assert re.fullmatch(r"apache/kafka:4\.\d+\.\d+", kafka["image"])
    assert kafka["environment"]["KAFKA_PROCESS_ROLES"] == "broker,controller"


def test_every_service_is_checked_and_restarted(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert service["restart"] == "unless-stopped", name


def test_ports_are_published_on_this_machine_alone(compose: dict[str, Any]) -> None:
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_volumes_are_named_and_declared(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for volume in service["volumes"]:
            assert volume.split(":")[0] in compose["volumes"], name


def test_all_of_ours_come_from_one_dockerfile_and_wait_for_kafka(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "kafka":
            assert service["build"] == "."
            assert service["depends_on"]["kafka"]["condition"] == "service_healthy"
            assert service["environment"]["PROFIT_KAFKA_BOOTSTRAP_SERVERS"] == "kafka:9092"


def test_commands_are_verbs_of_ours_and_checked_topics_are_in_the_catalogue(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        if name != "kafka" and name != "api":
            assert service["command"][0] in VERBS
        check = service["healthcheck"]["test"]
        if "moving" in check:
            assert check[-1] in BY_NAME


def test_the_image_is_built_in_stages_and_runs_without_root() -> None:
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    stages = [number for number, line in enumerate(lines) if line.startswith("FROM ")]
    assert len(stages) >= 2
    users = [line.split()[1] for line in lines[stages[-1] :] if line.startswith("USER ")]
    assert users
    assert users[-1] not in ("root", "0")
    assert any("--require-hashes" in line for line in lines)
