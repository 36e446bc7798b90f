"""Fixtures that every folder may use: a Kafka cluster, the recordings, waiting with a deadline."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from connectors.broker.embedded import EmbeddedBroker
from connectors.kafka.admin import delete_topics, partitions
from models.settings import Broker, Kafka
from tests.workers import deal, how_many, take_own_cluster

ROOT = Path(__file__).parent.parent

#: A test of integration that has none of these starts its own embedded broker, whatever cluster is named.
SHARED = frozenset({"bootstrap", "real_kafka"})

# Two busy cores are slower than Hypothesis is patient, and slowness is no fault here.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return how_many(os.environ, os.cpu_count() or 1)


def pytest_configure(config: pytest.Config) -> None:
    workers = config.getoption("numprocesses", None)
    clusters = os.environ.get("PROFIT_TEST_KAFKA", "").split()
    if "PYTEST_XDIST_WORKER" in os.environ or not workers:
        take_own_cluster(os.environ)
    elif clusters and workers > len(clusters):
        raise pytest.UsageError(
            f"-n {workers}, and PROFIT_TEST_KAFKA names {len(clusters)} clusters: each needs its own"
        )


@pytest.hookimpl(tryfirst=True)  # before the markers are chosen by
def pytest_itemcollected(item: pytest.Item) -> None:
    if item.get_closest_marker("integration") and not SHARED & set(getattr(item, "fixturenames", ())):
        item.add_marker("own_broker")


@pytest.hookimpl(trylast=True)  # only what was chosen is dealt out
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    worker = getattr(config, "workerinput", None)
    if worker is not None:
        items[:] = deal([(item, _seconds(item)) for item in items], worker["workercount"])


def _seconds(item: pytest.Item) -> float:
    mark = item.get_closest_marker("takes")
    return float(mark.args[0]) if mark is not None else 0.0


@pytest.fixture(scope="session")
def bootstrap() -> Iterator[str]:
    """HOST:PORT of this worker's cluster for the whole session: from ``$PROFIT_TEST_KAFKA``, or an embedded broker.

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
