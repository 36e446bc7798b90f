"""Counts in windows of event time, closed alike live and in replay: the rows of the topic ``quality``.

The market flow counts what its checks find, the trading flow what its data gates refuse; both through here.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as windowing
import msgspec
from bytewax.dataflow import Stream
from bytewax.operators import KeyedStream

from flows.beat import Beat
from flows.engine import stateful
from flows.market_line.findings import Finding
from flows.state import Schema
from flows.windows import EPOCH, JournalClock, LastingWindower
from models.contracts import Quality
from models.message import Message
from models.reasons import Reason
from models.settings import Settings
from models.timestamps import SECOND
from models.topics import QUALITY

#: (feed or module, market, strategy, reason) -> how often
Counts = dict[tuple[str, str, str, str], int]
#: In place of a reason: how many evaluations there were.
EVALUATIONS = ""


class Tally(msgspec.Struct, frozen=True, gc=False):
    """Several counts at once, all of the window in which ``t`` (Unix ns) lies."""

    t: int
    counts: Counts


Countable = Finding | Tally | Beat


def count_in_windows(
    found: KeyedStream[Countable], settings: Settings, producer: str, attach: Callable[[str, Stream[Message]], Any]
) -> None:
    """Count ``found`` (all under one key: a window closes by the beats, and each key has a clock of its own) and attach
    the rows as step ``quality_out``. ``producer``: who numbers them, one name a flow."""
    counted = windowing.fold_window(
        "count",
        found,
        JournalClock(),
        LastingWindower(timedelta(seconds=settings.checks.window_s), EPOCH),
        _no_counts,
        _count,
        _merge,
    )
    schema = Schema(
        f"{producer}.number", 1, lambda given: QualityRows(given.checks.window_s, producer), lambda _: (), fixed=True
    )
    numbered = stateful("number", counted.down, schema, settings, lambda owned, closed: owned.state.rows(closed))
    attach("quality_out", op.key_rm("quality", numbered))


class QualityRows:
    """Closed windows to rows of the quality topic, numbered. Windows are aligned to the epoch."""

    def __init__(self, window_s: int, producer: str) -> None:
        self._window_s = window_s
        self._producer = producer
        self._ordinal = 0

    def rows(self, closed: tuple[int, Counts]) -> list[Message]:
        number, counts = closed
        start = number * self._window_s * SECOND
        end = start + self._window_s * SECOND
        messages: list[Message] = []
        for (feed, market, strategy, reason), count in sorted(counts.items()):
            if reason == EVALUATIONS:
                continue
            row = Quality(
                id=f"q{start // SECOND}-{feed}-{market}-{reason}",
                window_start=start,
                window_end=end,
                feed=feed,
                market=market,
                reason=Reason(reason),
                count=count,
                strategy=strategy,
                evaluations=counts.get((feed, market, strategy, EVALUATIONS), 0),
            )
            messages.append(Message(QUALITY, feed, row.canonical(), end, self._producer, self._ordinal))
            self._ordinal += 1
        return messages


def _no_counts() -> Counts:
    return {}


def _count(counts: Counts, item: Countable) -> Counts:
    if isinstance(item, Finding):
        key = (item.feed, item.market, "", str(item.reason))
        counts[key] = counts.get(key, 0) + item.count
    elif isinstance(item, Tally):
        return _merge(counts, item.counts)
    return counts


def _merge(ours: Counts, theirs: Counts) -> Counts:
    for key, count in theirs.items():
        ours[key] = ours.get(key, 0) + count
    return ours
