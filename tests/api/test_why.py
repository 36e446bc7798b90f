"""`profit why`: the chain from raw frames to PnL, on archives made for it and on a replay of a real recording."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from api.cli.why import why
from api.runs import runs_in
from api.server.chain import Chain, UnknownDecision, chain_of
from api.server.lookup import Lookup
from api.server.places import Places
from connectors.archive.layout import HOUR_NS, ArchiveError
from connectors.archive.reader import ArchiveReader
from connectors.archive.writer import ArchiveWriter
from models.contracts import Decision, Fill, Order, Outcome, Posting, Source, Span
from models.envelope import Envelope
from models.failures import Failure
from models.journal import Book, TokenBook, encode_event
from models.message import Stored
from models.money import cost
from models.reasons import Reason, Verdict
from models.record import Record
from models.topics import DECISIONS, FEED_POLYMARKET, FEEDS, FILLS, JOURNAL, LEDGER, ORDERS, OUTCOMES

ROOT = Path(__file__).parents[2]
T0 = 1_790_000_000_000_000_000 // HOUR_NS * HOUR_NS
MARKET = "btc-updown-5m-1790000100"
DECISION = f"d3-parity-{MARKET}"
MINUTE = 60 * 10**9
EVENTS = 300  # five hours, an event a minute
LONG = 2_500


def frame(number: int) -> bytes:
    return b'{"frame":%d,"pad":"%s"}' % (number, b"x" * (LONG if number == 3 else 0))


def write_feeds(writer: ArchiveWriter) -> None:
    """A frame a minute; its offset is its number."""
    for number in range(EVENTS):
        t = T0 + number * MINUTE
        envelope = Envelope(t, "rec1", number, "pm0", number).encode()
        writer.append(Stored(FEED_POLYMARKET, 0, number, "pm0", frame(number), t, envelope=envelope))


def write_journal(writer: ArchiveWriter) -> None:
    """Event n of frame n, written twice after a crash from 100 on: offsets and ordinals then differ."""
    offset = 0
    for seq in range(EVENTS):
        t, src = T0 + seq * MINUTE, (FEED_POLYMARKET, 0, seq)
        side = TokenBook("up", ((4_000, 10**8),), ((4_500, 10**8),), 100, seq, t, t, src, src, True)
        event = Book(seq, t, src, "BTC", (), MARKET, side, None)
        writer.append(Stored(JOURNAL, 0, offset, "main", encode_event(event), t, "market", seq))
        offset += 30 if seq == 100 else 1


def decision_of(seq: int, action: str, order_ids: list[str]) -> Decision:
    return msgspec.convert(
        {
            "id": f"d{seq}-parity-{MARKET}",
            "journal": seq,
            "timestamp": T0 + seq * MINUTE,
            "portfolio": "main",
            "strategy": "parity",
            "market_key": MARKET,
            "outcome": "Up",
            "action": action,
            "verdict": Verdict.BLOCK if action == "block" else Verdict.PASS,
            "reason": Reason.COOLDOWN if action == "block" else Reason.ENTER,
            "price": 4_500,
            "size": 10_000_000,
            "order_ids": order_ids,
            "spans": [Span(module="gate.spread", verdict=Verdict.PASS, reason=Reason.OK, numbers={"spread": 0.05})],
            "sources": [
                Source(name="trigger", journal=seq, topic=FEED_POLYMARKET, partition=0, offset=seq),
                Source(name="book", journal=seq, topic=FEED_POLYMARKET, partition=0, offset=seq),
                Source(name="book_snapshot", journal=seq, topic=FEED_POLYMARKET, partition=0, offset=1),
            ],
            "configuration": "c0ffee",
            "model": "none",
        },
        Decision,
    )


def order_of(status: str, t: int, filled: int) -> Order:
    return msgspec.convert(
        {
            "id": "main-3-parity-0",
            "decision": DECISION,
            "journal": t,
            "timestamp": T0 + t * MINUTE,
            "strategy": "parity",
            "market_key": MARKET,
            "token": "up",
            "outcome": "Up",
            "side": "buy",
            "kind": "FAK",
            "limit": 4_500,
            "size": 10_000_000,
            "filled": filled,
            "due": T0 + 3 * MINUTE + 1,
            "status": status,
            "reason": Reason.FILLED if filled else Reason.SUBMITTED,
        },
        Order,
    )


def write_trades(writer: ArchiveWriter, settled: bool = True) -> None:
    """Decision 3 buys ten shares at 0.45 on event 4; the market pays 1.00 on event 200. Refusals all along."""
    offsets: Counter[str] = Counter()

    def put(topic: str, key: str, record: Record, seq: int) -> None:
        offset = offsets[topic]
        offsets[topic] += 1
        writer.append(Stored(topic, 0, offset, key, record.canonical(), T0 + seq * MINUTE, "trading", offset))

    def post(number: int, seq: int, kind: str, ref: str, **legs: int) -> None:
        for leg, (account, amount) in enumerate(legs.items()):
            name = account.replace("__", ":") + (f":{MARKET}:Up" if account.startswith("position") else "")
            row = {"id": f"t{number}.{leg}", "transaction": f"t{number}", "journal": seq, "ref": ref, "amount": amount}
            row |= {"timestamp": T0 + seq * MINUTE, "kind": kind, "account": name}
            put(LEDGER, name, msgspec.convert(row, Posting), seq)

    spent = cost(4_500, 10_000_000)
    for seq in range(EVENTS):
        if seq == 3:
            put(DECISIONS, MARKET, decision_of(3, "enter", ["main-3-parity-0"]), 3)
            put(ORDERS, "main-3-parity-0", order_of("submitted", 3, 0), 3)
            post(1, 3, "reserve", "main-3-parity-0", reserved=spent, cash=-spent)
            post(2, 3, "reserve", "another order", reserved=5, cash=-5)
        elif seq == 4:
            fill = {"id": "main-3-parity-0.0", "order": "main-3-parity-0", "decision": DECISION, "journal": 4}
            fill |= {"book_journal": 2, "timestamp": T0 + 3 * MINUTE + 1, "strategy": "parity", "market_key": MARKET}
            fill |= {"outcome": "Up", "side": "buy", "price": 4_500, "size": 10_000_000, "gross": spent, "fee": 0}
            put(FILLS, "main-3-parity-0", msgspec.convert(fill, Fill), 4)
            post(3, 4, "buy", "main-3-parity-0.0", reserved=-spent, position__parity=spent)
            put(ORDERS, "main-3-parity-0", order_of("filled", 4, 10_000_000), 4)
        elif seq == 200 and settled:
            post(4, 200, "settle", MARKET, cash=10_000_000, position__parity=-spent, pnl__parity=spent - 10_000_000)
            outcome = {"id": "o200", "journal": 200, "timestamp": T0 + 200 * MINUTE, "market_key": MARKET}
            outcome |= {"payout_up": 10_000, "payout_down": 0, "source": "gamma", "pnl": {"parity": 10_000_000 - spent}}
            put(OUTCOMES, MARKET, msgspec.convert(outcome, Outcome), 200)
        else:
            put(DECISIONS, MARKET, decision_of(seq, "block", []), seq)


@pytest.fixture
def live(tmp_path: Path) -> Path:
    """A live run: its own archive has everything."""
    with ArchiveWriter(tmp_path / "runs" / "live" / "archive") as writer:
        write_feeds(writer)
        write_journal(writer)
        write_trades(writer)
    return tmp_path / "runs" / "live"


@pytest.fixture
def replayed(tmp_path: Path) -> Path:
    """A replay of a replay from the journal: trades here, the journal in the run it read, the feeds in a recording."""
    recording, first, second = tmp_path / "recording", tmp_path / "runs" / "first", tmp_path / "runs" / "second"
    for folder, write in (
        (recording, write_feeds),
        (first / "archive", write_journal),
        (second / "archive", write_trades),
    ):
        with ArchiveWriter(folder) as writer:
            write(writer)
    (first / "plan.json").write_text(json.dumps({"archive": str(recording), "start": "feeds"}))
    (second / "plan.json").write_text(json.dumps({"archive": str(first / "archive"), "start": "journal"}))
    return second


@pytest.mark.parametrize("run", ["live", "replayed"])
def test_the_chain_is_whole(run: str, request: pytest.FixtureRequest) -> None:
    chain = chain_of(Places(request.getfixturevalue(run)), DECISION)
    assert {(f.topic, f.offset): f.roles for f in chain.frames} == {
        (FEED_POLYMARKET, 1): ["book_snapshot"],
        (FEED_POLYMARKET, 2): ["book of the fill"],
        (FEED_POLYMARKET, 3): ["trigger", "book"],
        (FEED_POLYMARKET, 4): ["execution"],
    }
    snapshot, _, trigger, _ = chain.frames
    assert (snapshot.connection, snapshot.number, snapshot.received_ns) == ("pm0", 1, T0 + MINUTE)
    assert (snapshot.frame, snapshot.shortened, snapshot.size) == (frame(1).decode(), False, len(frame(1)))
    assert (len(trigger.frame or ""), trigger.shortened, trigger.size) == (2_000, True, len(frame(3)))
    assert [(e.seq, e.event and e.event["seq"]) for e in chain.journal] == [(2, 2), (3, 3), (4, 4)]
    assert [s.module for s in chain.decision.spans] == ["gate.spread"]
    assert [o.status for o in chain.orders] == ["submitted", "filled"]
    assert [f.id for f in chain.fills] == ["main-3-parity-0.0"]
    assert sorted({p.transaction for p in chain.postings}) == ["t1", "t3", "t4"]
    assert sum(p.amount for p in chain.postings) == 0
    assert chain.outcome is not None
    assert chain.realised == 5_500_000
    assert chain.position is not None and (chain.position.state, chain.position.net_usd) == ("settled", 5.5)
    assert chain.notes == []


def test_a_refusal_has_no_orders_and_its_events_are_found_by_number_not_by_offset(live: Path) -> None:
    chain = chain_of(Places(live), f"d150-parity-{MARKET}")
    assert (chain.orders, chain.fills, chain.postings) == ([], [], [])
    (event,) = chain.journal
    assert event.event is not None
    assert (event.seq, event.event["seq"], event.offset) == (150, 150, 179)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "archive") as writer:
        write_trades(writer, settled=False)
    chain = chain_of(Places(tmp_path), DECISION)
    assert all(f.missing for f in chain.frames)
    assert all(e.event is None for e in chain.journal)
    assert (chain.outcome, chain.realised) == (None, None)
    assert len(chain.notes) == 3


@pytest.mark.parametrize("name", ["main-3-parity-0", "main-3-parity-0.0"], ids=["an order", "a fill"])
def test_an_order_and_a_fill_lead_to_their_decision(name: str, live: Path, tmp_path: Path) -> None:
    assert chain_of(Places(live), name) == chain_of(Places(live), DECISION)
    done = profit(tmp_path, "why", name)
    assert done.stdout.startswith(f"{name} came of the decision {DECISION}:\nWhy {DECISION}"), done.stderr


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_id_is_refused_with_what_to_give(name: str, tmp_path: Path) -> None:
    done = profit(tmp_path, "why", name)
    assert done.returncode == 1 and done.stdout == ""
    assert "The id is empty" in done.stderr and "profit sql" in done.stderr


def test_an_unknown_id_names_the_near_ones(live: Path) -> None:
    with pytest.raises(UnknownDecision) as caught:
        chain_of(Places(live), "d120-updown_fair_value-nothing")
    assert f"d120-parity-{MARKET}" in caught.value.cure
    with pytest.raises(UnknownDecision) as caught:
        chain_of(Places(live), "rubbish")
    assert f"d299-parity-{MARKET}" in caught.value.cure
    assert "profit sql" in caught.value.cure


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no archive"):
        Places(tmp_path)


def test_a_plan_that_leads_in_a_circle_ends(tmp_path: Path) -> None:
    with ArchiveWriter(tmp_path / "archive") as writer:
        write_trades(writer)
    (tmp_path / "plan.json").write_text(json.dumps({"archive": str(tmp_path / "archive")}))
    assert len(Places(tmp_path).archives) == 1


def test_a_look_up_reads_the_one_file_that_has_the_record(live: Path) -> None:
    lookup = Lookup(live / "archive")
    for topic in (FEED_POLYMARKET, JOURNAL):
        pieces = sorted((live / "archive" / f"topic={topic}").glob("hour=*/*.parquet"))
        assert len(pieces) >= 5
        for piece in pieces:
            if piece != pieces[2]:
                spoil_rows(piece)
    stored = lookup.at(FEED_POLYMARKET, 150)
    assert stored is not None
    assert stored.value == frame(150)
    numbered = lookup.numbered(JOURNAL, "market", 150)
    assert numbered is not None
    assert json.loads(numbered.value)["seq"] == 150
    assert lookup.at(FEED_POLYMARKET, EVENTS) is None
    assert lookup.numbered(JOURNAL, "market", EVENTS) is None
    assert lookup.numbered(JOURNAL, "nobody", 1) is None
    with pytest.raises(ArchiveError, match="cannot be read"):
        lookup.at(FEED_POLYMARKET, 10)  # in one of the spoilt files: they cannot be read


def spoil_rows(piece: Path) -> None:
    """Overwrite everything but the footer, so that reading a row fails and reading the footer does not."""
    raw = piece.read_bytes()
    footer = int.from_bytes(raw[-8:-4], "little") + 8
    piece.write_bytes(b"PAR1" + b"\xff" * (len(raw) - footer - 4) + raw[-footer:])


def profit(folder: Path, *words: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "PROFIT_DATA_DIR": str(folder)}
    command = [sys.executable, "-m", "api.cli.main", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=timeout)


def test_the_command_prints_the_chain_uncut(tmp_path: Path, live: Path) -> None:
    done = profit(tmp_path, "why", DECISION)
    assert done.returncode == 0, done.stderr
    titles = ["Raw frames", "Journal events", "Spans", "Decision", "Orders and fills", "Ledger postings", "Outcome"]
    assert [line[3:] for line in done.stdout.splitlines() if line[:1].isdigit()] == titles
    assert f"position:parity:{MARKET}:Up" in done.stdout
    assert "closed PnL of parity in this market, less all fees: $ 5.500000" in done.stdout
    as_json = profit(tmp_path, "why", DECISION, "--run", "live", "--json")
    assert Chain.model_validate_json(as_json.stdout) == chain_of(Places(live), DECISION)


def test_the_newest_run_that_has_the_decision_is_taken(tmp_path: Path, live: Path) -> None:
    with ArchiveWriter(tmp_path / "runs" / "newer" / "archive") as writer:
        write_journal(writer)
    os.utime(tmp_path / "runs" / "live" / "archive", (1, 1))
    assert [run.name for run in runs_in(tmp_path)] == ["newer", "live"]
    done = profit(tmp_path, "why", DECISION, "--json")
    assert json.loads(done.stdout)["run"] == "live"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"run": "live"}, "the run live has no decision, order or fill d5-none"),
        ({}, "the run live has no decision, order or fill d5-none"),
        ({"run": "absent"}, "there is no run absent"),
        ({"run_dir": Path("absent")}, "absent is no run"),
        ({"run": "live", "run_dir": Path("live")}, "both given"),
    ],
)
def test_wrong_usage_has_a_cause(
    tmp_path: Path, live: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], expected: str
) -> None:
    monkeypatch.setenv("PROFIT_DATA_DIR", str(tmp_path))
    with pytest.raises(Failure, match=expected) as caught:
        why("d5-none", **({"run": "", "run_dir": None, "as_json": False, "config": None} | given))
    assert caught.value.cure


def test_a_folder_without_runs_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROFIT_DATA_DIR", str(tmp_path))
    with pytest.raises(Failure, match="holds no run"):
        why("d5-none", run="", run_dir=None, as_json=False, config=None)


def test_the_command_explains_without_a_traceback(tmp_path: Path, live: Path) -> None:
    done = profit(tmp_path, "why", "d5-none")
    assert done.returncode == 1
    assert "has no decision, order or fill d5-none" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_decision_of_a_real_replay_has_its_whole_chain(
    tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFIT_FAIR_VALUE_STRIKE_MAX_GAP_S", "60")  # the recording has one spot price a minute
    monkeypatch.setenv("PROFIT_FAIR_VALUE_TAKE_PROFIT", "1")  # so that something is held to its settlement
    source = recordings / "polymarket_hourly_minute" / "btc.parquet"
    pl.read_parquet(source).slice(201, 110).write_parquet(tmp_path / "btc.parquet")
    done = profit(tmp_path, "import", "hourly-minute", str(tmp_path / "btc.parquet"), "--archive", "recording")
    assert done.returncode == 0, done.stderr
    done = profit(tmp_path, "replay", "recording", "--run", "r")
    assert done.returncode == 0, done.stderr
    places = Places(tmp_path / "runs" / "r")
    reader = ArchiveReader(places.own.directory)
    decisions = [Decision.read(record.value) for record in reader.read(DECISIONS)]
    acted = [each for each in decisions if each.action != "block"]
    assert {each.action for each in acted} >= {"enter", "settle"}
    reported: set[str] = set()
    for decision in [*acted, *[each for each in decisions if each.action == "block"][:5]]:
        chain = chain_of(places, decision.id)
        assert chain.decision == decision
        assert [f.missing for f in chain.frames if f.missing] == []
        assert all(e.event is not None for e in chain.journal)
        assert {f.topic for f in chain.frames} <= set(FEEDS)
        assert {o.id for o in chain.orders} == set(decision.order_ids)
        amounts: Counter[str] = Counter()
        for posting in chain.postings:
            amounts[posting.transaction] += posting.amount
        assert set(amounts.values()) <= {0}
        reported.update(p.id for p in chain.postings)
    postings = [Posting.read(record.value) for record in reader.read(LEDGER)]
    assert reported == {p.id for p in postings if p.kind != "capital"}
    shutil.rmtree(tmp_path / "recording")
    chain = chain_of(places, acted[0].id)
    assert all(f.missing for f in chain.frames)
