"""The harness itself: what it records is what a recorder would have, and its truth is true."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator

import pytest

from connectors.clock import NS
from connectors.simulator.faults.draw import random_timeline
from connectors.simulator.faults.timeline import Timeline, make_fault
from flows.market_line.findings import Finding
from flows.market_line.line import MarketLine
from models.bounds import bounds_of
from models.envelope import decode_envelope
from models.journal import Book, decode_event
from models.markers import Marker, Notice, decode_own
from models.message import Message, Stored
from models.money import PIP
from models.reasons import Reason
from models.settings import Checks, Feeds
from models.topics import FEED_COINBASE, FEED_POLYMARKET, FEEDS, JOURNAL
from tests.faults.harness import QUICK, Played, play


def one(kind: str, **keys: object) -> Timeline:
    return Timeline(seed=1, fault=(make_fault(kind=kind, **{"at_s": 20.1, **keys}),))


def frames(played: Played, topic: str) -> list[bytes]:
    return [record.value for record in played.of_topic(topic) if not record.value.startswith(b'{"profit":')]


def findings(played: Played) -> list[Finding]:
    line = MarketLine(bounds_of(Checks()), "main")
    return [out for record in played.records for out in line.advance(record) if isinstance(out, Finding)]


def books(played: Played) -> Iterator[Book]:
    line = MarketLine(bounds_of(Checks()), "main")
    for record in played.records:
        for out in line.advance(record):
            if isinstance(out, Message) and out.topic == JOURNAL and isinstance(event := decode_event(out.value), Book):
                yield event


@pytest.fixture(scope="module")
def quiet() -> Played:
    return play(seconds=40)


def test_records_are_numbered_as_a_recorder_numbers_them(quiet: Played) -> None:
    envelopes = [decode_envelope(record.envelope) for record in quiet.records]
    assert [envelope.seq for envelope in envelopes] == list(range(len(envelopes)))
    assert all(a.recv_ns <= b.recv_ns for a, b in itertools.pairwise(envelopes))
    following: Counter[str] = Counter()
    for envelope in envelopes:
        assert envelope.n == following[envelope.conn]
        following[envelope.conn] += 1
    for topic in FEEDS:
        own = [decode_own(record.value) for record in quiet.of_topic(topic)]
        assert [i for i, record in enumerate(own) if isinstance(record, Marker)] == [0, len(own) - 1]


def test_without_faults_nothing_is_found_and_the_books_are_true(quiet: Played) -> None:
    assert findings(quiet) == []
    assert quiet.injected == []
    last: dict[tuple[str, int], tuple[int, int]] = {}  # within one grid step a book may change more than once
    for event in books(quiet):
        for view in (event.up, event.down):
            if view is None or not view.ok or view.seq != event.seq:
                continue
            last[view.token, view.x] = (view.bids[0][0], view.asks[0][0])
    assert len(last) > 100
    for (token, x), shown in last.items():
        best = quiet.truth.best(token, x)
        assert best is not None
        assert shown == (best.bid, best.ask)


def test_true_best_prices_are_those_of_the_core_at_every_step() -> None:
    played = play(seconds=20)
    for market in played.core.markets.values():
        bid, ask = market.ladder.best_bid, market.ladder.best_ask
        up, down = (played.truth.best(token, played.core.now_ns) for token in market.tokens)
        assert up is not None and down is not None
        assert (up.bid, up.ask) == (bid, ask)
        assert (down.bid, down.ask) == (None if ask is None else PIP - ask, None if bid is None else PIP - bid)
        assert up.since_ns <= played.core.now_ns
        assert played.truth.best(market.tokens[0], up.since_ns - 1) != up
    assert played.truth.best("unknown", played.core.now_ns) is None


@pytest.mark.parametrize("seed", range(12))
def test_every_frame_is_accounted_for_and_runs_repeat(seed: int) -> None:
    timeline = random_timeline(seed, 35)
    played = play(timeline, 40, seed=seed)
    received = len(frames(played, FEED_POLYMARKET)) + len(frames(played, FEED_COINBASE))
    assert played.truth.sent() == received + sum(played.unread.values())
    by_session = Counter(reception.session for reception in played.receptions)
    for session in played.truth.sessions:
        assert session.sent == by_session[session.id] + played.unread.get(session.id, 0)
    again = play(timeline, 40, seed=seed)
    assert again.records == played.records
    assert again.injected == played.injected


def test_a_timeline_of_nothing_changes_no_byte(quiet: Played) -> None:
    assert play(Timeline(seed=3), 40).records == quiet.records
    late = one("lost", venue="polymarket", at_s=1000)
    assert play(late, 40).records == quiet.records


VENUES = ("polymarket", "coinbase")
SURE = [
    ("lost", {"venue": "coinbase", "count": 1}),
    ("duplicated", {"venue": "coinbase", "count": 1}),
    ("reordered", {"venue": "coinbase", "count": 1}),
    ("delayed", {"venue": "polymarket", "for_s": 1, "delay_s": 7}),
    ("sequence_gap", {"skip": 5}),
    ("crossed_book", {}),
    ("locked_book", {"outcome": "down"}),
    ("one_sided_book", {"side": "asks"}),
    ("off_tick", {}),
    ("parity_torn", {}),
    ("wrong_hash", {}),
    *((kind, {"venue": venue, "count": 1}) for kind in ("malformed", "truncated") for venue in VENUES),
    *((kind, {"venue": venue}) for kind in ("unknown_frame", "disconnect") for venue in VENUES),
    ("oversized", {"venue": "polymarket"}),
    ("slow_consumer", {"venue": "coinbase"}),
    ("refused", {"venue": "polymarket"}),
    ("as_numbers", {"venue": "polymarket", "count": 1}),
    ("as_strings", {"count": 1}),
    ("empty_string", {"venue": "polymarket", "count": 1}),
    ("missing_field", {"venue": "coinbase", "count": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "keys"), SURE)
def test_what_must_be_found_is_found_when_its_evidence_comes(kind: str, keys: dict[str, object]) -> None:
    played = play(one(kind, **keys), 40)
    strokes = [stroke for stroke in played.injected if stroke.detectable]
    assert strokes, played.injected
    assert {stroke.kind for stroke in strokes} == {kind}
    found = findings(played)
    for stroke in strokes:
        assert stroke.shown_ns is not None
        times = [finding.t - stroke.shown_ns for finding in found if finding.reason in stroke.reasons]
        assert any(0 <= late <= NS // 4 for late in times), (stroke, times[:5])
    assert all(finding.t >= strokes[0].t_ns for finding in found)


@pytest.mark.parametrize("gap", ("sequence_gap", "lost"))
@pytest.mark.parametrize("other", ("delayed", "reordered", "duplicated", "lost"))
def test_the_evidence_of_a_gap_is_the_first_frame_whose_number_shows_it(gap: str, other: str) -> None:
    """Also where older frames are held back and come before it, or where the numbered frame itself is lost."""
    companion = {"venue": "coinbase", "at_s": 5.0, "for_s": 20.0, "probability": 0.9 if other == "delayed" else 0.4}
    faults = [make_fault(kind=other, **companion, **({"delay_s": 0.8} if other == "delayed" else {}))]
    faults += [make_fault(kind=gap, venue="coinbase", at_s=at, count=1) for at in (9.1, 12.3, 16.7)]
    played = play(Timeline(seed=4, fault=tuple(faults)), 40)
    numbers: dict[str, list[int]] = {}
    for reception in played.receptions:
        if reception.session.startswith("coinbase"):
            numbers.setdefault(reception.session, []).append(
                json.loads(played.records[reception.seq].value)["sequence_num"]
            )
    shown = [
        stroke
        for stroke in played.injected
        if stroke.kind == gap and stroke.frame >= 0 and stroke.frame < len(numbers[stroke.session])
    ]
    assert shown
    for stroke in shown:
        before = numbers[stroke.session][: stroke.frame]
        assert numbers[stroke.session][stroke.frame] > max(before, default=-1) + 1, stroke


def test_a_book_shown_wrongly_is_wrong_in_that_alone_and_put_right_at_the_end() -> None:
    for kind, reason in (("crossed_book", Reason.CROSSED_BOOK), ("locked_book", Reason.LOCKED_BOOK)):
        played = play(one(kind, for_s=5), 40)
        found = findings(played)
        assert {finding.reason for finding in found} == {reason}
        (stroke,) = played.injected
        assert stroke.ends_ns is not None
        assert max(finding.t for finding in found) < stroke.ends_ns + NS // 4
        assert all(view.ok for event in books(played) if event.t > stroke.ends_ns + NS for view in (event.up,) if view)


def test_a_frozen_feed_is_given_up_and_comes_back_with_snapshots() -> None:
    played = play(one("frozen", venue="polymarket", for_s=20), 60)
    notices = [decode_own(record.value) for record in played.of_topic(FEED_POLYMARKET)]
    ended = [each for each in notices if isinstance(each, Notice) and each.state == "disconnected"]
    assert len(ended) == 1 and "no data" in ended[0].why
    (stroke, *_) = played.injected
    assert stroke.frames > 100
    assert {Reason.STALE_FEED, Reason.DISCONNECTED} <= {finding.reason for finding in findings(played)}


def test_refused_doors_come_back() -> None:
    played = play(one("refused", venue="coinbase", for_s=6), 50)
    own = [decode_own(record.value) for record in played.of_topic(FEED_COINBASE)]
    states = [each.state for each in own if isinstance(each, Notice)]
    assert states[:4] == ["connecting", "connected", "subscribed", "disconnected"]
    assert "refused" in states and states[-1] == "subscribed"
    assert frames(played, FEED_COINBASE)[-1]


def test_a_venue_refuses_twice() -> None:
    both = Timeline(fault=tuple(make_fault(kind="refused", venue="polymarket", at_s=at, for_s=3) for at in (10, 30)))
    played = play(both, 50)
    notices = [decode_own(record.value) for record in played.of_topic(FEED_POLYMARKET)]
    ended = [each for each in notices if isinstance(each, Notice) and each.state == "disconnected"]
    assert len(ended) == 2
    assert [session.why for session in played.truth.sessions if session.venue == "polymarket"] == ["refused"] * 2 + [""]


def test_markets_resolve_as_decreed() -> None:
    def bodies(kind: str) -> list[dict[str, object]]:
        found = play(one(kind, at_s=0, by_s=12), 310)
        return [json.loads(record.value) for record in found.of_topic("feed.markets") if b'"slug"' in record.value]

    half = [body for body in bodies("resolves_half") if body["closed"]]
    assert [body["outcomePrices"] for body in half] == ['["0.5", "0.5"]']
    assert not any(body["closed"] for body in bodies("resolves_never"))
    twice = play(one("resolves_twice", at_s=0, by_s=12), 310)
    assert Reason.RESOLUTION_CONFLICT in {finding.reason for finding in findings(twice)}


def test_http_status_is_reported_once_and_obeyed() -> None:
    played = play(one("http_status", at_s=0, for_s=3, retry_after_s=1.5), 20)
    own = [decode_own(record.value) for record in played.of_topic("feed.markets")]
    assert [each.state for each in own if isinstance(each, Notice)] == ["refused", "connected"]
    assert played.truth.by_kind["http_status"] == 2  # at 0 s and at 1.5 s, one market each, the others waited
    assert any(
        isinstance(record, Stored) and b"btc-updown" in record.value for record in played.of_topic("feed.markets")
    )


def guarded(timeline: Timeline, seconds: float = 40) -> Played:
    feeds = Feeds(assets=list(QUICK.assets), horizons=list(QUICK.horizons), cross_check_s=2.0)
    return play(timeline, seconds, feeds=feeds, checks=Checks())


def rest_answers(played: Played) -> list[bytes]:
    return [each.value for each in played.of_topic(FEED_POLYMARKET) if b".rest0 " in each.envelope]


def test_a_guard_compares_with_rest_and_finds_nothing_where_nothing_is_wrong() -> None:
    played = guarded(Timeline())
    assert len(rest_answers(played)) == played.asked > 10
    assert findings(played) == []
    assert guarded(Timeline()).records == played.records


def test_a_rest_that_shows_old_books_blames_nobody() -> None:
    played = guarded(one("rest_stale", at_s=5, for_s=30))
    stale = [json.loads(answer)["timestamp"] for answer in rest_answers(played)]
    assert len(stale) - len(set(stale)) > 5, "no old book was shown again"
    assert played.truth.by_kind["rest_stale"] > 0
    assert findings(played) == []


def test_a_frozen_token_is_subscribed_to_anew_and_then_the_connection_given_up() -> None:
    played = guarded(one("token_frozen", at_s=10, for_s=25))
    own = [decode_own(record.value) for record in played.of_topic(FEED_POLYMARKET)]
    states = [each.state for each in own if isinstance(each, Notice)]
    assert states.count("frozen") >= 3 and "disconnected" in states
    assert Reason.FROZEN_BOOK in {finding.reason for finding in findings(played)}
