"""Records of a run through the two flows, without Kafka and without Bytewax: what was found, and what was traded."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flows.market_line.findings import Finding
from flows.market_line.line import MarketLine
from flows.trading_line.line import TradingLine
from models.bounds import bounds_of
from models.journal import Book, Market, decode_event
from models.message import Lost, Message, Stored
from models.settings import FairValue, Settings
from models.topics import DECISIONS, FILLS, JOURNAL, LEDGER, ORDERS

#: Warm after ten seconds, and eager: what matters here is on what it trades, not how well.
EAGER = Settings(fair_value=FairValue(warm_up_s=5, sample_s=1))
DIGESTED = (DECISIONS, ORDERS, FILLS, LEDGER)
GIVEN_UP = frozenset({"frozen_book", "frozen_feed", "rest_mismatch"})


@dataclass
class Traded:
    """What the flows made of a run: findings (time, feed, market, reason), and rows as JSON objects.

    ``given_up``: tokens whose books were called frozen or unlike REST's, by the feed record at which they were."""

    findings: list[tuple[int, str, str, str]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    fills: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    given_up: defaultdict[tuple[str, int], list[str]] = field(default_factory=lambda: defaultdict(list))
    digest: str = ""
    paid: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # market -> when, and payouts of Up and Down

    def note(self, event: object) -> None:
        """Take a journal event in."""
        if isinstance(event, Market) and event.payout_up is not None and event.payout_down is not None:
            self.paid.setdefault(event.key, (event.t, event.payout_up, event.payout_down))
        if not isinstance(event, Book):
            return
        for book in (event.up, event.down):
            if book is not None and book.seq == event.seq and GIVEN_UP.intersection(book.checks):
                topic, _, offset = event.src
                self.given_up[topic, offset].append(book.token)


def trade(records: Iterable[Stored | Lost], settings: Settings = EAGER) -> Traded:
    """Run market line, lanes and desk over the records."""
    name = settings.portfolio_name
    line = MarketLine(bounds_of(settings.checks), name)
    trading = TradingLine(settings)
    out, digest = Traded(), hashlib.sha256()
    rows = {DECISIONS: out.decisions, ORDERS: out.orders, FILLS: out.fills, "dead-letter": out.rejected}

    def keep(message: object) -> None:
        if isinstance(message, Message):
            if message.topic in DIGESTED:
                digest.update(message.value)
            if message.topic in rows:
                rows[message.topic].append(json.loads(message.value))

    for record in records:
        for made in line.advance(record):
            if isinstance(made, Finding):
                out.findings.append((made.t, made.feed, made.market, str(made.reason)))
            elif isinstance(made, Message) and made.topic == JOURNAL:
                event = decode_event(made.value)
                out.note(event)
                for message in trading.advance(event):
                    keep(message)
            else:
                keep(made)
    out.digest = digest.hexdigest()
    return out
