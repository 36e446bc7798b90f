"""The live venue as the desk sees it, and where orders go at which gate."""

from __future__ import annotations

import pickle
from typing import Any

import msgspec
import pytest

from connectors.venues.paper.venue import PaperVenue
from connectors.venues.remote import RemoteVenue
from connectors.venues.routing import RoutingVenue
from flows.trading_line.blotter import Blotter
from models.fees import taker_fee
from models.inputs import AnyExecution, DryRun, ExecutionReport, Preflight
from models.journal import Input
from models.orders import FINAL, Report, WorkingOrder, example_order
from models.release import GATES
from models.timestamps import SECOND
from models.topics import EXECUTIONS
from tests.connectors.venues.paper.exchange import NOW, market, parameters

SHARE = 1_000_000


def order(**changes: Any) -> WorkingOrder:
    """To buy ten shares of Up at 0.51 dollars."""
    made = msgspec.structs.replace(example_order(), market_key="m", sent=NOW, due=NOW)
    return msgspec.structs.replace(made, **changes)


class Talk:
    """A venue, and the journal it hears; each report goes into a blotter, which refuses what cannot follow."""

    def __init__(self, venue: RemoteVenue | RoutingVenue) -> None:
        self.venue = venue
        self.seq = 1
        self.blotter = Blotter()
        venue.hear(market())

    def send(self, each: WorkingOrder) -> None:
        self.blotter.add(each)
        self.venue.send(each)

    def hear(self, said: AnyExecution) -> list[Report]:
        self.seq += 1
        payload = msgspec.json.encode(said).decode()
        self.venue = pickle.loads(pickle.dumps(self.venue))  # its state is plain data
        reports = self.venue.hear(Input(self.seq, NOW + self.seq, (EXECUTIONS, 0, 0), "", (), EXECUTIONS, payload))
        for report in reports:
            if self.blotter.get(report.order) is not None:
                done = self.blotter.apply(report)
                if done.state in FINAL:
                    self.blotter.close(done)
        return reports

    def say(self, state: str, size: int = 0, name: str = "main-7", **more: Any) -> list[Report]:
        price = {"price": 5_000} if size else {}
        return self.hear(ExecutionReport(name, state, 1, size=size, **price, **more))  # type: ignore[arg-type]


@pytest.fixture
def talk() -> Talk:
    made = Talk(RemoteVenue())
    made.venue.gate = "LIVE_ARMED"
    made.send(order())
    return made


def states(reports: list[Report]) -> list[tuple[str, str]]:
    return [(each.state, str(each.reason)) for each in reports]


def test_an_order_becomes_a_command_under_the_gate_of_the_moment(talk: Talk) -> None:
    (command,) = talk.venue.take_commands()
    assert (command.do, command.gate, command.order, command.condition) == ("send", "LIVE_ARMED", "main-7", "0xm")
    assert (command.side, command.kind, command.limit, command.size) == ("buy", "FAK", 5_100, 10 * SHARE)
    assert command.timestamp == NOW
    assert talk.venue.take_commands() == []


def test_nothing_is_a_fill_before_it_is_confirmed(talk: Talk) -> None:
    assert talk.say("submitted", venue_id="0x1") == []
    assert states(talk.say("unknown", trade="t", reason="provisional")) == [("unknown", "provisional")]
    assert talk.say("unknown", trade="t", reason="provisional") == []
    (first,) = talk.say("partly_filled", 4 * SHARE, trade="t:0")
    assert first.fill is not None
    assert (first.fill.size, first.fill.price, first.fill.gross) == (4 * SHARE, 5_000, 2_000_000)
    assert first.fill.evidence == "exchange"
    assert first.fill.fee == taker_fee(5_000, 4 * SHARE, 70_000)
    assert states(talk.say("filled", 6 * SHARE, trade="t:1")) == [("filled", "filled")]


def test_a_maker_pays_no_fee_and_a_stated_fee_counts(talk: Talk) -> None:
    talk.say("accepted")
    (made,) = talk.say("partly_filled", SHARE, trade="t:0", taker=False)
    (stated,) = talk.say("partly_filled", SHARE, trade="t:1", fee=123)
    assert made.fill is not None and stated.fill is not None
    assert (made.fill.fee, stated.fill.fee) == (0, 123)


def test_a_reverted_match_ends_the_order_without_a_fill(talk: Talk) -> None:
    talk.say("unknown", trade="t", reason="provisional")
    assert states(talk.say("cancelled", reason="reverted")) == [("cancelled", "reverted")]


def test_what_comes_twice_counts_once(talk: Talk) -> None:
    for _ in range(2):
        talk.say("accepted")
    assert len(talk.say("partly_filled", SHARE, trade="t:0")) == 1
    assert talk.say("partly_filled", SHARE, trade="t:0") == []
    talk.say("cancelled")
    assert talk.say("cancelled") == []
    assert talk.say("unknown") == []


def test_money_that_moves_after_the_end_is_told(talk: Talk) -> None:
    """The desk's blotter calls it an anomaly: it is not kept from it."""
    talk.say("cancelled")
    assert len(talk.say("partly_filled", SHARE, trade="t:0")) == 1


def test_orders_that_are_not_ours_are_told_only_where_money_moved(talk: Talk) -> None:
    assert talk.say("accepted", name="other") == []
    assert len(talk.say("filled", SHARE, name="other", trade="t:0")) == 1


def test_what_is_not_of_an_order_is_nothing(talk: Talk) -> None:
    assert talk.hear(Preflight(1, True, {})) == []
    assert talk.hear(DryRun("main-7", 1, True)) == []


def test_a_provisional_order_is_asked_for_seldom(talk: Talk) -> None:
    talk.venue.take_commands()
    talk.say("unknown", reason="time_out")
    for second in range(4):
        talk.venue.query("main-7", NOW + second * SECOND)
    assert len(talk.venue.take_commands()) == 4
    talk.say("unknown", trade="t", reason="provisional")
    for second in range(4, 24):
        talk.venue.query("main-7", NOW + second * SECOND)
    assert len(talk.venue.take_commands()) == 2
    talk.say("cancelled")
    talk.venue.query("main-7", NOW + 99 * SECOND)
    talk.venue.cancel("main-7", NOW + 99 * SECOND)
    assert talk.venue.take_commands() == []


# --- where orders go --------------------------------------------------------------------------------------------------


def routed(gate: str) -> Talk:
    made = Talk(RoutingVenue(PaperVenue(parameters())))
    made.venue.gate = gate  # type: ignore[assignment]
    return made


@pytest.mark.parametrize("gate", GATES)
def test_an_entry_goes_where_the_gate_says(gate: str) -> None:
    talk = routed(gate)
    assert isinstance(talk.venue, RoutingVenue)
    talk.send(order(account="live" if gate == "LIVE_ARMED" else "main"))
    commands = talk.venue.take_commands()
    on_paper = "main-7" in talk.venue.paper._orders
    wanted = {"LIVE_DRY_RUN": (True, 1), "LIVE_ARMED": (False, 1)}.get(gate, (True, 0))
    assert (on_paper, len(commands)) == wanted
    assert {each.gate for each in commands} <= {gate}


def test_a_rehearsed_order_is_none_of_the_exchanges() -> None:
    talk = routed("LIVE_DRY_RUN")
    talk.send(order())
    talk.venue.take_commands()
    talk.venue.cancel("main-7", NOW)
    talk.venue.query("main-7", NOW)
    assert talk.venue.take_commands() == []


def test_a_twin_stays_on_paper() -> None:
    talk = routed("LIVE_ARMED")
    assert isinstance(talk.venue, RoutingVenue)
    talk.venue.paper_only = frozenset({"updown_fair_value"})
    talk.send(order(account="updown_fair_value"))
    assert talk.venue.take_commands() == []


def test_a_split_is_never_an_order_of_the_exchange() -> None:
    venue = RemoteVenue()
    venue.gate = "LIVE_ARMED"
    with pytest.raises(ValueError, match="split"):
        venue.send(order(time_in_force="SPLIT", account="live"))
    assert venue.take_commands() == []


def test_a_sale_goes_where_the_shares_were_bought() -> None:
    talk = routed("LIVE_ARMED")
    assert isinstance(talk.venue, RoutingVenue)
    talk.send(order(id="paper", side="sell"))
    assert talk.venue.take_commands() == [], "what was bought on paper is not sold for real"
    talk.send(order(id="b", account="live"))
    talk.say("filled", 10 * SHARE, name="b", trade="t:0")
    assert isinstance(talk.venue, RoutingVenue)
    talk.venue.take_commands()
    talk.venue.at_gate("PAPER_FULL", NOW)
    assert [each.do for each in talk.venue.take_commands()] == ["cancel_all"]
    talk.send(order(id="s", side="sell", account="live"))
    (command,) = talk.venue.take_commands()
    assert (command.order, command.side, command.gate) == ("s", "sell", "PAPER_FULL")


def test_falling_from_armed_cancels_everything_once() -> None:
    talk = routed("LIVE_ARMED")
    assert isinstance(talk.venue, RoutingVenue)
    talk.venue.at_gate("LIVE_ARMED", NOW)
    talk.venue.at_gate("LIVE_DRY_RUN", NOW)
    talk.venue.at_gate("DEV", NOW)
    assert [(each.do, each.gate) for each in talk.venue.take_commands()] == [("cancel_all", "LIVE_DRY_RUN")]
