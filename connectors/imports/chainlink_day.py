"""Kind ``chainlink-day``: a day of Chainlink prices (CSV) and of the 5-minute markets that settle on them (JSON lines).

Prices enter as ticker frames of the spot feed, on a connection named after their source, with every digit recorded.
A market is announced three times: before its window, without anything that was not known then; with its strike two
seconds into the window; and as Gamma's object stood after it closed, byte for byte.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from connectors.imports.agenda import Agenda
from connectors.imports.files import CSV, LINES, Found, find, suffix_of
from connectors.imports.frames import Frame, plain, ticker
from connectors.imports.reading import lines, rows_of, shape_of
from connectors.imports.recordings import Recording
from connectors.imports.sorting import Sorter
from connectors.imports.summary import ImportFailure, ImportSummary, RefusedRow, WrongShape
from connectors.imports.values import moment, number, unix_ns, utc_ns
from models.topics import FEED_COINBASE, FEED_MARKETS

PRICE_COLUMNS = ("feed_ts_ms", "full_accuracy_value", "recv_ms")
LISTED_BEFORE_NS = 60 * 10**9
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
_LEAST = 10**12  # a millionth of a dollar: what is less is no such number


class _Row(msgspec.Struct, gc=False):
    start_sec: int
    raw: msgspec.Raw
    strike_value: str | None = None


_row = msgspec.json.Decoder(_Row)


def frames(recording: Recording) -> Iterator[Frame]:
    """All frames by time. Raises ImportFailure for files that are not of this kind."""
    summary = recording.summary
    files = find(recording.paths, (*CSV, *LINES))
    prices = [found for found in files if suffix_of(found.path.name) in CSV]
    markets = [found for found in files if suffix_of(found.path.name) in LINES]
    if not prices:
        raise WrongShape(
            f"{', '.join(map(str, recording.paths))}: no file of prices.",
            "Name the CSV of prices and the JSON lines of markets.",
        )
    for note in _NOTES:
        summary.note(note)
    summary.files += len(files)
    summary.progress.begin("reading", sum(found.path.stat().st_size for found in files))
    agenda = Agenda()
    for found in markets:
        _enter_markets(found, agenda, summary)
    with Sorter(recording.folder) as sorter:
        for found in prices:
            _read(found, sorter, summary)
        if not sorter.rows:
            names = ", ".join(found.label for found in prices)
            raise ImportFailure(
                summary.why_nothing(f"the prices in {names}").cause,
                "Prices are whole numbers of 1e-18 dollars in this kind; others come in by `profit import table`.",
            )
        summary.progress.begin("writing", sorter.rows)
        for sequence, (t, _, (product, price, feed_ns)) in enumerate(sorter.sorted()):
            if sequence % 2_000 == 0:
                summary.progress.reach(sequence)
            yield from agenda.due(t)
            yield Frame(t, FEED_COINBASE, "chainlink", "", ticker(product, price, feed_ns, sequence))
    yield from agenda.rest()


def _read(found: Found, sorter: Sorter, summary: ImportSummary) -> None:
    """Take in a CSV of prices: (product, price, exchange time) by receive time. Raises ImportFailure."""
    match = _FILE.match(found.path.name)
    if match is None:
        raise WrongShape(
            f"{found.path}: the name does not begin with the asset.", "Name it like BTCUSD-prices-….csv.gz."
        )
    product = f"{match[1]}-USD"
    shape = shape_of(found.path)
    missing = [column for column in PRICE_COLUMNS if column not in shape.columns]
    if missing:
        raise WrongShape(
            f"{found.path}: column {', '.join(missing)} is missing.", "Choose the kind that fits the file."
        )
    done = summary.progress.done
    for line, row in rows_of(found, shape, summary):
        try:
            exact = number(row["full_accuracy_value"], shape.decimal)
            if exact <= 0 or exact % 1 or exact < _LEAST:
                raise RefusedRow("not_a_price", exact)
            t, feed_ns = moment(row["recv_ms"], "ms"), moment(row["feed_ts_ms"], "ms")
        except RefusedRow as cause:
            summary.reject(cause.reason, f"{found.label}:{line}: {cause}")
        else:
            sorter.add(t, (product, scaled(int(exact)), feed_ns))
    summary.progress.reach(done + found.path.stat().st_size)


def scaled(value: int) -> str:
    """An integer of 1e-18 dollars in dollars, every digit kept."""
    return plain(Decimal(value).scaleb(-18)) if value < 10**28 else f"{value // 10**18}.{value % 10**18:018d}"


def _enter_markets(found: Found, agenda: Agenda, summary: ImportSummary) -> None:
    done = summary.progress.done
    for line, text in lines(found, summary):
        summary.rows += 1
        try:
            row = _row.decode(text)
            market: dict[str, Any] = json.loads(bytes(row.raw))
            slug = market["slug"]
            start = unix_ns(row.start_sec, 10**9)
            closed = utc_ns(market["closedTime"]) if market.get("closed") else 0
            strike = None if row.strike_value is None else scaled(int(row.strike_value))
        except RefusedRow as cause:
            summary.reject(cause.reason, f"{found.label}:{line}: {cause}")
            continue
        except (msgspec.DecodeError, ValueError, KeyError, TypeError) as cause:
            summary.reject("not_a_market", f"{found.label}:{line}: {cause}")
            continue
        summary.count("markets")
        agenda.add(Frame(start - LISTED_BEFORE_NS, FEED_MARKETS, "gamma", slug, _before(market, None)))
        if strike is None:
            summary.count("markets_without_strike")
        else:
            agenda.add(Frame(start + STRIKE_AFTER_NS, FEED_MARKETS, "gamma", slug, _before(market, strike)))
        if closed:
            agenda.add(Frame(closed, FEED_MARKETS, "gamma", slug, bytes(row.raw)))
        else:
            summary.count("markets_without_outcome")
    summary.progress.reach(done + found.path.stat().st_size)


def _before(market: dict[str, Any], strike: str | None) -> bytes:
    """Gamma's object as it stood before the end, with the strike once that is known."""
    known: dict[str, Any] = {name: market[name] for name in _STANDING if name in market}
    known |= {"active": True, "closed": False, "acceptingOrders": True, "outcomePrices": '["0.5", "0.5"]'}
    if strike is not None:
        known["events"] = [{"eventMetadata": {"priceToBeat": msgspec.Raw(strike.encode())}}]
    known["_import"] = list(_NOTES)
    return msgspec.json.encode(known)
