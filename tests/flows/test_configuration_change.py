"""A configuration comes through the journal: it is in force from its event on, whenever a flow was killed and with
whatever settings it was started again."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from flows import market, trading
from flows.state import OwnedState, Schema
from models.configuration import Statement, configuration_id, encode_statement, relevant
from models.contracts import Decision
from models.journal import Book, Configuration, Spot, decode_event
from models.message import Lost, Message, Stored
from models.settings import Settings
from models.topics import CONFIGURATION, DEAD_LETTER, DECISIONS, JOURNAL
from tests.recordings import LAGGING, records_of, simulate

SECONDS = 345

Records = list[Stored | Lost]


def settings(**sections: dict[str, Any]) -> Settings:
    given: dict[str, dict[str, Any]] = {
        "portfolio": {"cooldown_s": 2},
        "fair_value": {"warm_up_s": 20, "half_life_s": 120, "sample_s": 2},
    }
    for name, values in sections.items():
        given[name] = {**given.get(name, {}), **values}
    return Settings.model_validate(given)


FIRST = settings()
CAPPED = settings(portfolio={"cap_total": 0.5})
BLIND = settings(checks={"max_spread": 0.0001, "frozen_after_s": 50})


@pytest.fixture(scope="module")
def feeds(tmp_path_factory: pytest.TempPathFactory) -> Records:
    return records_of(simulate(tmp_path_factory.mktemp("run") / "archive", SECONDS, LAGGING))


def stated(flow: Any, chosen: Settings, offset: int = 0) -> Stored:
    statement = Statement(flow, "test-1", configuration_id(chosen), relevant(chosen))
    return Stored(CONFIGURATION, 0, offset, flow, encode_statement(statement), 0)


def with_statement(feeds: Records, share: float, record: Stored) -> Records:
    at = int(len(feeds) * share)
    return [*feeds[:at], record, *feeds[at:]]


def again(owned: OwnedState[Any], dice: random.Random | None, started_with: Settings) -> OwnedState[Any]:
    """Sometimes killed and resumed from its snapshot, in a process that was started with other settings."""
    if dice is None or dice.random() > 0.1:
        return owned
    schema: Schema[Any] = owned.schema
    return schema.resume(owned.snapshot(), started_with)


def through_market(
    records: Records, dice: random.Random | None = None, started_with: Settings = FIRST
) -> list[Message]:
    owned = market.schema().begin(FIRST)
    out: list[Message] = []
    batch = dice.randrange(1, 700) if dice is not None else 500
    for at in range(0, len(records), batch):
        owned = again(owned, dice, started_with)
        for made in market._advance(owned, records[at : at + batch]):
            out.extend(each for each in made if isinstance(each, Message))
    return out


def through_trading(
    journal: list[Stored], dice: random.Random | None = None, started_with: Settings = FIRST
) -> list[Message]:
    routing, judging, deciding = trading.schemas()
    way: OwnedState[Any] = routing.begin(FIRST)
    lanes: dict[str, OwnedState[Any]] = {}
    desk: OwnedState[Any] = deciding.begin(FIRST)
    out: list[Message] = []
    for record in journal:
        if dice is not None and dice.random() < 0.01:
            way, desk = again(way, dice, started_with), again(desk, dice, started_with)
            lanes = {name: again(lane, dice, started_with) for name, lane in lanes.items()}
        for routed in trading._route(way, record):
            lane = lanes.get(routed.lane)
            if lane is None:
                lane = lanes[routed.lane] = judging.begin(FIRST)
            for judged in trading._judge(lane, routed):
                out.extend(each for each in trading._decide(desk, judged) if isinstance(each, Message))
    return out


def journal_of(messages: list[Message]) -> list[Stored]:
    made = [each for each in messages if each.topic == JOURNAL]
    return [Stored(JOURNAL, 0, at, "main", each.value, each.t_ns) for at, each in enumerate(made)]


def decisions(messages: list[Message]) -> list[Decision]:
    return [Decision.read(each.value) for each in messages if each.topic == DECISIONS]


def test_a_lowered_cap_is_in_force_from_its_event_on_and_not_before(feeds: Records) -> None:
    journal = journal_of(through_market(with_statement(feeds, 0.5, stated("trading", CAPPED))))
    at = next(n for n, each in enumerate(journal) if isinstance(decode_event(each.value), Configuration))
    made = decisions(through_trading(journal))
    before = [each for each in made if each.journal < at]
    after = [each for each in made if each.journal > at]
    assert any(each.action == "enter" for each in before), "nothing to see"
    assert any(each.reason == "cap_total" for each in after)
    assert not any(each.action == "enter" for each in after)
    assert {each.configuration for each in before} == {configuration_id(FIRST)}
    assert {each.configuration for each in after} == {configuration_id(CAPPED)}

    alone = decisions(through_trading(journal[:at]))
    assert [each.canonical() for each in alone] == [each.canonical() for each in before]


def test_when_it_was_killed_and_what_it_was_started_with_change_nothing(feeds: Records) -> None:
    some = with_statement(feeds[: len(feeds) // 2], 0.4, stated("trading", CAPPED))
    records = with_statement(some, 0.7, stated("market", BLIND, 1))
    plain = through_market(records)
    journal = journal_of(plain)
    traded = through_trading(journal)
    for seed, started_with in enumerate((FIRST, CAPPED, BLIND)):
        dice = random.Random(seed)
        assert through_market(records, dice, started_with) == plain
        assert through_trading(journal, dice, started_with) == traded


def test_bounds_of_the_checks_change_with_their_event(feeds: Records) -> None:
    records = with_statement(feeds, 0.5, stated("market", BLIND))
    events = [decode_event(each.value) for each in journal_of(through_market(records))]
    at = next(n for n, each in enumerate(events) if isinstance(each, Configuration))

    def sound(part: list[Any]) -> bool:
        return any(each.up is not None and each.up.ok for each in part if isinstance(each, Book))

    assert sound(events[:at])
    assert not sound(events[at:]), "no spread is narrow enough any more"
    assert any(each.ok for each in events[at:] if isinstance(each, Spot))


def test_a_flow_goes_by_its_own_statements_alone(feeds: Records) -> None:
    plain = through_market(feeds)
    other = through_market(with_statement(feeds, 0.5, stated("trading", BLIND)))
    books = [decode_event(each.value) for each in journal_of(other)]
    assert [type(each) for each in books if not isinstance(each, Configuration)] == [
        type(decode_event(each.value)) for each in journal_of(plain)
    ]
    capped = journal_of(through_market(with_statement(feeds, 0.5, stated("market", CAPPED))))
    assert any(each.action == "enter" for each in decisions(through_trading(capped))[-200:])


def test_a_statement_says_all_in_the_journal(feeds: Records) -> None:
    events = [decode_event(e.value) for e in journal_of(through_market([*feeds[:50], stated("trading", CAPPED)]))]
    event = events[-1]
    assert isinstance(event, Configuration)
    assert (event.flow, event.run, event.configuration) == ("trading", "test-1", configuration_id(CAPPED))
    assert msgspec.json.decode(event.settings) == relevant(CAPPED)
    assert event.src == (CONFIGURATION, 0, 0)


def test_what_is_no_statement_is_a_dead_letter(feeds: Records) -> None:
    bad = Stored(CONFIGURATION, 0, 0, "trading", b'{"flow":"kitchen"}', 0)
    letters = [each for each in through_market([*feeds[:50], bad]) if each.topic == DEAD_LETTER]
    assert [each.key for each in letters] == [CONFIGURATION]


def test_a_flow_that_is_fixed_passes_over_what_is_stated(feeds: Records) -> None:
    records = with_statement(feeds[: len(feeds) // 2], 0.1, stated("market", BLIND))
    fixed = market.schema(fixed=True).begin(FIRST)
    list(market._advance(fixed, records))
    assert fixed.configuration == configuration_id(FIRST)
