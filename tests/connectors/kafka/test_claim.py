"""One run a cluster: what goes on, what is refused with which cure, what may be taken over."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest

import connectors.kafka.claim as module
from connectors.kafka.admin import create_topics, delete_topics
from connectors.kafka.claim import IDENTITY, Identity, OtherRun, claim, first_statement, identity
from connectors.kafka.sink import Writer
from models.configuration import Statement, configuration_id, encode_statement, relevant
from models.failures import Failure
from models.message import Message
from models.run import Claim
from models.settings import Kafka, Settings
from models.topics import CATALOGUE, CONFIGURATION, JOURNAL

pytestmark = pytest.mark.integration
KAFKA = Kafka()


@pytest.fixture
def cluster(clean_kafka: str) -> str:
    create_topics(KAFKA, clean_kafka)
    return clean_kafka


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not there is not waited for as long as a live system would."""
    monkeypatch.setattr(module, "_PATIENCE_S", 3.0)


def test_a_new_run_takes_a_cluster_that_nobody_has_and_goes_on_with_it(cluster: str, tmp_path: Path) -> None:
    first = claim(KAFKA, cluster, tmp_path / "evening")
    assert first.name == "evening"
    assert claim(KAFKA, cluster, tmp_path / "evening") == first
    assert identity(tmp_path / "evening") == first


@pytest.mark.parametrize("moment", ["before the look", "after the look"])
def test_the_processes_of_a_new_run_may_claim_at_once(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """One has seen that the folder has no name yet; another one claims the cluster for the same folder then."""
    look = module._claimed
    others: list[Identity] = []

    def interrupted(kafka: Kafka, bootstrap: str, patience_s: float) -> Claim | None:
        monkeypatch.setattr(module, "_claimed", look)
        if moment == "before the look":
            others.append(claim(KAFKA, cluster, tmp_path / "evening"))
            return look(kafka, bootstrap, patience_s)
        seen = look(kafka, bootstrap, patience_s)
        others.append(claim(KAFKA, cluster, tmp_path / "evening"))
        return seen

    monkeypatch.setattr(module, "_claimed", interrupted)
    assert [claim(KAFKA, cluster, tmp_path / "evening")] == others


def test_another_run_is_refused_with_a_cure(cluster: str, tmp_path: Path) -> None:
    claim(KAFKA, cluster, tmp_path / "evening")
    with pytest.raises(OtherRun, match="hold the records of the run evening, and morning is another") as refused:
        claim(KAFKA, cluster, tmp_path / "morning")
    assert "kafka.continue_run" in refused.value.cure
    assert not (tmp_path / "morning" / IDENTITY).exists(), "a refused run may be tried elsewhere"


def test_a_new_folder_takes_the_run_over_when_it_is_asked_to(cluster: str, tmp_path: Path) -> None:
    first = claim(KAFKA, cluster, tmp_path / "evening")
    taken = claim(KAFKA, cluster, tmp_path / "morning", go_on=True)
    assert (taken.run, taken.name) == (first.run, "evening")
    assert claim(KAFKA, cluster, tmp_path / "morning") == taken, "asked once is enough"


def test_a_run_whose_topics_are_new_is_refused(cluster: str, tmp_path: Path) -> None:
    """The same folder on a new cluster: its offsets mean nothing there, whether the topics are shorter or longer."""
    claim(KAFKA, cluster, tmp_path / "evening")
    delete_topics(KAFKA, cluster, [topic.name for topic in CATALOGUE])
    create_topics(KAFKA, cluster)
    with pytest.raises(OtherRun, match="another Kafka cluster") as refused:
        claim(KAFKA, cluster, tmp_path / "evening")
    assert "PROFIT_RUN=NAME" in refused.value.cure


def test_a_run_of_another_cluster_is_refused_also_where_that_one_has_a_run(cluster: str, tmp_path: Path) -> None:
    claim(KAFKA, cluster, tmp_path / "evening")
    elsewhere = Identity("night-1", "night", "another cluster")
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / IDENTITY).write_bytes(msgspec.json.encode(elsewhere))
    with pytest.raises(OtherRun, match="night was recorded on another Kafka cluster"):
        claim(KAFKA, cluster, tmp_path / "night")


def test_a_journal_without_a_name_is_refused(cluster: str, tmp_path: Path) -> None:
    writer = Writer(KAFKA, cluster)
    writer.write(Message(JOURNAL, "main", b"{}", time.time_ns(), "market", 0))
    writer.flush()
    writer.write(Message(JOURNAL, "main", b"{}", time.time_ns(), "market", 1))
    writer.flush()
    with pytest.raises(OtherRun, match="without a name"):
        claim(KAFKA, cluster, tmp_path / "evening")


def test_a_damaged_identity_is_said(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).write_text("{")
    with pytest.raises(Failure, match="damaged"):
        identity(tmp_path)


def test_the_first_statement_of_a_flow_is_what_its_run_began_under(cluster: str) -> None:
    assert first_statement(KAFKA, cluster, "trading") is None
    first, second = Settings(), Settings.model_validate({"portfolio": {"cap_total": 1}})
    writer = Writer(KAFKA, cluster)
    for flow, chosen in (("market", second), ("trading", first), ("trading", second)):
        statement = Statement(flow, "r", configuration_id(chosen), relevant(chosen))  # type: ignore[arg-type]
        writer.write(Message(CONFIGURATION, flow, encode_statement(statement), time.time_ns()))
    writer.flush()
    found = first_statement(KAFKA, cluster, "trading")
    assert found is not None
    assert found.configuration == configuration_id(first)
