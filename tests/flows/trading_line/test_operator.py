"""The operator's commands at the desk: who may give them, what they do, and what stands until it is released."""

from __future__ import annotations

from typing import Any

import pytest

from models.contracts import Answer
from models.control import (
    Close,
    Command,
    Flatten,
    Instruction,
    Kill,
    Pause,
    Release,
    Resume,
    SetGate,
    SetInstance,
    encode,
    public_key,
    sign,
)
from models.journal import Levels
from models.money import PIP, SHARE
from models.settings import OperatorSettings
from tests.flows.trading_line.desk import KEY, Scene, settings

TOKEN, OTHER = "11" * 32, "22" * 32


def commanded(**portfolio: Any) -> Scene:
    chosen = settings(portfolio={"cooldown_s": 1} | portfolio)
    chosen = chosen.model_copy(
        update={"operator": OperatorSettings(public_key=public_key(TOKEN)), "run_name": "evening"}
    )
    scene = Scene(chosen)
    scene.warm_up()
    return scene


def say(scene: Scene, do: Instruction, token: str = TOKEN, run: str = "evening", t: int = 0) -> Answer:
    """Give a command now; the answer of this very event."""
    scene.later(0.01)
    command = Command(id=f"c{scene.seq}", run=run, t=t or scene.now, by="trader", do=do)
    records = scene.input("control", encode(sign(command, token)).decode())
    (answer,) = [each for each in records if isinstance(each, Answer)]
    return answer


def block_reasons(scene: Scene) -> set[str]:
    return {str(each.reason) for each in scene.decisions("block")}


def holding(**portfolio: Any) -> Scene:
    scene = commanded(**portfolio)
    scene.buy()
    scene.settle_order()
    assert scene.fills()
    return scene


def pair_bought(scene: Scene) -> None:
    """Both outcomes for less than a dollar: a pair is bought, and one instance more buys Up."""
    scene.later(1)
    scene.up = scene.token("up", ((4_400, 1_000 * SHARE),), ((4_500, 1_000 * SHARE),))
    scene.down = scene.token("down", ((4_400, 1_000 * SHARE),), ((4_500, 1_000 * SHARE),))
    scene.book()
    scene.settle_order()
    assert {each.outcome for each in scene.fills()} == {"Up", "Down"}


def test_a_pause_stops_entries_and_a_resume_lets_them_go_on() -> None:
    scene = commanded()
    assert say(scene, Pause()).verdict == "pass"
    scene.buy()
    assert scene.orders("submitted") == []
    assert block_reasons(scene) == {"paused"}
    assert say(scene, Resume()).verdict == "pass"
    scene.buy()
    assert len(scene.orders("submitted")) == 1


def test_a_refusal_by_the_operator_says_since_when_and_by_whom() -> None:
    scene = commanded()
    say(scene, Pause())
    since = scene.now
    scene.buy()
    span = scene.decisions("block")[-1].spans[-1]
    assert span.numbers == {"since": since, "by": "trader"}


def test_exits_go_on_while_entries_are_paused() -> None:
    scene = holding()
    say(scene, Pause())
    scene.later(2)
    scene.lead(-60)
    scene.quote(39, 40)
    assert [each.action for each in scene.decisions("exit")] == ["exit"]


def test_a_kill_cancels_what_works_and_stops_exits_too() -> None:
    scene = holding()
    scene.later(6)
    scene.buy(ask=70, lead=300)
    under_way = len(scene.orders("submitted"))
    assert say(scene, Kill()).verdict == "pass"
    for _ in range(40):
        scene.later(0.3)
        scene.lead(-60)
        scene.quote(20, 21)
        scene.clock()
    assert len(scene.orders("submitted")) == under_way
    assert scene.books.accounts["reserved"] == 0
    assert "kill_switch" in block_reasons(scene)


def test_a_kill_is_lifted_by_a_release_alone_and_into_a_pause() -> None:
    scene = commanded()
    say(scene, Kill())
    for do in (Resume(), Pause(), Flatten(), Close(KEY)):
        answer = say(scene, do)
        assert (answer.verdict, answer.reason) == ("block", "kill_switch")
    assert say(scene, Release("anomaly", "x")).verdict == "block"
    assert say(scene, Release("kill")).verdict == "pass"
    scene.buy()
    assert scene.orders("submitted") == []
    say(scene, Resume())
    scene.buy()
    assert len(scene.orders("submitted")) == 1


def test_flatten_sells_everything_and_pauses() -> None:
    scene = holding()
    bought = scene.fills()[-1]
    assert say(scene, Flatten()).verdict == "pass"
    scene.later(0.5)
    scene.quote(59, 60)
    scene.settle_order()
    sold = scene.fills()[-1]
    assert (sold.side, sold.size) == ("sell", bought.size)
    assert [each.reason for each in scene.decisions("exit")] == ["flattening"]
    scene.later(10)
    scene.buy()
    assert scene.fills()[-1] == sold


def test_close_sells_one_market_and_bars_it() -> None:
    scene = holding()
    typo = say(scene, Close("another"))
    assert typo.verdict == "block" and "there is no market 'another'" in typo.text
    scene.quote(59, 60)
    assert scene.decisions("exit") == []
    say(scene, Close(KEY))
    scene.later(0.5)
    scene.quote(59, 60)
    scene.settle_order()
    assert [each.reason for each in scene.decisions("exit")] == ["closing"]
    scene.later(10)
    scene.buy()
    assert "barred" in block_reasons(scene)


def test_a_resume_says_what_the_flatten_leaves_unsold() -> None:
    """The bid takes all but nine, and then the operator goes on."""
    scene = holding()
    bought = scene.fills()[-1].size // SHARE
    say(scene, Flatten())
    scene.later(0.5)
    scene.quote(59, 60, size=bought - 9)
    scene.settle_order()
    assert scene.fills()[-1].side == "sell"
    told = say(scene, Resume())
    assert told.verdict == "pass"
    assert told.text == "entries are on again; the flatten ends with 1 position (9 shares) held unsold."


def test_a_resume_says_which_markets_may_be_entered_again_and_what_is_left_there() -> None:
    scene = holding()
    size = scene.fills()[-1].size // SHARE
    say(scene, Close(KEY))
    left = f"{KEY} may be entered again, with 1 position ({size} shares) held unsold there."
    assert say(scene, Resume()).text == left
    say(scene, Close(KEY))
    say(scene, Flatten())
    scene.later(0.5)
    scene.quote(59, 60)
    scene.settle_order()
    both = f"entries are on again; the flatten ends with nothing held; {KEY} may be entered again."
    assert say(scene, Resume()).text == both


def test_flatten_and_close_say_what_is_being_sold() -> None:
    scene = holding()
    size = scene.fills()[-1].size // SHARE
    one = f"1 position ({size} shares) is being sold"
    assert say(scene, Close(KEY)).text == f"in {KEY} {one}; it is not entered again before a resume."
    assert say(scene, Flatten()).text == f"entries are paused; {one}."


@pytest.mark.parametrize(
    ("ok", "bids", "why"),
    [
        pytest.param(False, ((5_900, SHARE),), "book_invalid (x)", id="the book is invalid"),
        pytest.param(True, (), "book_invalid", id="no bid"),
    ],
)
def test_what_cannot_be_sold_now_is_named_with_its_reason(ok: bool, bids: Levels, why: str) -> None:
    scene = holding()
    size = scene.fills()[-1].size // SHARE
    scene.up = scene.token("up", bids, ((6_000, SHARE),), ok)
    scene.book()
    told = f"1 position ({size} shares) cannot be sold now: {KEY} Up: {why}; it is tried again until a resume"
    assert say(scene, Close(KEY)).text == f"in {KEY} {told}; it is not entered again before a resume."
    assert say(scene, Flatten()).text == f"entries are paused; {told}."
    scene.later(0.5)
    scene.quote(59, 60)
    assert [each.reason for each in scene.decisions("exit")] == ["flattening"], "it is tried again"


def test_one_of_three_that_cannot_be_sold_is_named() -> None:
    scene = commanded()
    pair_bought(scene)
    scene.down = scene.token("down", ((3_900, SHARE),), ((4_000, SHARE),), ok=False)
    scene.book()
    told = say(scene, Flatten()).text
    assert told.startswith("entries are paused; 2 of 3 positions (")
    assert f"are being sold, 1 cannot be now: {KEY} Down: book_invalid (x); it is tried again" in told


def test_what_an_order_under_way_still_buys_is_sold_too() -> None:
    scene = commanded()
    scene.buy()
    told = say(scene, Flatten())
    late = "there is no position to sell; what an order under way still buys is sold too."
    assert (told.verdict, told.text) == ("pass", f"entries are paused; {late}")


def test_flatten_without_a_position_pauses_and_where_that_is_so_does_nothing() -> None:
    scene = commanded()
    told = say(scene, Flatten())
    assert (told.verdict, told.text) == ("pass", "entries are paused; there is no position to sell.")
    say(scene, Resume())
    say(scene, Pause())
    told = say(scene, Flatten())
    assert (told.verdict, told.reason) == ("block", "nothing_to_do")
    assert told.text == "entries are paused already; there is no position to sell."
    assert say(scene, Resume()).text == "entries are on again.", "that flatten left nothing to end"


@pytest.mark.parametrize("settled", [False, True], ids=["never entered", "settled"])
def test_close_without_a_position_bars_the_market(settled: bool) -> None:
    scene = holding() if settled else commanded()
    if settled:
        scene.later(20)
        scene.resolve(PIP)
    told = say(scene, Close(KEY))
    none = f"there is no position in {KEY}"
    assert (told.verdict, told.text) == ("pass", f"{none}; it is not entered again before a resume.")
    told = say(scene, Close(KEY))
    assert (told.verdict, told.reason) == ("block", "nothing_to_do")
    assert told.text == f"it is closed already; {none}."


def test_what_is_asked_for_twice_is_nothing_to_do_and_goes_on() -> None:
    scene = holding()
    for do in (Close(KEY), Flatten()):
        assert say(scene, do).verdict == "pass"
        again = say(scene, do)
        assert (again.verdict, again.reason) == ("block", "nothing_to_do")
        assert "already; " in again.text and "is being sold" in again.text
    scene.later(0.5)
    scene.quote(59, 60)
    assert [each.reason for each in scene.decisions("exit")] == ["flattening"]


@pytest.mark.parametrize(
    ("token", "run", "back", "reason"),
    [(OTHER, "evening", 0, "unsigned"), (TOKEN, "morning", 0, "wrong_run"), (TOKEN, "evening", 1, "repeated")],
    ids=["of another key", "for another run", "sent again"],
)
def test_what_is_not_the_operators_now_does_nothing(token: str, run: str, back: int, reason: str) -> None:
    scene = commanded()
    say(scene, Resume())
    answer = say(scene, Kill(), token, run, t=scene.now - back if back else 0)
    assert (answer.verdict, answer.reason) == ("block", reason)
    scene.buy()
    assert len(scene.orders("submitted")) == 1


def test_without_a_key_nobody_is_the_operator() -> None:
    scene = Scene()
    scene.warm_up()
    assert say(scene, Pause(), run="").reason == "unsigned"


@pytest.mark.parametrize(
    ("do", "kind", "near"),
    [
        pytest.param(Close("btc-updown-5m-1"), "market", "Did you mean btc-updown-5m-", id="a market"),
        pytest.param(SetInstance("Parity", enabled=False), "instance", "Did you mean parity?", id="an instance"),
        pytest.param(SetInstance("moon", size=0.5), "instance", "There are: book_imbalance", id="nothing near"),
        pytest.param(SetGate("dev"), "gate", "Did you mean DEV?", id="a gate"),
    ],
)
def test_a_name_that_nothing_has_is_refused_with_near_ones(do: Instruction, kind: str, near: str) -> None:
    answer = say(commanded(), do)
    assert (answer.verdict, answer.reason) == ("block", "unknown_name")
    assert f"no {kind} '" in answer.text and near in answer.text


def test_every_command_is_counted() -> None:
    scene = commanded()
    say(scene, Pause())
    say(scene, Pause())
    scene.note("end of run")
    row = scene.books.modules["gate.operator"]
    assert row.counts["pass:ok"] == 1
    assert row.counts["block:nothing_to_do"] == 1
    assert scene.books.modules["portfolio"].gauges["trading"] == "paused"


def test_a_settlement_pays_while_trading_is_killed() -> None:
    scene = holding()
    say(scene, Kill())
    scene.later(20)
    scene.resolve(PIP)
    assert scene.books.balance("position:") == 0
