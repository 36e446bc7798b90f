"""The market flow: feed topics in, the journal out.

feeds, merged in the recorder's order
  -> verify: decode, check, keep books           (one line: the journal is one total order)
       -> journal, dead letters, telemetry
       -> findings -> windows of event time -> quality
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import bytewax.operators as op
import bytewax.operators.windowing as windowing
from bytewax.dataflow import Dataflow, Stream
from bytewax.inputs import Source

from flows.engine import keyed, stateful
from flows.market_line.bounds import bounds_of
from flows.market_line.findings import Beat, Finding
from flows.market_line.line import MarketLine, Out
from flows.windows import EPOCH, JournalClock, LastingWindower
from models.contracts import Quality
from models.message import Lost, Message, Stored
from models.reasons import Reason
from models.settings import Settings
from models.timestamps import SECOND
from models.topics import QUALITY

Attach = Callable[[str, Stream[Message]], Any]
Counts = dict[tuple[str, str, str], int]


def build(source: Source[Stored | Lost], attach: Attach, settings: Settings) -> Dataflow:
    """The market flow from ``source`` (records in the merged order) to whatever ``attach(step id, stream)`` adds."""
    portfolio, bounds = settings.portfolio_name, bounds_of(settings.checks)
    flow = Dataflow("market")
    feeds = op.input("feeds", flow, source)
    in_order = keyed("one_order", feeds, portfolio)
    verified = stateful("verify", in_order, lambda: MarketLine(bounds, portfolio), MarketLine.advance)
    attach("market_out", op.flat_map_batch("messages", verified, _messages))

    counted = windowing.fold_window(
        "count",
        op.flat_map_batch("findings", verified, _findings),
        JournalClock(),
        LastingWindower(timedelta(seconds=bounds.window_s), EPOCH),
        _no_counts,
        _count,
        _merge,
    )
    numbered = stateful("number", counted.down, lambda: QualityRows(bounds.window_s), QualityRows.rows)
    attach("quality_out", op.key_rm("quality", numbered))
    return flow


class QualityRows:
    """Closed windows to rows of the quality topic, numbered. Windows are aligned to the epoch."""

    def __init__(self, window_s: int) -> None:
        self._window_s = window_s
        self._ordinal = 0

    def rows(self, closed: tuple[int, Counts]) -> list[Message]:
        number, counts = closed
        start = number * self._window_s * SECOND
        end = start + self._window_s * SECOND
        messages: list[Message] = []
        for (feed, market, reason), count in sorted(counts.items()):
            row = Quality(
                id=f"q{start // SECOND}-{feed}-{market}-{reason}",
                window_start=start,
                window_end=end,
                feed=feed,
                market=market,
                reason=Reason(reason),
                count=count,
            )
            messages.append(Message(QUALITY, feed, row.canonical(), end, "quality", self._ordinal))
            self._ordinal += 1
        return messages


def _messages(outputs: list[tuple[str, Out]]) -> list[Message]:
    return [out for _, out in outputs if isinstance(out, Message)]


def _findings(outputs: list[tuple[str, Out]]) -> list[tuple[str, Finding | Beat]]:
    """All under one key: a window of counts closes by the clock's beat, and each key has a clock of its own."""
    return [("quality", out) for _, out in outputs if not isinstance(out, Message)]


def _no_counts() -> Counts:
    return {}


def _count(counts: Counts, item: Finding | Beat) -> Counts:
    if isinstance(item, Finding):
        key = (item.feed, item.market, str(item.reason))
        counts[key] = counts.get(key, 0) + 1
    return counts


def _merge(ours: Counts, theirs: Counts) -> Counts:
    for key, count in theirs.items():
        ours[key] = ours.get(key, 0) + count
    return ours
