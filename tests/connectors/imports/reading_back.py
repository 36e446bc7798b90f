"""What tests of imports read back of an archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from connectors.archive.reader import ArchiveReader
from connectors.imports.merging import frames_of
from connectors.polymarket.wire import MarketMessage, decode_frame
from models.message import Stored
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET

Frames = list[tuple[int, str, str, bytes]]


def said(archive: Path) -> Frames:
    """(time, topic, key, frame) of all that the exchanges would have sent, whatever the run is called."""
    return [(frame.recv_ns, frame.topic, frame.key, frame.value) for frame in frames_of(archive)]


def gammas(archive: Path) -> list[dict[str, Any]]:
    return [json.loads(value) for _, topic, _, value in said(archive) if topic == FEED_MARKETS]


def books(archive: Path) -> list[MarketMessage]:
    frames = [value for _, topic, _, value in said(archive) if topic == FEED_POLYMARKET]
    return [message for frame in frames for message in decode_frame(frame)]


def spots(archive: Path) -> list[tuple[int, str, str]]:
    """(receive time, product, price)"""
    found = []
    for t, topic, _, value in said(archive):
        if topic == FEED_COINBASE:
            ticker = json.loads(value)["events"][0]["tickers"][0]
            found.append((t, ticker["product_id"], ticker["price"]))
    return found


def payouts(archive: Path) -> dict[str, list[str]]:
    """By slug, of the markets that were resolved."""
    return {market["slug"]: json.loads(market["outcomePrices"]) for market in gammas(archive) if market["closed"]}


def records(archive: Path, topic: str) -> list[Stored]:
    return list(ArchiveReader(archive).read(topic))
