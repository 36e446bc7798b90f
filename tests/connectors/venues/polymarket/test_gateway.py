"""The live venue against a stand-in of the exchange: what becomes of an order, whatever goes wrong on the way."""

from __future__ import annotations

import asyncio

import pytest

from models.control import Disarm, Kill
from models.inputs import ExecutionReport
from tests.connectors.venues.polymarket.rig import IMPATIENT, SETTINGS, Rig, seconds_ago
from tests.connectors.venues.polymarket.standin import CONDITION, DOWN, WAIT_S, signing_hash


async def test_an_order_that_takes_is_provisional_until_its_trade_is_confirmed(rig: Rig) -> None:
    async with rig.running():
        await rig.give()
        assert rig.states() == ["submitted", "unknown"]
        assert rig.of()[1].reason == "provisional"
        await rig.standin.settle("MINED")
        await asyncio.sleep(0.2)
        assert rig.filled() == 0, "mined may still be reverted"
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled")
    assert rig.filled() == 10_000_000
    assert {each.price for each in rig.of() if each.size} == {5200}, "the maker of the other token sold at 1 - 0.48"
    assert rig.standin.refused == []


async def test_a_better_price_than_the_limit_is_told(rig: Rig) -> None:
    rig.standin.price = "0.50"
    async with rig.running():
        await rig.give()
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled")
    assert {each.price for each in rig.of() if each.size} == {5000}


async def test_what_the_exchange_is_sent_has_the_id_that_was_published_before(rig: Rig) -> None:
    async with rig.running():
        venue_id = await rig.give()
    (posted,) = rig.standin.posts
    assert "0x" + signing_hash(posted["order"]).hex() == venue_id
    assert posted["orderType"] == "FAK"
    assert (posted["order"]["makerAmount"], posted["order"]["takerAmount"]) == ("5200000", "10000000")


async def test_a_reverted_match_is_no_fill(rig: Rig) -> None:
    async with rig.running():
        await rig.give()
        for status in ("MINED", "RETRYING", "FAILED"):
            await rig.standin.settle(status)
        await rig.until_done("cancelled")
    assert rig.filled() == 0
    assert rig.of()[-1].reason == "reverted"
    assert rig.interlock.at_risk == 0


async def test_what_an_order_did_not_find_is_cancelled(rig: Rig) -> None:
    rig.standin.fill = rig.standin.fill * 3 / 10
    async with rig.running():
        await rig.give()
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("cancelled")
    assert rig.filled() == 3_000_000
    assert rig.of()[-1].reason == "rest_cancelled"


@pytest.mark.parametrize("fault, reason", [("reject", "venue_refused"), ("no_match", "not_filled")])
async def test_a_refusal_is_a_rejection(rig: Rig, fault: str, reason: str) -> None:
    rig.standin.faults = [fault]
    async with rig.running():
        await rig.give()
    assert rig.states() == ["submitted", "rejected"]
    assert rig.of()[-1].reason == reason
    assert rig.interlock.at_risk == 0


@pytest.mark.parametrize("status", ["425", "429", "503"])
async def test_an_exchange_that_wants_us_to_wait_is_left_alone(rig: Rig, status: str) -> None:
    rig.standin.faults = [status]
    async with rig.running():
        await rig.give("a")
        await rig.give("b")
        assert rig.states("a") == ["submitted", "rejected"]
        assert rig.states("b") == ["rejected"], "nothing is sent while it waits"
        assert len(rig.standin.posts) == 1
        rig.later(WAIT_S + 1)
        await rig.give("c")
        assert rig.states("c")[0] == "submitted"


@pytest.mark.parametrize("fault", ["silent_filled", "500_filled"])
async def test_a_time_out_that_filled_is_found(rig: Rig, fault: str) -> None:
    rig.make(IMPATIENT)
    rig.standin.faults = [fault]
    async with rig.running():
        await rig.give()
        assert rig.states() == ["submitted", "unknown"]
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled")
    assert rig.filled() == 10_000_000
    assert len(rig.standin.posts) == 1, "never sent twice"


async def test_a_time_out_that_never_arrived_ends_the_order_without_a_fill(rig: Rig) -> None:
    rig.make(IMPATIENT)
    rig.standin.faults = ["silent"]
    async with rig.running():
        await rig.give()
        assert rig.states() == ["submitted", "unknown"]
        assert rig.of()[-1].reason == "time_out"
        rig.later(IMPATIENT.answer_s)
        await rig.until_done("cancelled")
    assert len(rig.standin.posts) == 1


async def test_a_delayed_order_without_a_trade_is_awaited(rig: Rig) -> None:
    rig.standin.faults = ["delayed"]
    async with rig.running():
        venue_id = await rig.give()
        assert rig.states() == ["submitted", "accepted"]
        await rig.standin.end_delay(venue_id, matched=True)
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled")


async def test_a_delayed_order_that_finds_nothing_ends(rig: Rig) -> None:
    rig.standin.faults = ["unmatched"]
    async with rig.running():
        venue_id = await rig.give()
        await rig.standin.end_delay(venue_id, matched=False)
        await rig.until_done("cancelled")
    assert rig.of()[-1].reason == "not_filled"


async def test_what_is_said_three_times_counts_once(rig: Rig) -> None:
    rig.standin.repeat = 3
    async with rig.running():
        await rig.give()
        await rig.gateway.take(rig.commands[0])  # the command, too
        await rig.standin.settle("MINED")
        await rig.standin.settle("CONFIRMED")
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled")
        await asyncio.sleep(0.2)
    assert rig.filled() == 10_000_000
    assert rig.states().count("filled") == 1
    assert len(rig.standin.posts) == 1


async def test_a_resting_order_is_matched_in_parts_and_cancelled(rig: Rig) -> None:
    async with rig.running():
        venue_id = await rig.give(kind="GTC", post_only=True)
        assert rig.states() == ["submitted", "accepted"]
        name = rig.standin.trade(venue_id, "4", as_maker=True)
        rig.standin.orders[venue_id]["size_matched"] = "4"
        await rig.standin.settle("MATCHED", name)
        await rig.until(lambda: rig.states()[-1] == "unknown")
        await rig.standin.settle("CONFIRMED", name)
        await rig.until(lambda: rig.filled() == 4_000_000)
        await rig.give(do="cancel")
        await rig.until_done("cancelled")
    assert [each.taker for each in rig.of() if each.size] == [False]
    assert rig.standin.posts[0]["postOnly" if "postOnly" in rig.standin.posts[0] else "orderType"] in (True, "GTC")


async def test_an_order_that_the_exchange_expires_is_expired(rig: Rig) -> None:
    async with rig.running():
        venue_id = await rig.give(kind="GTC")
        await rig.standin.end_order(venue_id, "CANCELED_EXPIRED_ORDER")
        await rig.until_done("expired")


async def test_nothing_is_missed_while_the_user_channel_is_away(rig: Rig) -> None:
    async with rig.running():
        await rig.give()
        await rig.standin.drop()
        rig.standin.trades["trade-1"]["status"] = "CONFIRMED"  # said to nobody
        await rig.until_done("filled")


# --- restarts ---------------------------------------------------------------------------------------------------------


async def test_a_restart_finds_what_became_of_an_order_before_anything_else(rig: Rig) -> None:
    rig.make(IMPATIENT)
    rig.standin.faults = ["silent_filled"]
    async with rig.running():
        await rig.give()
    await rig.standin.settle("CONFIRMED")
    rig.make()
    await rig.gateway.begin()
    assert rig.states()[-1] == "filled"
    assert rig.filled() == 10_000_000
    assert rig.interlock.at_risk == 5_200_000, "the position counts against the caps again"
    assert len(rig.standin.posts) == 1


async def test_a_restart_tells_no_fill_twice(rig: Rig) -> None:
    async with rig.running():
        await rig.give()
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled")
    told = list(rig.reports)
    rig.make()
    await rig.gateway.begin()
    await rig.gateway.reconcile()
    assert rig.reports == told


async def test_a_crash_between_two_fills_of_one_trade_tells_the_second(rig: Rig) -> None:
    async with rig.running():
        await rig.give()
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled")
    last = max(index for index, each in enumerate(rig.reports) if isinstance(each, ExecutionReport) and each.size)
    del rig.reports[last:]
    rig.make()
    await rig.gateway.begin()
    await rig.until_done("filled")
    assert rig.filled() == 10_000_000


async def test_a_command_that_was_never_signed_before_a_restart_is_not_sent_late(rig: Rig) -> None:
    async with rig.running():
        rig.commands.append(rig_command(rig))
    rig.make()
    async with rig.running():
        await rig.gateway.take(rig.commands[-1])
    assert rig.states("late") == ["rejected"]
    assert rig.standin.posts == []


def rig_command(rig: Rig):  # type: ignore[no-untyped-def]
    from models.contracts import VenueCommand

    return VenueCommand(
        id="v9", journal=1, timestamp=seconds_ago(0), do="send", gate="LIVE_ARMED", order="late", condition=CONDITION,
        token=DOWN, side="buy", kind="FAK", limit=5000, size=10_000_000,
    )  # fmt: skip


async def test_what_is_open_at_the_exchange_is_cancelled_at_a_start(rig: Rig) -> None:
    async with rig.running():
        await rig.give(kind="GTC")
    rig.make()
    await rig.gateway.begin()
    assert rig.states()[-1] == "cancelled"
    assert {each["status"] for each in rig.standin.orders.values()} == {"CANCELED"}


async def test_after_a_restart_nothing_is_sent_before_the_operator_arms_anew(rig: Rig) -> None:
    async with rig.running():
        await rig.give("a")
    rig.make()
    async with rig.running(arm=False):
        await rig.give("b")
        assert rig.states("b") == ["rejected"]
        assert rig.of("b")[0].note == "interlock: not armed since this process began"


async def test_resolved_positions_block_no_start_and_no_cap(rig: Rig) -> None:
    async with rig.running():
        await rig.give()
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled")
    rig.standin.resolved.add(CONDITION)
    rig.standin.orders.clear()  # the exchange knows nothing of that market any more
    rig.standin.trades.clear()
    rig.make()
    await rig.gateway.begin()
    assert rig.interlock.at_risk == 0


async def test_an_exchange_that_restarts_is_asked_again(rig: Rig) -> None:
    async with rig.running():
        await rig.give(kind="GTC")
        rig.standin.is_down = True
        await rig.give(do="cancel")
        await asyncio.sleep(0.3)
        assert rig.states()[-1] == "accepted"
        rig.standin.is_down = False
        await rig.until_done("cancelled")


# --- gates ------------------------------------------------------------------------------------------------------------


async def test_a_dry_run_builds_signs_and_checks_and_sends_nothing(rig: Rig) -> None:
    async with rig.running(arm=False):
        await rig.give(gate="LIVE_DRY_RUN")
    (said,) = rig.dry_runs()
    assert said.ok
    assert said.order == "main-7"
    assert len(said.venue_id) == 66
    assert rig.standin.posts == []
    assert rig.of() == []


@pytest.mark.parametrize("gate", ["DEV", "PAPER_CANARY", "PAPER_FULL", "", "live_armed"])
async def test_under_any_other_gate_nothing_is_sent(rig: Rig, gate: str) -> None:
    async with rig.running():
        await rig.give(gate=gate)
    assert rig.states() == ["rejected"]
    assert rig.standin.posts == []


async def test_what_the_environment_forbids_is_not_sent(rig: Rig) -> None:
    rig.forbidden = "PROFIT_LIVE_ACCOUNT_ALLOW is not yes"
    rig.make()
    async with rig.running():
        await rig.give()
    assert rig.states() == ["rejected"]
    assert rig.standin.posts == []


async def test_an_order_that_comes_late_is_not_sent(rig: Rig) -> None:
    async with rig.running():
        await rig.give(timestamp=seconds_ago(SETTINGS.max_age_s + 0.5))
    assert [each.reason for each in rig.of()] == ["deadline"]
    assert rig.standin.posts == []


async def test_caps_count_open_orders_and_positions(rig: Rig) -> None:
    """Orders of 5.20 $ each against 25 $ in all: the fifth is one too many, whatever became of the first four."""
    async with rig.running():
        for number in range(5):
            await rig.give(f"o{number}", kind="FAK" if number < 2 else "GTC")
            await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled", "o1")
        assert len(rig.standin.posts) == 4
        assert rig.of("o4")[0].note.startswith("interlock: with it 26.00 $ are at risk")
        await rig.give("big", size=20_000_000)
        assert "above 10.00 an order" in rig.of("big")[0].note


async def test_only_what_is_held_is_sold(rig: Rig) -> None:
    async with rig.running():
        await rig.give("s0", side="sell")
        assert rig.of("s0")[0].note == "interlock: it would sell more than is held"
        await rig.give("b")
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled", "b")
        await rig.give("s1", side="sell", limit=5000)
        await rig.standin.settle("CONFIRMED")
        await rig.until_done("filled", "s1")
    assert rig.interlock.at_risk == 0
    assert rig.standin.posts[-1]["order"]["makerAmount"] == "10000000"


@pytest.mark.parametrize("how", ["disarm", "kill", "kill file", "silence"])
async def test_everything_is_cancelled_when_arming_ends(rig: Rig, how: str) -> None:
    async with rig.running():
        await rig.give(kind="GTC")
        assert rig.states()[-1] == "accepted"
        if how == "silence":
            rig.alive = False
            rig.later(SETTINGS.heartbeat_s + 1)
        elif how == "kill file":
            (rig.folder / "operator.kill").write_text("{}")
        else:
            rig.say(Disarm() if how == "disarm" else Kill())
        await rig.until_done("cancelled")
        assert rig.standin.cancel_alls >= 1
        await rig.give("next")
        assert rig.states("next") == ["rejected"]
    assert len(rig.standin.posts) == 1


async def test_a_cancel_of_everything_is_tried_until_it_is_done(rig: Rig) -> None:
    async with rig.running():
        await rig.give(kind="GTC")
        rig.standin.is_down = True
        rig.say(Disarm())
        await asyncio.sleep(0.3)
        assert rig.states()[-1] == "accepted"
        rig.standin.is_down = False
        await rig.until_done("cancelled")


async def test_the_exchanges_own_dead_man_switch_is_told_that_we_live(rig: Rig) -> None:
    async with rig.running():
        await rig.until(lambda: rig.standin.heartbeats >= 1)
        rig.later(10)
        await rig.until(lambda: rig.standin.heartbeats >= 2)
    unarmed = rig.standin.heartbeats
    rig.say(Disarm())
    rig.later(10)  # an armed one would be told again
    async with rig.running(arm=False):
        await asyncio.sleep(0.2)
    assert rig.standin.heartbeats == unarmed
