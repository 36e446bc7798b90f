"""Topics: created, checked, counted and deleted.

Failure policy: a cluster that does not answer, a topic that differs from the catalogue, or one that is absent is a
Failure that names it and says what to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from connectors.kafka.client import CONNECT_TIMEOUT_S, MAX_MESSAGE_BYTES, admin_config
from models.failures import Failure
from models.settings import Kafka
from models.topics import CATALOGUE, Topic

CREATE_TIMEOUT_S: Final = 30.0


def cluster_answers(kafka: Kafka, bootstrap: str, timeout_s: float = CONNECT_TIMEOUT_S) -> bool:
    """Whether the cluster answers a request for its metadata within ``timeout_s`` seconds."""
    try:
        return bool(AdminClient(admin_config(kafka, bootstrap)).list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


def await_cluster(
    kafka: Kafka, bootstrap: str, timeout_s: float, say: Callable[[str], object] = lambda text: None
) -> None:
    """Wait until the cluster answers; ``say`` is told when that takes more than two seconds. Raises Failure when it
    does not within ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    told = False
    while not cluster_answers(kafka, bootstrap, timeout_s=min(max(deadline - time.monotonic(), 0.1), 2.0)):
        if time.monotonic() >= deadline:
            raise away(bootstrap, "nobody listens there, or it is not ready", timeout_s)
        if not told:
            say(f"waiting for Kafka at {bootstrap}, up to {timeout_s:.0f} s")
            told = True
        time.sleep(0.1)


def create_topics(
    kafka: Kafka, bootstrap: str, catalogue: Sequence[Topic] = CATALOGUE, timeout_s: float = CREATE_TIMEOUT_S
) -> list[str]:
    """Create the topics of ``catalogue`` that are absent and wait until all are known to the cluster.

    Returns the names created. Raises Failure when the cluster is away (within about 10 s), a topic has another number
    of partitions than wanted, or it cannot be created."""
    admin = AdminClient(admin_config(kafka, bootstrap))
    present = partitions(kafka, bootstrap, admin)
    _refuse_wrong(present, catalogue)
    absent = [topic for topic in catalogue if topic.name not in present]
    if not absent:
        return []
    # The client cancels pending calls when it is collected: `admin` lives until every future is done.
    futures = admin.create_topics([_new(topic, kafka) for topic in absent], request_timeout=timeout_s)
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another process may be creating them too
                raise Failure(
                    f"topic {name} cannot be created on {bootstrap}: {error.args[0].str()}.",
                    "Grant the right to create topics, set kafka.replication_factor to at most the number of brokers, "
                    "or create the topic yourself.",
                ) from None
    deadline = time.monotonic() + timeout_s
    wanted = {topic.name for topic in catalogue}
    while wanted - (present := partitions(kafka, bootstrap, admin)).keys():
        if time.monotonic() > deadline:
            raise Failure(
                f"{bootstrap} accepted topics and does not show them: {', '.join(sorted(wanted - present.keys()))}.",
                "Look at the state of the cluster, then start again.",
            )
        time.sleep(0.02)
    _refuse_wrong(present, catalogue)
    return [topic.name for topic in absent]


def partitions(kafka: Kafka, bootstrap: str, admin: AdminClient | None = None) -> dict[str, int]:
    """Number of partitions of every topic of the cluster. Raises Failure when the cluster does not answer.

    Always asks for all topics: asking for one by name may make a cluster create it."""
    client = admin or AdminClient(admin_config(kafka, bootstrap))
    try:
        metadata = client.list_topics(timeout=CONNECT_TIMEOUT_S)
    except KafkaException as error:
        raise away(bootstrap, error.args[0].str()) from None
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def require_topics(kafka: Kafka, bootstrap: str, names: Iterable[str]) -> None:
    """Raises Failure when the cluster is away or one of the topics is absent."""
    present = partitions(kafka, bootstrap)
    missing = [name for name in names if name not in present]
    if missing:
        raise Failure(
            f"{bootstrap} has no topic {', '.join(missing)}.",
            "Start with `profit up --kafka` or `profit record --kafka`, which create the topics of the catalogue.",
        )


def delete_topics(kafka: Kafka, bootstrap: str, names: Iterable[str], timeout_s: float = CREATE_TIMEOUT_S) -> None:
    """Delete topics that exist and wait until they are gone. Raises Failure when that does not happen in time."""
    admin = AdminClient(admin_config(kafka, bootstrap))
    doomed = [name for name in names if name in partitions(kafka, bootstrap, admin)]
    if not doomed:
        return
    for future in admin.delete_topics(doomed, request_timeout=timeout_s).values():
        try:
            future.result()
        except KafkaException as error:
            raise Failure(
                f"{bootstrap} cannot delete topics: {error.args[0].str()}.", "Delete them yourself."
            ) from None
    deadline = time.monotonic() + timeout_s
    while partitions(kafka, bootstrap, admin).keys() & set(doomed):
        if time.monotonic() > deadline:
            raise Failure(f"{bootstrap} still has {', '.join(doomed)} after deletion.", "Try again.")
        time.sleep(0.02)


class ClusterAway(Failure):
    """A cluster that does not answer."""


def away(bootstrap: str, why: str, timeout_s: float = CONNECT_TIMEOUT_S) -> ClusterAway:
    """The failure of a cluster that does not answer."""
    return ClusterAway(
        f"no Kafka broker answers at {bootstrap} within {timeout_s:.0f} s ({why}).",
        "Start it, correct --kafka or kafka.bootstrap_servers, or leave both away for the embedded broker.",
    )


def _refuse_wrong(present: dict[str, int], catalogue: Sequence[Topic]) -> None:
    for topic in catalogue:
        found = present.get(topic.name, topic.partitions)
        if found != topic.partitions:
            raise Failure(
                f"topic {topic.name} has {found} partitions, wanted is {topic.partitions}.",
                "Order is kept within one partition only: move the topic's data away and delete the topic, or use "
                "another cluster.",
            )


def _new(topic: Topic, kafka: Kafka) -> NewTopic:
    return NewTopic(
        topic.name,
        num_partitions=topic.partitions,
        replication_factor=kafka.replication_factor,
        config={
            "cleanup.policy": topic.cleanup,
            "retention.ms": str(topic.retention_ms),
            "retention.bytes": str(topic.retention_bytes),
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            # Retention goes by timestamp. An archive that is played again carries times long past, and a simulation
            # times far ahead (which Kafka 4 refuses beyond an hour): the log's own time it must be. The event's time
            # travels in the header `t_ns` or the envelope.
            "message.timestamp.type": "LogAppendTime",
        },
    )


def cluster_name(kafka: Kafka, bootstrap: str) -> str:
    """What tells this cluster from others: its id, or its address where it has none. Raises Failure when the cluster
    does not answer."""
    admin = AdminClient(admin_config(kafka, bootstrap))
    try:
        found = admin.list_topics(timeout=CONNECT_TIMEOUT_S).cluster_id
    except KafkaException as cause:
        raise Failure(f"Kafka at {bootstrap} does not answer: {cause.args[0].str()}.", "Check the broker.") from None
    return str(found) if found else bootstrap
