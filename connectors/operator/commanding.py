"""Sending an operator's command to a running system, and hearing what the trading flow did with it."""

from __future__ import annotations

import time

from confluent_kafka import KafkaException, Producer

from connectors.kafka.admin import away
from connectors.kafka.client import producer_config
from connectors.kafka.reader import Reader
from models.contracts import Answer
from models.control import Command, encode, sign
from models.failures import Failure
from models.settings import Kafka
from models.topics import ANSWERS, CONTROL

_SEND_S = 10.0
#: Answers of before that are read too: a kill is on disk first, and the watch may have had it answered already.
_BEFORE = 20


def send(command: Command, token: str, kafka: Kafka, bootstrap: str) -> None:
    """Sign the command and put it on ``control``; returns when the cluster has it. Raises Failure."""
    refused: list[str] = []
    producer = Producer(producer_config(kafka, bootstrap))
    try:
        producer.produce(
            CONTROL,
            encode(sign(command, token)),
            key=command.by,
            on_delivery=lambda error, _: refused.append(error.str()) if error is not None else None,
        )
        left = producer.flush(_SEND_S)
    except KafkaException as cause:
        raise away(bootstrap, str(cause)) from None
    if left or refused:
        raise away(bootstrap, refused[0] if refused else f"no answer for {_SEND_S:g} s")


def command_and_wait(command: Command, token: str, kafka: Kafka, bootstrap: str, wait_s: float) -> Answer:
    """Send the command and wait for the trading flow's answer. Raises Failure when none comes in ``wait_s`` seconds."""
    reader = Reader(kafka, bootstrap, [ANSWERS])
    try:
        first, end = reader.watermarks(ANSWERS)
        reader.start({ANSWERS: max(end - _BEFORE, first)})
        send(command, token, kafka, bootstrap)
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            for record in reader.read(100, 0.1):
                answer = Answer.read(record.value)
                if answer.command == command.id:
                    return answer
    finally:
        reader.close()
    raise Failure(
        f"the command {command.id} was sent, and the trading flow has not answered for {wait_s:g} s.",
        "It stands in the journal and will be obeyed when the flow comes to it; `profit report` and the page show it.",
    )
