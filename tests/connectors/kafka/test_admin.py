"""Topics are created as the catalogue says, and every trouble has a name and a cure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import (
    await_cluster,
    cluster_answers,
    create_topics,
    delete_topics,
    partitions,
    require_topics,
)
from models.failures import Failure
from models.settings import Broker, Kafka
from models.topics import CATALOGUE, Topic
from tests.ports import free_port
from tests.waiting import quickest

pytestmark = pytest.mark.integration


def test_creates_the_whole_catalogue_once(clean_kafka: str) -> None:
    assert create_topics(Kafka(), clean_kafka) == [topic.name for topic in CATALOGUE]
    assert create_topics(Kafka(), clean_kafka) == []
    present = partitions(Kafka(), clean_kafka)
    assert {topic.name: present.get(topic.name) for topic in CATALOGUE} == {t.name: t.partitions for t in CATALOGUE}


def test_a_wrong_number_of_partitions_is_named(bootstrap: str, topic_names: Callable[[str], str]) -> None:
    name = topic_names("wide")
    create_topics(Kafka(), bootstrap, [Topic(name, "out", "", "", partitions=3)])
    with pytest.raises(Failure, match=f"{name} has 3 partitions, wanted is 1") as failure:
        create_topics(Kafka(), bootstrap, [Topic(name, "out", "", "")])
    assert "delete" in failure.value.cure


@pytest.mark.takes(10)
def test_a_broker_that_is_away_is_named_within_ten_seconds() -> None:
    port = free_port()

    def refused() -> None:
        with pytest.raises(Failure, match=f"127.0.0.1:{port}"):
            create_topics(Kafka(), f"127.0.0.1:{port}")

    assert quickest(refused, 11.5) < 11.5
    assert not cluster_answers(Kafka(), f"127.0.0.1:{port}", timeout_s=0.2)


def test_an_absent_topic_is_named_and_not_made_up(bootstrap: str, topic_names: Callable[[str], str]) -> None:
    name = topic_names("absent")
    with pytest.raises(Failure, match=name):
        require_topics(Kafka(), bootstrap, [name])
    assert name not in partitions(Kafka(), bootstrap)


def test_deleted_topics_are_gone(bootstrap: str, topic_names: Callable[[str], str]) -> None:
    name = topic_names("doomed")
    create_topics(Kafka(), bootstrap, [Topic(name, "out", "", "")])
    delete_topics(Kafka(), bootstrap, [name, "never-existed"])
    assert name not in partitions(Kafka(), bootstrap)


def test_a_cluster_that_comes_late_is_waited_for() -> None:
    port = free_port()
    waited: list[float] = []
    said: list[str] = []

    def wait() -> None:
        began = time.monotonic()
        await_cluster(Kafka(), f"127.0.0.1:{port}", 120.0, said.append)
        waited.append(time.monotonic() - began)

    waiter = threading.Thread(target=wait)
    waiter.start()
    while not said and waiter.is_alive():  # the broker is not there yet
        time.sleep(0.05)
    with EmbeddedBroker.start(Broker(port=port)):
        waiter.join(120.0)
    assert waited and waited[0] > 1.0
    assert said == [f"waiting for Kafka at 127.0.0.1:{port}, up to 120 s"]


def test_a_cluster_that_never_comes_is_said() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(Failure, match=f"no Kafka broker answers at {address} within 1 s"):
        await_cluster(Kafka(), address, 1.0)
