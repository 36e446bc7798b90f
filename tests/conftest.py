"""Fixtures that every folder may use: a Kafka cluster, the recordings, waiting with a deadline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import delete_topics, partitions
from models.settings import Broker, Kafka

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def bootstrap() -> Iterator[str]:
    """HOST:PORT of a cluster for the whole session: ``$PROFIT_TEST_KAFKA``, or an embedded broker.

    It is shared: give topics names of their own (``topic_names``), or take ``clean_kafka`` for the catalogue's."""
    given = os.environ.get("PROFIT_TEST_KAFKA")
    if given:
        yield given
        return
    with EmbeddedBroker.start(Broker()) as broker:
        yield broker.bootstrap


@pytest.fixture
def real_kafka() -> str:
    """HOST:PORT of an Apache Kafka; skips on the embedded broker."""
    given = os.environ.get("PROFIT_TEST_KAFKA")
    if not given:
        pytest.skip("needs Apache Kafka: set PROFIT_TEST_KAFKA=HOST:PORT")
    return given


@pytest.fixture
def clean_kafka(bootstrap: str) -> Iterator[str]:
    """A cluster without any topic, for tests that use the names of the catalogue. Topics are deleted after, too."""
    kafka = Kafka()

    def clean() -> None:
        delete_topics(kafka, bootstrap, [name for name in partitions(kafka, bootstrap) if not name.startswith("__")])

    clean()
    yield bootstrap
    clean()


_numbers = iter(range(1_000_000))


@pytest.fixture
def topic_names(bootstrap: str) -> Iterator[Callable[[str], str]]:
    """Makes topic names that no other test uses; the topics are deleted after the test."""
    made: list[str] = []

    def name(stem: str) -> str:
        made.append(f"test-{os.getpid()}-{next(_numbers)}-{stem}")
        return made[-1]

    yield name
    delete_topics(Kafka(), bootstrap, made)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of real recordings: ``$PROFIT_TEST_DATA`` or ``../shared/data``; skips where it is absent."""
    folder = Path(os.environ.get("PROFIT_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recordings at {folder}: set PROFIT_TEST_DATA")
    return folder
