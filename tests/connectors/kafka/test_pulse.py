"""Telemetry comes back by itself when the broker does."""

from __future__ import annotations

import pytest

from connectors.kafka import pulse as pulse_module
from connectors.kafka.pulse import ProcessPulse
from models.failures import Failure
from models.message import Message
from models.settings import Kafka
from models.telemetry import ModuleState, totals_of
from tests.waiting import eventually


class Cluster:
    """Writers of one cluster that is away for a while. One that failed fails for good, as the real one does."""

    def __init__(self) -> None:
        self.away = False
        self.arrived: list[Message] = []

    def writer(self, kafka: Kafka, bootstrap: str) -> Writer:
        if self.away:
            raise Failure("away", "wait")
        return Writer(self)


class Writer:
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._waiting: list[Message] = []
        self._failed = False

    def write(self, message: Message) -> None:
        self._waiting.append(message)

    def flush(self) -> None:
        if self._cluster.away or self._failed:
            self._failed = True
            raise Failure("away", "wait")
        self._cluster.arrived += self._waiting
        self._waiting = []


def test_rows_go_out_again_after_an_absence_and_each_absence_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster()
    monkeypatch.setattr(pulse_module, "Writer", cluster.writer)
    monkeypatch.setattr(pulse_module, "EVERY_S", 0.005)
    said: list[str] = []
    calls: list[int] = []

    def rows() -> list[ModuleState]:
        calls.append(1)
        return [ModuleState("m", "running", {"n": len(calls)}, "ok", {})]

    pulse = ProcessPulse("test", Kafka(), "nowhere", rows, said.append)
    pulse.start()
    for absence in (1, 2):
        before = len(cluster.arrived)
        eventually(lambda before=before: len(cluster.arrived) > before + 2)  # type: ignore[misc]
        cluster.away = True
        eventually(lambda absence=absence: len(said) == absence)  # type: ignore[misc]
        cluster.away = False
    before = len(cluster.arrived)
    eventually(lambda: len(cluster.arrived) > before + 2)
    pulse.close("stopped")
    assert said == ["telemetry of test: away"] * 2
    by_producer: dict[str, list[int]] = {}
    for message in cluster.arrived:
        by_producer.setdefault(message.producer, []).append(message.ordinal)
    assert len(by_producer) == 3
    assert all(ordinals == list(range(len(ordinals))) for ordinals in by_producer.values())
    last = totals_of(cluster.arrived)["m"]  # what was lost on the way is in what came after it
    assert (last.counts, last.status) == ({"n": len(calls)}, "stopped")
