"""An archive may be added to: other feeds are merged by time, the same ones refused; the order of imports is
nothing."""

from __future__ import annotations

import json
from itertools import pairwise, permutations
from pathlib import Path

import pytest

from connectors.imports.importing import import_recording
from connectors.imports.summary import ImportFailure, ImportSummary
from connectors.imports.table.contract import parse_map
from connectors.simulator.exchange import ExchangeParameters
from models.envelope import decode_envelope
from models.topics import FEED_COINBASE, FEEDS
from tests.connectors.imports.reading_back import books, gammas, payouts, records, said, spots
from tests.connectors.imports.test_table import MAP, ROWS, SLUG, csv_text, rows_of, write
from tests.recordings import simulate

PARTS = {
    "quotes": MAP[: MAP.index("[spot]")],
    "spot": 'time = "when"\n[spot]\nprice = "spot"\nasset = { value = "BTC" }',
    "strike": 'time = "when"\nmarket.slug = "slug"\nstrike.price = "strike"',
}


def bring(folder: Path, archive: Path, text: str) -> ImportSummary:
    return import_recording("table", [folder / "a.csv"], archive, table=parse_map(text))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a.csv", csv_text(ROWS))
    return tmp_path


def assert_one_recorder_run(archive: Path) -> None:
    found = [record for topic in FEEDS for record in records(archive, topic)]
    envelopes = sorted((decode_envelope(record.envelope) for record in found), key=lambda each: each.seq)
    assert [each.seq for each in envelopes] == list(range(len(envelopes)))
    assert len({each.run for each in envelopes}) == 1
    assert all(a.recv_ns <= b.recv_ns for a, b in pairwise(envelopes))


@pytest.mark.parametrize("order", list(permutations(PARTS)), ids="-".join)
def test_feeds_imported_one_by_one_say_what_they_say_together(folder: Path, order: tuple[str, ...]) -> None:
    bring(folder, folder / "whole", MAP)
    for part in order:
        summary = bring(folder, folder / "parts", PARTS[part])
    assert_one_recorder_run(folder / "parts")
    assert spots(folder / "parts") == spots(folder / "whole")
    assert [m for m in books(folder / "parts") if m.bids] == [m for m in books(folder / "whole") if m.bids]
    assert payouts(folder / "parts") == payouts(folder / "whole")
    assert {json.dumps(market.get("events")) for market in gammas(folder / "parts")} == {
        json.dumps(market.get("events")) for market in gammas(folder / "whole")
    }
    assert summary.run.startswith("import-")
    assert not [each for each in folder.iterdir() if each.name.startswith(".")]


def test_the_order_of_two_imports_is_nothing(folder: Path) -> None:
    for one, other, name in (("quotes", "spot", "a"), ("spot", "quotes", "b")):
        bring(folder, folder / name, PARTS[one])
        bring(folder, folder / name, PARTS[other])
    assert said(folder / "a") == said(folder / "b")
    assert [records(folder / "a", topic) for topic in FEEDS] == [records(folder / "b", topic) for topic in FEEDS]


@pytest.mark.parametrize("part", list(PARTS))
def test_what_the_archive_has_is_refused_and_stands(folder: Path, part: str) -> None:
    bring(folder, folder / "archive", MAP)
    before = said(folder / "archive")
    with pytest.raises(ImportFailure, match="already"):
        bring(folder, folder / "archive", PARTS[part])
    assert said(folder / "archive") == before
    assert sorted(each.name for each in folder.iterdir()) == ["a.csv", "archive"]


def test_other_times_and_markets_of_the_same_feed_are_added(folder: Path, tmp_path: Path) -> None:
    bring(folder, folder / "archive", MAP)
    for number, (shift, slug) in enumerate(
        ((0, SLUG.replace("btc", "eth")), (3_600, SLUG.replace("7939300", "7942900")))
    ):
        write(folder / "more" / str(number) / "a.csv", csv_text(rows_of(20, 1_767_939_300 + shift, slug)))
        bring(folder / "more" / str(number), folder / "archive", MAP)
    assert_one_recorder_run(folder / "archive")
    assert len(spots(folder / "archive")) == 80
    sequences: dict[str, list[int]] = {}
    for record in records(folder / "archive", FEED_COINBASE):
        if b"sequence_num" in record.value:
            sequences.setdefault(decode_envelope(record.envelope).conn, []).append(
                json.loads(record.value)["sequence_num"]
            )
    assert all(numbers == list(range(len(numbers))) for numbers in sequences.values()) and len(sequences) == 3


def test_a_recorded_outcome_replaces_one_that_was_derived(folder: Path) -> None:
    write(folder / "a.csv", csv_text(rows_of(50)))  # spot ends above the strike
    bring(folder, folder / "archive", MAP)
    assert payouts(folder / "archive") == {SLUG: ["1", "0"]}
    write(folder / "a.csv", f"slug,result\n{SLUG},Down\n")
    bring(folder, folder / "archive", 'market.slug = "slug"\noutcome.winner = "result"')
    closed = [market for market in gammas(folder / "archive") if market["closed"]]
    assert [json.loads(market["outcomePrices"]) for market in closed] == [["0", "1"]]
    assert "_derived" not in closed[0]


def test_a_list_of_many_markets_adds_those_of_the_recording(folder: Path) -> None:
    bring(folder, folder / "archive", PARTS["quotes"])
    many = "".join(f"btc-updown-15m-{1_767_939_300 + n * 900},Up\n" for n in range(-50, 50))
    write(folder / "a.csv", "slug,result\n" + many)
    summary = bring(folder, folder / "archive", 'market.slug = "slug"\noutcome.winner = "result"')
    assert payouts(folder / "archive") == {SLUG: ["1", "0"]}
    assert summary.counts["markets_outside_the_recording"] == 99


def test_only_archives_of_imports_are_added_to(folder: Path) -> None:
    simulate(folder / "archive", 5, ExchangeParameters())
    with pytest.raises(ImportFailure, match="no import made"):
        bring(folder, folder / "archive", MAP)
    (folder / "other").mkdir()
    write(folder / "other" / "notes.txt", "mine")
    with pytest.raises(ImportFailure, match="no archive"):
        bring(folder, folder / "other", MAP)


def test_two_hours_that_share_a_slug_keep_their_own_ids_and_outcomes(tmp_path: Path) -> None:
    """The 1 AM that is there twice: the ids of the second were written over those of the first."""
    quotes = "t,name,bid,ask,up\n" + "".join(
        f"2025-11-02T0{hour}:30:0{n}Z,{NAME_OF_BOTH},0.4,0.5,{hour}7\n" for hour in (5, 6) for n in range(3)
    )
    text = 'time = "t"\nmarket = { question = "name", up_token = "up" }\nup = { bid = "bid", ask = "ask" }'
    write(tmp_path / "q.csv", quotes)
    import_recording("table", [tmp_path / "q.csv"], tmp_path / "archive", table=parse_map(text))
    spot = "".join(f"2025-11-02T0{hour}:{minute}:00Z,{price}\n" for hour, minute, price in SPOT_OF_BOTH)
    write(tmp_path / "s.csv", "t,p\n" + spot)
    asked = 'time = "t"\nspot = { price = "p", asset = { value = "BTC" } }'
    import_recording("table", [tmp_path / "s.csv"], tmp_path / "archive", table=parse_map(asked))
    said_of = {
        (market["eventStartTime"][11:13], json.loads(market["clobTokenIds"])[0])
        for market in gammas(tmp_path / "archive")
    }
    assert said_of == {("05", "57"), ("06", "67")}
    paid = {
        market["eventStartTime"][11:13]: market["outcomePrices"]
        for market in gammas(tmp_path / "archive")
        if market["closed"]
    }
    assert {hour: json.loads(prices) for hour, prices in paid.items()} == {"05": ["1", "0"], "06": ["0", "1"]}


NAME_OF_BOTH = '"Bitcoin Up or Down - November 2, 1AM ET"'
SPOT_OF_BOTH = ((5, "00", 100), (5, "59", 110), (6, "00", 110), (6, "30", 105), (6, "59", 101), (7, "00", 101))
