"""The outbox: turns records into messages and numbers them, topic by topic, in the order of the line."""

from __future__ import annotations

from models.message import Message
from models.record import Record


class Outbox:
    """Collects the messages of one event. Ordinals run from 0 without a gap in each topic, as state of the flow."""

    def __init__(self, producer: str) -> None:
        self._producer = producer
        self._ordinals: dict[str, int] = {}
        self._messages: list[Message] = []

    def put(self, topic: str, key: str, record: Record, t: int) -> None:
        """Queue a record of event time ``t`` (Unix ns)."""
        self.send(topic, key, record.canonical(), t)

    def send(self, topic: str, key: str, value: bytes, t: int) -> None:
        """Queue what is no record of an output topic."""
        ordinal = self._ordinals.get(topic, 0)
        self._ordinals[topic] = ordinal + 1
        self._messages.append(Message(topic, key, value, t, self._producer, ordinal))

    def count(self, topic: str) -> int:
        """How many records the topic has been given so far."""
        return self._ordinals.get(topic, 0)

    def take(self) -> list[Message]:
        messages, self._messages = self._messages, []
        return messages
