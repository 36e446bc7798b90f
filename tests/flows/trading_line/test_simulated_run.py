"""A simulated run through both lines: every decision can be traced to its frames, and spoilt input makes no order."""

from __future__ import annotations

import random

import msgspec
import pytest

from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.contracts import Decision, Fill, Order, Posting, Scan, Telemetry
from models.journal import AnyEvent, Book, Market, Spot, TokenBook, decode_event
from models.message import Lost, Message, Stored
from models.money import PIP
from models.reasons import Reason, Verdict
from models.settings import Checks, Settings, TelemetrySettings
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, JOURNAL
from tests.flows.trading_line.desk import Bookkeeper, Line, settings
from tests.recordings import LAGGING, records_of, simulate

SECONDS = 345
CHOSEN = settings(
    portfolio={"cooldown_s": 2}, fair_value={"warm_up_s": 20, "half_life_s": 120, "sample_s": 2, "edge_decay": 0.1}
)

Records = list[Stored | Lost]


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return records_of(simulate(tmp_path_factory.mktemp("run") / "archive", SECONDS, LAGGING))


def journal_of(records: Records) -> list[AnyEvent]:
    line = MarketLine(bounds_of(Checks()), "main")
    events: list[AnyEvent] = []
    for record in records:
        before = len(events)
        for out in line.advance(record):
            if isinstance(out, Message) and out.topic == JOURNAL:
                events.append(decode_event(out.value))
        assert len(events) > before, "every record leaves its mark"
    assert [event.seq for event in events] == list(range(len(events)))
    return events


@pytest.fixture(scope="module")
def journal(feeds: Records) -> list[AnyEvent]:
    return journal_of(feeds)


def traded(journal: list[AnyEvent], chosen: Settings = CHOSEN) -> Bookkeeper:
    """Run the trading line; the bookkeeper checks its money after every event."""
    line, books = Line(chosen), Bookkeeper(chosen)
    for event in journal:
        books.take(line.take(event))
    return books


@pytest.fixture(scope="module")
def books(journal: list[AnyEvent]) -> Bookkeeper:
    return traded(journal)


def test_there_is_something_to_look_at(books: Bookkeeper) -> None:
    assert {decision.action for decision in books.of(Decision)} >= {"enter", "block", "settle"}
    assert len(books.of(Fill)) >= 3


def test_sources_point_at_real_events_and_real_frames(
    books: Bookkeeper, journal: list[AnyEvent], feeds: Records
) -> None:
    frames = {(r.topic, r.partition, r.offset): r for r in feeds if isinstance(r, Stored)}
    kinds = {"book": Book, "other_book": Book, "spot": Spot, "market": Market}
    topics = {
        "book": [FEED_POLYMARKET],
        "book_snapshot": [FEED_POLYMARKET],
        "other_book": [FEED_POLYMARKET],
        "other_book_snapshot": [FEED_POLYMARKET],
        "spot": [FEED_COINBASE],
        "market": [FEED_MARKETS, FEED_POLYMARKET],  # a resolution may come over the socket
    }
    for decision in books.of(Decision):
        assert {"trigger", "market"} <= {source.name for source in decision.sources}
        for source in decision.sources:
            event = journal[source.journal]
            frame = frames[source.topic, source.partition, source.offset]
            assert event.t <= decision.timestamp
            if source.name in kinds:
                assert isinstance(event, kinds[source.name])
            if source.name in topics:
                assert source.topic in topics[source.name]
            if source.name.endswith("book_snapshot"):
                assert b'"event_type":"book"' in frame.value
            assert event.src == (source.topic, source.partition, source.offset)


def test_decisions_carry_spans_that_end_in_their_reason(books: Bookkeeper) -> None:
    for decision in books.of(Decision):
        verdicts = [span.verdict for span in decision.spans]
        if decision.action == "enter":
            assert decision.spans[-1].module == "execution"
            assert set(verdicts) == {Verdict.PASS}
            assert len(decision.spans) >= 10
        elif decision.action == "block":
            assert decision.reason == decision.spans[-1].reason
            assert verdicts.count(Verdict.BLOCK) == 1
            assert verdicts[-1] == Verdict.BLOCK


def shown(journal: list[AnyEvent], seq: int, outcome: str) -> TokenBook:
    book = journal[seq]
    assert isinstance(book, Book)
    token = book.up if outcome == "Up" else book.down
    assert token is not None
    return token


def test_every_fill_was_on_display_in_the_book_it_names(books: Bookkeeper, journal: list[AnyEvent]) -> None:
    taken: dict[tuple[int, str, str, int], int] = {}
    orders = {order.id: order for order in books.of(Order)}
    for fill in books.of(Fill):
        token = shown(journal, fill.book_journal, fill.outcome)
        assert token.ok
        displayed = dict(token.asks if fill.side == "buy" else token.bids)
        at = (fill.book_journal, fill.outcome, fill.side, fill.price)
        taken[at] = taken.get(at, 0) + fill.size
        assert taken[at] <= displayed[fill.price]
        order = orders[fill.order]
        assert fill.price <= order.limit if fill.side == "buy" else fill.price >= order.limit
        assert fill.timestamp == order.due
        assert journal[fill.journal].t > order.due >= token.t
        assert fill.gross * PIP == fill.price * fill.size


def test_settled_money_is_what_the_fills_say(books: Bookkeeper, journal: list[AnyEvent]) -> None:
    cash = round(CHOSEN.portfolio.capital * 1_000_000)
    markets = [event for event in journal if isinstance(event, Market)]
    payouts = {market.key: market.payout_up for market in markets if market.payout_up is not None}
    held: dict[tuple[str, str], int] = {}
    for fill in books.of(Fill):
        sign = 1 if fill.side == "buy" else -1
        cash -= sign * fill.gross + fill.fee
        key = (fill.market_key, fill.outcome)
        held[key] = held.get(key, 0) + sign * fill.size
    for (market, outcome), size in held.items():
        assert size >= 0
        if market in payouts:
            cash += size * (payouts[market] if outcome == "Up" else PIP - payouts[market]) // PIP
    assert books.accounts["cash"] + books.accounts["reserved"] == cash


def test_every_scan_and_every_evaluation_is_counted(books: Bookkeeper) -> None:
    last = books.modules
    for strategy in ("updown_fair_value", "parity"):
        scanned = 0
        for scan in books.records:
            if getattr(scan, "metric_family", None) and scan.strategy == strategy:  # type: ignore[attr-defined]
                scanned += scan.evaluations  # type: ignore[attr-defined]
        counted, judged = 0, 0
        for count in last[f"data_gate.{strategy}"].counts.values():
            counted += count
        for count in last[f"strategy.{strategy}"].counts.values():
            judged += count
        assert 0 <= counted - scanned <= 100
        assert 0 < judged == last[f"data_gate.{strategy}"].counts["pass:ok"]


def test_twice_the_same_journal_is_the_same_books(books: Bookkeeper, journal: list[AnyEvent]) -> None:
    again = traded(journal)
    assert [record.canonical() for record in again.records] == [record.canonical() for record in books.records]


def mutated(feeds: Records, seed: int) -> Records:
    """The recording with frames cut, doubled, lost and stamped anew."""
    dice = random.Random(seed)
    spoilt: Records = []
    for record in feeds:
        if isinstance(record, Lost) or record.topic not in (FEED_POLYMARKET, FEED_COINBASE) or dice.random() > 0.02:
            spoilt.append(record)
            continue
        value = record.value
        match dice.randrange(6):
            case 0:
                spoilt.append(msgspec.structs.replace(record, value=value[: dice.randrange(len(value))]))
            case 1:
                at = dice.randrange(len(value))
                spoilt.append(msgspec.structs.replace(record, value=value[:at] + b"9" + value[at + 1 :]))
            case 2:
                spoilt += [record, record]
            case 3:
                continue
            case 4:
                spoilt.append(msgspec.structs.replace(record, value=value.replace(b'"0.5', b'"0.9', 3)))
            case _:
                spoilt.append(msgspec.structs.replace(record, value=value.replace(b'"size":"', b'"size":"-', 1)))
    return spoilt


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_on_spoilt_input_no_order_rests_on_a_book_or_spot_that_is_not_sound(seed: int, feeds: Records) -> None:
    """The bookkeeper checks the money after every event; here, what each entry rested on."""
    journal = journal_of(mutated(feeds, seed))
    faults = {reason for event in journal for reason in event.checks}
    assert {Reason.CONNECTION_GAP, Reason.DECODE_ERROR} <= faults
    books = traded(journal)
    latest: dict[str, Book] = {}
    spot: Spot | None = None
    entries: dict[int, list[Decision]] = {}
    for decision in books.of(Decision):
        if decision.action == "enter":
            entries.setdefault(decision.journal, []).append(decision)
    for event in journal:
        if isinstance(event, Book):
            latest[event.key] = event
        elif isinstance(event, Spot):
            spot = event
        for decision in entries.get(event.seq, []):
            book = latest[decision.market_key]
            for outcome in ("Up", "Down") if decision.strategy == "parity" else (decision.outcome,):
                token = book.up if outcome == "Up" else book.down
                assert token is not None
                assert token.ok
                assert token.bids[0][0] < token.asks[0][0]
                assert event.t - token.t <= 5 * SECOND
            if decision.strategy == "updown_fair_value":
                assert spot is not None
                assert spot.ok
                assert event.t - spot.t <= 5 * SECOND
    for fill in books.of(Fill):
        assert shown(journal, fill.book_journal, fill.outcome).ok


def test_decisions_do_not_depend_on_how_often_modules_are_reported(books: Bookkeeper, journal: list[AnyEvent]) -> None:
    """Orders, fills and ledger neither; and however rarely they are told, the counts are whole at the end."""
    seldom = traded(journal, CHOSEN.model_copy(update={"telemetry": TelemetrySettings(interval_s=60)}))
    for kind in (Decision, Order, Fill, Posting):
        assert [each.canonical() for each in seldom.of(kind)] == [each.canonical() for each in books.of(kind)]
    assert {name: each.counts for name, each in seldom.modules.items()} == {
        name: each.counts for name, each in books.modules.items()
    }
    told, often = seldom.of(Telemetry), books.of(Telemetry)
    assert len(often) > 30 * len(told)
    assert len(seldom.of(Scan)) < len(books.of(Scan))
    assert all(changed(seldom.of(Scan), market) == changed(books.of(Scan), market) for market in scanned(books))


def scanned(books: Bookkeeper) -> set[tuple[str, str]]:
    return {(each.strategy, each.market_key) for each in books.of(Scan)}


def changed(scans: list[Scan], subject: tuple[str, str]) -> list[tuple[int, str, str]]:
    """The journal event, verdict and reason of each scan of a subject that differs from the one before it."""
    found: list[tuple[int, str, str]] = []
    for scan in scans:
        if (scan.strategy, scan.market_key) == subject:
            said = (scan.verdict, scan.reason)
            if not found or found[-1][1:] != said:
                found.append((scan.journal, *said))
    return found
