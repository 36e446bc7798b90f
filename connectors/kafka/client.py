"""Configuration of the Kafka clients, the same for every producer and consumer of the system."""

from __future__ import annotations

from typing import Any, Final

from models.settings import Kafka

#: A Coinbase level2 snapshot is several megabytes; topics are created with the same bound.
MAX_MESSAGE_BYTES: Final = 32 * 1024 * 1024

#: What one fetch brings, as it is on the wire: bounds what a reader that is behind holds, and how far it reads one
#: topic before the others have their turn. A larger record still comes, alone.
FETCH_BYTES: Final = 256 * 1024

#: How long a client may take to find the cluster before it is called away.
CONNECT_TIMEOUT_S: Final = 10.0

#: How long a produced message may wait for its acknowledgement by a cluster that is there. The wait goes on while a
#: process stands still, so it is much longer than a machine may. One that is away is given up before: ``absence``.
DELIVERY_TIMEOUT_MS: Final = 120_000


def _common(kafka: Kafka, bootstrap: str) -> dict[str, Any]:
    config: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "client.id": "profit",
        "security.protocol": kafka.security_protocol,
        "socket.keepalive.enable": True,
        "socket.nagle.disable": True,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        "message.max.bytes": MAX_MESSAGE_BYTES,
        # Errors reach the user through callbacks and failures with a cure, not as lines of the client library.
        "log_level": 2,
        "enable.metrics.push": False,
    }
    if kafka.sasl_mechanism:
        config["sasl.mechanism"] = kafka.sasl_mechanism
        config["sasl.username"] = kafka.sasl_username
        config["sasl.password"] = kafka.sasl_password.get_secret_value()
    if kafka.ssl_ca_location:
        config["ssl.ca.location"] = kafka.ssl_ca_location
    return config


def admin_config(kafka: Kafka, bootstrap: str) -> dict[str, Any]:
    """Configuration for ``confluent_kafka.admin.AdminClient``."""
    config = _common(kafka, bootstrap)
    del config["message.max.bytes"]
    return config


def producer_config(kafka: Kafka, bootstrap: str) -> dict[str, Any]:
    """Configuration for an idempotent ``confluent_kafka.Producer``: every message acknowledged by all replicas, in
    order, once. Its user still has to look at each delivery report."""
    return _common(kafka, bootstrap) | {
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": kafka.linger_ms,
        "compression.type": kafka.compression,
        "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
        "queue.buffering.max.messages": 1_000_000,
        "queue.buffering.max.kbytes": 256 * 1024,
    }


def patient_producer_config(kafka: Kafka, bootstrap: str) -> dict[str, Any]:
    """A producer that waits for its cluster for ever: it gives up no message and reorders none. What may be under way
    is bounded by its user (``connectors.recorder.outlet``), well below the bounds of the client's own queue."""
    return producer_config(kafka, bootstrap) | {
        "delivery.timeout.ms": 0,
        "max.in.flight.requests.per.connection": 5,
    }


def consumer_config(kafka: Kafka, bootstrap: str) -> dict[str, Any]:
    """Configuration for a ``confluent_kafka.Consumer`` whose partitions are assigned by hand and whose offsets live
    in Bytewax's recovery store. A deleted offset is an error, never a silent jump."""
    return _common(kafka, bootstrap) | {
        "group.id": "profit-unused",  # the client demands one; no group is ever joined
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "fetch.wait.max.ms": kafka.fetch_wait_max_ms,
        # After an empty or failed fetch librdkafka waits this long, 500 ms by default.
        "fetch.error.backoff.ms": 50,
        "fetch.queue.backoff.ms": 10,
        "fetch.max.bytes": FETCH_BYTES,
        "max.partition.fetch.bytes": FETCH_BYTES,
        "message.max.bytes": FETCH_BYTES,  # the client raises fetch.max.bytes to it otherwise
        "receive.message.max.bytes": 65 * 1024 * 1024,
        "queued.max.messages.kbytes": 4 * 1024,
        "check.crcs": True,
    }
