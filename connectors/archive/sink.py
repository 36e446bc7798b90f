"""A Bytewax sink into an archive, exactly once in effect.

Bytewax asks each sink partition for its state at the end of an epoch and commits the epoch afterwards. The sink
writes its files to disk at that moment, so nothing committed is ever missing. What a crash makes the flow emit again
carries ordinals that are on disk already, and is dropped.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final

import bytewax.operators as op
from bytewax.dataflow import Stream
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.archive.layout import ArchiveError
from connectors.archive.writer import TopicWriter
from models.message import Message
from models.topics import BY_NAME

#: So many records of a topic that is read along make a file.
PROMPT_ROWS: Final = 4_000


class _TopicPartition(StatefulSinkPartition[Message, int]):
    """State: the next offset."""

    def __init__(self, directory: Path, topic: str, resume: int | None, promptly: bool) -> None:
        self._writer = TopicWriter(directory, topic)
        self._most = PROMPT_ROWS if promptly else sys.maxsize
        if resume is not None and self._writer.next_offset < resume:
            raise ArchiveError(
                f"{directory}: {topic} ends before offset {self._writer.next_offset}, the run had reached {resume}.",
                "Files were removed: start the run anew in an empty folder.",
            )

    def write_batch(self, values: list[Message]) -> None:
        writer = self._writer
        for message in values:
            if not message.producer:
                raise ArchiveError(
                    f"{message.topic}: a record without producer and ordinal.", "The producing step must number it."
                )
            if message.ordinal > writer.last_ordinal(message.producer) + 1:
                raise ArchiveError(
                    f"{message.topic}: ordinal {message.ordinal} of {message.producer} follows "
                    f"{writer.last_ordinal(message.producer)}.",
                    "Records are missing: start the run anew in an empty folder.",
                )
            writer.append_message(message)
        if writer.waiting >= self._most:
            writer.flush()

    def snapshot(self) -> int:
        self._writer.flush()
        return self._writer.next_offset

    def close(self) -> None:
        self._writer.close()


class ArchiveSink(FixedPartitionedSink[Message, int]):
    """Archives messages keyed by their topic; offsets count from 0 in each topic. See ``output``.

    Raises ArchiveError for a message without producer and ordinal, and for a gap in a producer's ordinals."""

    def __init__(
        self,
        directory: Path,
        topics: Iterable[str] = tuple(BY_NAME),
        promptly: Collection[str] = (),
        elsewhere: Mapping[str, Path] | None = None,
    ) -> None:
        """``promptly``: topics that someone reads while they are written. ``elsewhere``: topics that go to another
        archive."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._promptly = promptly
        self._elsewhere = elsewhere or {}
        self._topics = sorted(topics)
        self._index = {topic: index for index, topic in enumerate(self._topics)}

    def list_parts(self) -> list[str]:
        return self._topics

    def part_fn(self, item_key: str) -> int:
        return self._index[item_key]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> _TopicPartition:
        directory = self._elsewhere.get(for_part, self._directory)
        return _TopicPartition(directory, for_part, resume_state, for_part in self._promptly)


def output(
    step_id: str,
    up: Stream[Message],
    directory: Path,
    promptly: Collection[str] = (),
    elsewhere: Mapping[str, Path] | None = None,
) -> None:
    """Archive a stream of messages; the topics ``promptly`` in files of few records, for who reads along; those
    ``elsewhere`` in another archive."""
    keyed = op.key_on(f"{step_id}_by_topic", up, lambda message: message.topic)
    op.output(step_id, keyed, ArchiveSink(directory, promptly=promptly, elsewhere=elsewhere))
