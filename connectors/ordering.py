"""The one total order over the feed and input topics.

``FeedMerge`` turns several topics, each read in its own gulps, into one sequence that depends on the records alone:
not on which topic was read first, in what portions, or how often the reader was resumed.

The order
---------
1. Feed records follow ``(run, seq)`` of their envelope. A record whose ``seq`` is below the cursor is a duplicate.
2. A missing ``seq`` is *lost* only when that is certain: every feed topic has a record at its head that is past it
   (a higher ``seq``, or a later run), or is exhausted. Until then the merge waits.
3. A run is over when every feed topic has moved on to another run. The next run is that of the heads; where they
   differ, that of the head received first. A record of a run that is over is a stray.
4. Records of input topics stand directly before the clock tick that counts them, topic by topic.
5. A feed record without a readable envelope stands directly before the next readable one of its topic.

Failure policy: duplicates and strays are dropped and counted (``stats``); what is lost is emitted as ``Lost``; nothing
is dropped otherwise. The merge has no I/O and raises only ValueError, for a topic it does not know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from models import topics
from models.envelope import Envelope
from models.markers import Tick, decode_own
from models.message import Lost, Stored

#: A topic is not worth reading while this much of it waits here.
MAX_WAITING: Final = 8_192
MAX_WAITING_BYTES: Final = 8 * 1024 * 1024

Emitted = Stored | Lost


NOTHING: Final[list[Stored]] = []  # before nearly every readable record: one for all, never written to


class _Entry(msgspec.Struct, gc=False):
    """A readable feed record with the unreadable ones before it."""

    receipt: Envelope
    stored: Stored
    unreadable: list[Stored]


class _Topic:
    """What was read of one topic and not emitted yet."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.waiting_bytes = 0
        self.next_offset = 0  # first offset that was not offered yet
        self.exhausted = False
        self.full = False

    def accept(self, stored: Stored) -> bool:
        """Whether the record is news; re-read ones are not."""
        if stored.offset < self.next_offset:
            return False
        self.next_offset = stored.offset + 1
        self.waiting_bytes += len(stored.value)
        return True


class _Feed(_Topic):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.entries: deque[_Entry] = deque()
        self.carry: list[Stored] = []  # unreadable records whose next readable one was dropped
        self.tail: list[Stored] = []  # unreadable records after the last readable one

    def position(self) -> int:
        if self.carry:
            return self.carry[0].offset
        if self.entries:
            first = self.entries[0]
            return (first.unreadable[0] if first.unreadable else first.stored).offset
        return self.tail[0].offset if self.tail else self.next_offset

    def offer(self, stored: Stored) -> None:
        receipt = stored.receipt
        if receipt is None:
            self.tail.append(stored)
            return
        if self.tail:
            self.entries.append(_Entry(receipt, stored, self.tail))
            self.tail = []  # a new list: the entry keeps the old one
        else:
            self.entries.append(_Entry(receipt, stored, NOTHING))

    def drop_first(self) -> None:
        entry = self.entries.popleft()
        self.waiting_bytes -= len(entry.stored.value)
        if entry.unreadable:
            self.carry.extend(entry.unreadable)

    def waiting(self) -> int:
        return len(self.entries) + len(self.tail)


class _Input(_Topic):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.records: deque[Stored] = deque()
        self.emitted = 0  # every offset below has its place in the order
        self.available_from = 0  # nothing below can be read any more

    def position(self) -> int:
        return self.records[0].offset if self.records else max(self.next_offset, self.emitted)


class FeedMerge:
    """The merge. ``offer`` records as they are read, ``drain`` what has its place; see the module for the order.

    ``feeds`` and ``inputs`` name the topics; ``clock`` is the feed topic that holds the ticks. ``midway``: what is
    offered begins in the middle of a recorder's run on purpose, so what was before is not lost. ``max_waiting``
    records (or ``max_waiting_bytes`` bytes) of a topic may wait before ``wants`` leaves it out."""

    def __init__(
        self,
        feeds: Sequence[str] = topics.FEEDS,
        inputs: Sequence[str] = topics.INPUTS,
        clock: str = topics.FEED_CLOCK,
        max_waiting: int = MAX_WAITING,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        midway: bool = False,
    ) -> None:
        self._feeds = {name: _Feed(name) for name in feeds}
        self._inputs = {name: _Input(name) for name in inputs}
        self._clock = clock
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        self._midway = midway
        self._run: str | None = None
        self._next = 0
        self._finished: dict[str, None] = {}  # a set that keeps its order
        self._tick: tuple[int, dict[str, int]] | None = None  # decoded once: offset of the tick at the head
        self.stats = {"emitted": 0, "lost": 0, "duplicates": 0, "strays": 0, "unreadable": 0}

    # ---------------------------------------------------------------- in

    def offer(self, stored: Stored) -> None:
        """Take a record; those of one topic come in offset order. Raises ValueError for an unknown topic."""
        feed = self._feeds.get(stored.topic)
        if feed is not None:
            if feed.accept(stored):
                feed.offer(stored)
            return
        source = self._inputs.get(stored.topic)
        if source is None:
            raise ValueError(f"topic {stored.topic!r} is not merged: expected one of {[*self._feeds, *self._inputs]}")
        if source.accept(stored) and stored.offset >= source.emitted:
            source.records.append(stored)

    def begin(self, topic: str, offset: int) -> None:
        """Nothing below ``offset`` of ``topic`` can be read (retention deleted it, or the replay starts there)."""
        target = self._topic(topic)
        target.next_offset = max(target.next_offset, offset)
        if isinstance(target, _Input):
            target.available_from = max(target.available_from, offset)

    def exhaust(self, topic: str) -> None:
        """No further record of ``topic`` will be offered."""
        self._topic(topic).exhausted = True

    def _topic(self, name: str) -> _Feed | _Input:
        found = self._feeds.get(name) or self._inputs.get(name)
        if found is None:
            raise ValueError(f"topic {name!r} is not merged: expected one of {[*self._feeds, *self._inputs]}")
        return found

    def wants(self) -> list[str]:
        """Topics worth reading now, those with the least waiting first."""
        ranked: list[tuple[int, str]] = []
        for feed in self._feeds.values():
            if not feed.exhausted and self._has_room(feed, feed.waiting()):
                ranked.append((feed.waiting(), feed.name))
        for source in self._inputs.values():
            if not source.exhausted and self._has_room(source, len(source.records)):
                ranked.append((len(source.records), source.name))
        return [name for _, name in sorted(ranked, key=lambda item: item[0])]

    def _has_room(self, topic: _Topic, waiting: int) -> bool:
        # Full at the bound, and until half of it is gone: a reader that pauses pays for each change of mind. A topic
        # with nothing waiting is always wanted: a single record may be larger than the bound.
        share = max(waiting / self._max_waiting, topic.waiting_bytes / self._max_waiting_bytes) if waiting else 0.0
        topic.full = share >= 1 or (topic.full and share > 0.5)
        return not topic.full

    # --------------------------------------------------------------- out

    def drain(self, limit: int) -> list[Emitted]:
        """Up to ``limit`` next items of the order; empty when the next one is not known yet."""
        out: list[Emitted] = []
        while len(out) < limit:
            feed = self._feed_at_cursor()
            if feed is not None:
                if not self._emit_head(feed, out, limit):
                    break
            elif not self._past_cursor(out, limit):
                break
        self.stats["emitted"] += len(out)
        return out

    @property
    def done(self) -> bool:
        """Every topic is exhausted and all that has a place was emitted (an input record no tick counts has none)."""
        return all(topic.exhausted for topic in (*self._feeds.values(), *self._inputs.values())) and not any(
            feed.entries or feed.carry or feed.tail for feed in self._feeds.values()
        )

    def _feed_at_cursor(self) -> _Feed | None:
        """The feed whose head is the cursor's record, after dropping what is below the cursor everywhere looked at."""
        run = self._run
        for feed in self._feeds.values():
            entries = feed.entries
            while entries:
                head = entries[0]
                if head.receipt.run == run:
                    if head.receipt.seq == self._next:
                        return feed
                    if head.receipt.seq > self._next:
                        break
                    self.stats["duplicates"] += 1
                elif head.receipt.run in self._finished:
                    self.stats["strays"] += 1
                else:
                    break
                feed.drop_first()
        return None

    def _emit_head(self, feed: _Feed, out: list[Emitted], limit: int) -> bool:
        """Emit the head of ``feed`` and what stands before it. False when the limit or a missing input stops it."""
        head = feed.entries[0]
        if feed.name == self._clock and not self._emit_inputs(head.stored, out, limit):
            return False
        for before in (feed.carry, head.unreadable):
            while before:
                if len(out) >= limit:
                    return False
                self._emit_unreadable(feed, before, out)
        if len(out) >= limit:
            return False
        out.append(head.stored)
        feed.entries.popleft()
        feed.waiting_bytes -= len(head.stored.value)
        self._next += 1
        return True

    def _emit_unreadable(self, feed: _Feed, before: list[Stored], out: list[Emitted]) -> None:
        stored = before.pop(0)
        feed.waiting_bytes -= len(stored.value)
        self.stats["unreadable"] += 1
        out.append(stored)

    def _emit_inputs(self, tick: Stored, out: list[Emitted], limit: int) -> bool:
        if self._tick is None or self._tick[0] != tick.offset:
            self._tick = (tick.offset, _counts(tick.value))
        for name, count in self._tick[1].items():
            source = self._inputs.get(name)
            if source is None:
                continue
            while source.emitted < count:
                if len(out) >= limit:
                    return False
                head = source.records[0] if source.records else None
                if head is not None and head.offset == source.emitted:
                    out.append(source.records.popleft())
                    source.waiting_bytes -= len(head.value)
                    source.emitted += 1
                    continue
                readable_from = head.offset if head is not None else source.next_offset
                if head is None and source.exhausted:
                    readable_from = count
                if readable_from <= source.emitted:
                    return False  # counted by the tick and not read yet
                last = min(readable_from, count) - 1
                if last >= source.available_from:  # what retention deleted before the start is no loss of ours
                    out.append(Lost(name, max(source.emitted, source.available_from), last))
                    self.stats["lost"] += last - max(source.emitted, source.available_from) + 1
                source.emitted = last + 1
        return True

    def _past_cursor(self, out: list[Emitted], limit: int) -> bool:
        """Move the cursor over what is certainly lost, or on to the next run. False when that is not known yet."""
        heads: list[_Entry] = []
        for feed in self._feeds.values():
            if feed.entries:
                heads.append(feed.entries[0])
            elif not feed.exhausted:
                return False
        if not heads:
            return self._emit_tails(out, limit)
        ahead = [head.receipt.seq for head in heads if head.receipt.run == self._run]
        if ahead and self._run is not None:
            first = min(ahead)
            out.append(Lost(self._run, self._next, first - 1))
            self.stats["lost"] += first - self._next
            self._next = first
            return True
        is_first = self._run is None
        if self._run is not None:
            self._finished[self._run] = None
        self._run = min(heads, key=lambda head: head.receipt.recv_ns).receipt.run
        self._next = 0
        if is_first and self._midway:
            self._next = min(head.receipt.seq for head in heads if head.receipt.run == self._run)
        return True

    def _emit_tails(self, out: list[Emitted], limit: int) -> bool:
        for feed in self._feeds.values():
            for rest in (feed.carry, feed.tail):
                while rest:
                    if len(out) >= limit:
                        return False
                    self._emit_unreadable(feed, rest, out)
        return False

    # ------------------------------------------------------------- state

    def positions(self) -> dict[str, int]:
        """Per topic the first offset that was not emitted: where to read on after ``restore``."""
        positions = {name: feed.position() for name, feed in self._feeds.items()}
        return positions | {name: source.position() for name, source in self._inputs.items()}

    def next_offsets(self) -> dict[str, int]:
        """Per topic the first offset that was not offered: where to read on with this merge."""
        return {name: topic.next_offset for name, topic in (*self._feeds.items(), *self._inputs.items())}

    def snapshot(self) -> dict[str, Any]:
        """All it takes to go on exactly here: plain dicts, lists, strings and integers."""
        return {
            "positions": self.positions(),
            "run": self._run,
            "next": self._next,
            "finished": list(self._finished),
            "inputs": {name: [topic.emitted, topic.available_from] for name, topic in self._inputs.items()},
            "stats": dict(self.stats),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from ``snapshot``: read each topic from ``positions()`` on and offer again what comes."""
        self._run = state["run"]
        self._next = state["next"]
        self._finished = dict.fromkeys(state["finished"])
        for name, (emitted, available_from) in state["inputs"].items():
            self._inputs[name].emitted = emitted
            self._inputs[name].available_from = available_from
        for name, offset in state["positions"].items():
            self._topic(name).next_offset = offset
        self.stats.update(state["stats"])


def _counts(value: bytes) -> dict[str, int]:
    """How many records of each input topic stand before this tick; empty for anything that is no tick."""
    try:
        own = decode_own(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return own.inputs if isinstance(own, Tick) else {}


def merge_all(records: Iterable[Stored], feeds: Sequence[str] = topics.FEEDS) -> list[Emitted]:
    """The whole order of records that are all in memory, topic by topic in offset order. For tests and small tools."""
    merge = FeedMerge(feeds)
    for stored in records:
        merge.offer(stored)
    for topic in merge.next_offsets():
        merge.exhaust(topic)
    return merge.drain(2**62)
