"""Kind ``chainlink-day``: a day of Chainlink prices (CSV) and of the 5-minute markets that settle on them (JSON lines).

Prices enter as ticker frames of the spot feed, on a connection named after their source, with every digit recorded.
A market is told of three times: before its window, without anything that was not known then; with its strike two
seconds into the window; and as Gamma's object stood after it closed, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from connectors.imports.agenda import Agenda
from connectors.imports.frames import Frame, plain, ticker
from connectors.imports.options import Options
from connectors.imports.reading import csv_rows, files_of, lines, merged, number, unix_ns, utc_ns
from connectors.imports.summary import ImportFailure, Refused, Summary
from models.topics import FEED_COINBASE, FEED_MARKETS

PRICE_COLUMNS = ("feed_ts_ms", "full_accuracy_value", "recv_ms")
TOLD_BEFORE_NS = 60 * 10**9
STRIKE_AFTER_NS = 2 * 10**9
_NOTES = (
    "Chainlink prices enter as Coinbase ticker frames of the asset's USD product",
    "what was known of a market before its end is taken from its object after the end, hindsight left out",
    "strikes come from the recording's strike_value, two seconds into the window",
)
#: Fields of Gamma's object that stand before the window opens and do not change.
_STANDING = (
    "id",
    "slug",
    "question",
    "description",
    "conditionId",
    "questionID",
    "outcomes",
    "clobTokenIds",
    "createdAt",
    "startDate",
    "eventStartTime",
    "endDate",
    "endDateIso",
    "feeType",
    "feesEnabled",
    "feeSchedule",
    "negRisk",
    "orderMinSize",
    "orderPriceMinTickSize",
    "enableOrderBook",
    "restricted",
    "resolutionSource",
    "cryptoMarketConfig",
)
_FILE = re.compile(r"^([A-Z]{2,6})USD\b")


class _Row(msgspec.Struct, gc=False):
    start_sec: int
    raw: msgspec.Raw
    strike_value: str | None = None


_row = msgspec.json.Decoder(_Row)


def frames(paths: Sequence[Path], options: Options, summary: Summary) -> Iterator[Frame]:
    files = files_of(paths, (".csv.gz", ".csv", ".jsonl.gz", ".jsonl"))
    prices = [path for path in files if ".csv" in path.name]
    markets = [path for path in files if ".jsonl" in path.name]
    if not prices:
        raise ImportFailure(
            f"{', '.join(map(str, paths))}: no file of prices.", "Name the CSV of prices and the JSON lines of markets."
        )
    for note in _NOTES:
        summary.note(note)
    agenda = Agenda()
    summary.files += len(markets)
    for path in markets:
        _enter_markets(path, agenda, summary)
    for sequence, (t, (product, price, feed_ns)) in enumerate(merged(prices, read, summary)):
        yield from agenda.due(t)
        yield Frame(t, FEED_COINBASE, "chainlink", "", ticker(product, price, feed_ns, sequence))
    yield from agenda.rest()


def read(path: Path, summary: Summary) -> Iterator[tuple[int, tuple[str, str, int]]]:
    """(receive time, (product, price, exchange time)) of a CSV of prices. Raises ImportFailure for a nameless asset."""
    match = _FILE.match(path.name)
    if match is None:
        raise ImportFailure(f"{path}: the name does not begin with the asset.", "Name it like BTCUSD-prices-….csv.gz.")
    product = f"{match[1]}-USD"
    for line, row in csv_rows(path, summary, PRICE_COLUMNS):
        try:
            exact = number(row["full_accuracy_value"])
            if exact <= 0 or exact % 1:
                raise Refused("not_a_price", exact)
            t, feed_ns = unix_ns(row["recv_ms"], 10**6), unix_ns(row["feed_ts_ms"], 10**6)
        except Refused as cause:
            summary.reject(cause.reason, f"{path.name}:{line}: {cause}")
        else:
            yield t, (product, scaled(int(exact)), feed_ns)


def scaled(value: int) -> str:
    """An integer of 1e-18 dollars in dollars, every digit kept."""
    return plain(Decimal(value).scaleb(-18)) if value < 10**28 else f"{value // 10**18}.{value % 10**18:018d}"


def _enter_markets(path: Path, agenda: Agenda, summary: Summary) -> None:
    for line, text in lines(path, summary):
        summary.rows += 1
        try:
            row = _row.decode(text)
            market: dict[str, Any] = json.loads(bytes(row.raw))
            slug = market["slug"]
            start = unix_ns(row.start_sec, 10**9)
            closed = utc_ns(market["closedTime"]) if market.get("closed") else 0
            strike = None if row.strike_value is None else scaled(int(row.strike_value))
        except Refused as cause:
            summary.reject(cause.reason, f"{path.name}:{line}: {cause}")
            continue
        except (msgspec.DecodeError, ValueError, KeyError, TypeError) as cause:
            summary.reject("not_a_market", f"{path.name}:{line}: {cause}")
            continue
        summary.count("markets")
        agenda.add(Frame(start - TOLD_BEFORE_NS, FEED_MARKETS, "gamma", slug, _before(market, None)))
        if strike is None:
            summary.count("markets_without_strike")
        else:
            agenda.add(Frame(start + STRIKE_AFTER_NS, FEED_MARKETS, "gamma", slug, _before(market, strike)))
        if closed:
            agenda.add(Frame(closed, FEED_MARKETS, "gamma", slug, bytes(row.raw)))
        else:
            summary.count("markets_without_outcome")


def _before(market: dict[str, Any], strike: str | None) -> bytes:
    """Gamma's object as it stood before the end, with the strike once that is known."""
    known: dict[str, Any] = {name: market[name] for name in _STANDING if name in market}
    known |= {"active": True, "closed": False, "acceptingOrders": True, "outcomePrices": '["0.5", "0.5"]'}
    if strike is not None:
        known["events"] = [{"eventMetadata": {"priceToBeat": msgspec.Raw(strike.encode())}}]
    known["_import"] = list(_NOTES)
    return msgspec.json.encode(known)
