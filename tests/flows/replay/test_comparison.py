"""A run against its replay: alike, or different at a place that is told with its inputs and its money."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from connectors.archive.reader import ArchiveReader
from flows.replay.again import ASIDE, compare_again
from flows.replay.prefix import prefix_of
from flows.report.round_trips import round_trips
from models.contracts import Decision, Fill, Outcome
from models.failures import Failure
from models.journal import decode_event
from models.message import Stored
from models.topics import DECISIONS, FEED_POLYMARKET, FEEDS, FILLS, JOURNAL, LEDGER, OUTCOMES
from tests.flows.replay.recorded_run import altered, copy

pytestmark = pytest.mark.takes(20)


def test_a_run_and_its_replay_are_alike_to_the_micro_dollar(made: Path) -> None:
    result = compare_again(made / "archive", running=False)
    decisions = ArchiveReader(made / "archive").count(DECISIONS)
    assert result.identical and result.first is None and result.journal == -1
    assert result.identical_decisions == result.decisions == decisions > 50
    assert result.trades == [] and result.round_trips > 5
    closed, standing = trips(made / "archive")
    assert result.live_net == result.replay_net == sum(each.net for each in (*closed, *standing)) != 0
    assert list(made.glob(f"{ASIDE}*")) == []


def trips(archive: Path) -> tuple[list, list]:  # type: ignore[type-arg]
    reader = ArchiveReader(archive)
    fills = [Fill.read(each.value) for each in reader.read(FILLS)]
    return round_trips(fills, [Outcome.read(each.value) for each in reader.read(OUTCOMES)])


def test_a_fill_at_another_price_is_found_and_its_money_named(made: Path, tmp_path: Path) -> None:
    third = [Fill.read(each.value) for each in ArchiveReader(made / "archive").read(FILLS)][2]
    dearer = msgspec.structs.replace(third, gross=third.gross + (1_230 if third.side == "buy" else -1_230))

    def change(record: Stored) -> Stored:
        is_it = record.topic == FILLS and Fill.read(record.value).id == third.id
        return msgspec.structs.replace(record, value=dearer.canonical()) if is_it else record

    result = compare_again(altered(made, tmp_path, change), running=False)
    assert not result.identical and result.identical_decisions == result.decisions
    assert result.first is not None and result.first.where.topic == FILLS
    assert (result.first.journal, result.first.decision) == (third.journal, third.decision)
    assert [each.field for each in result.first.where.differences] == ["gross"]
    assert result.first.inputs == [] and decode_event(result.first.recorded_event.encode()).seq == third.journal
    (trade,) = result.trades
    assert (trade.strategy, trade.market, trade.outcome) == (third.strategy, third.market_key, third.outcome)
    assert trade.difference == 1_230 == result.replay_net - result.live_net


def test_another_decision_is_told_with_the_spans_that_differ(made: Path, tmp_path: Path) -> None:
    def change(record: Stored) -> Stored:
        if record.topic != DECISIONS or record.offset != 7:
            return record
        decision = Decision.read(record.value)
        spans = [msgspec.structs.replace(decision.spans[0], numbers={"spoilt": 1}), *decision.spans[1:]]
        return msgspec.structs.replace(record, value=msgspec.structs.replace(decision, spans=spans).canonical())

    result = compare_again(altered(made, tmp_path, change), running=False)
    assert result.identical_decisions == result.decisions - 1
    assert result.first is not None and result.first.where.offset == 7
    (span,) = result.first.spans
    assert "spoilt" in span.recorded and "spoilt" not in span.replayed
    assert result.trades == []


def test_of_a_running_run_the_longest_whole_prefix_is_compared(made: Path, tmp_path: Path) -> None:
    """Its archive ends elsewhere in each topic; what is not there yet is no difference, and nothing beyond is asked."""
    ends = {FEED_POLYMARKET: 2_000, "feed.clock": 900, "feed.coinbase": 1_500, JOURNAL: 5_000, FILLS: 3, LEDGER: 20}

    def change(record: Stored) -> Stored | None:
        return None if record.offset >= ends.get(record.topic, 10**9) else record

    archive = altered(made, tmp_path, change)
    prefix = prefix_of(archive)
    events = [decode_event(each.value) for each in ArchiveReader(archive).read(JOURNAL)]
    assert all(event.src[2] < ends.get(event.src[0], 10**9) for event in events[: prefix.journal + 1])
    following = events[prefix.journal + 1]
    assert following.src[2] >= ends[following.src[0]], "the very next one rests on what is not archived"
    assert prefix.until["feed.markets"] < ArchiveReader(archive).last_offset("feed.markets")
    result = compare_again(archive, running=True)
    assert result.identical and result.trades == [] and 10 < result.journal <= prefix.journal
    assert result.live_net == result.replay_net


def test_a_run_that_was_cut_off_is_compared_as_far_as_it_is_whole_and_says_so(made: Path, tmp_path: Path) -> None:
    def change(record: Stored) -> Stored | None:
        return None if record.topic == FEED_POLYMARKET and record.offset >= 2_000 else record

    result = compare_again(altered(made, tmp_path, change), running=False)
    assert result.identical and 10 < result.journal < ArchiveReader(made / "archive").count(JOURNAL)
    assert any("cut off" in each or "lacks" in each for each in result.lacking)


def test_a_loss_in_the_part_that_is_whole_is_still_a_difference(made: Path, tmp_path: Path) -> None:
    def change(record: Stored) -> Stored | None:
        if record.topic == JOURNAL and record.offset == 1_500:
            return msgspec.structs.replace(record, value=record.value.replace(b'"t":', b'"t":1', 1))
        return None if record.topic == JOURNAL and record.offset >= 4_000 else record

    result = compare_again(altered(made, tmp_path, change), running=True)
    assert not result.identical and result.first is not None
    assert (result.first.where.topic, result.first.journal) == (JOURNAL, 1_500)
    assert [each.field for each in result.first.inputs] == ["t"]


def test_what_is_no_run_is_refused(made: Path, tmp_path: Path) -> None:
    copy(made / "archive", tmp_path / "archive", FEEDS)
    with pytest.raises(Failure, match="no settings"):
        compare_again(tmp_path / "archive", running=False)
    with pytest.raises(Failure, match="holds no event whose feed records"):
        prefix_of(tmp_path / "archive")
