"""A market resolves while the venue has not said what became of an order: nothing is paid before it is known."""

from __future__ import annotations

import pytest

from connectors.venues.paper.venue import PaperVenue
from flows.trading_line.paper_rules import rules_of
from flows.trading_line.settlement import ANSWER_WITHIN_NS
from models.money import DOLLAR, PIP
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.telemetry import ModuleTotals
from models.timestamps import SECOND
from tests.flows.trading_line.desk import END, KEY, Scene, settings
from tests.flows.trading_line.tardy import TardyVenue

NEVER = -1


def lossy() -> Settings:
    """Every answer is lost."""
    return settings(execution={"time_out_rate": 1.0}, portfolio={"cooldown_s": 60})


def resolved(answer: int, payout: int = PIP) -> Scene:
    """Up was bought, and nothing is heard of it until ``answer`` ns after the market has resolved."""
    chosen = lossy()
    venue = TardyVenue(PaperVenue(rules_of(chosen)), NEVER)
    scene = Scene(chosen, venue)
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    assert [each.status for each in scene.orders("unknown")] == ["unknown"]
    assert not scene.fills()
    asked, scene.now = scene.now, END + 20 * SECOND
    scene.resolve(payout)
    if answer != NEVER:
        venue.answer = answer + scene.now - asked
    return scene


def module(scene: Scene, name: str) -> ModuleTotals:
    scene.note("end of run")
    return scene.books.modules[name]


def wait(scene: Scene, seconds: int) -> None:
    for _ in range(seconds):
        scene.later(1)
        scene.clock()


@pytest.mark.parametrize("payout", [PIP, 0, PIP // 2])
def test_what_was_bought_unheard_is_paid_when_the_venue_has_said_so(payout: int) -> None:
    scene = resolved(answer=30 * SECOND, payout=payout)
    assert scene.outcomes() == []
    assert module(scene, "settlement").counts[f"{Verdict.HOLD}:{Reason.UNANSWERED}"] == 1
    wait(scene, 29)
    assert (scene.outcomes(), scene.decisions("settle")) == ([], [])
    wait(scene, 2)
    (fill,) = scene.fills()
    (outcome,) = scene.outcomes()
    paid = payout * fill.size // PIP
    assert outcome.pnl == {fill.strategy: paid - fill.gross - fill.fee}
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR + paid - fill.gross - fill.fee
    assert scene.books.accounts["reserved"] == 0
    assert scene.books.balance("position:") == 0
    assert [each.reason for each in scene.decisions("settle")] == [Reason.SETTLED]
    assert outcome.timestamp == scene.decisions("settle")[0].timestamp > END + 45 * SECOND
    assert scene.line.trading._desk._desk._reconciliation.differences == {}


def test_the_last_word_on_a_resolution_that_waits_is_paid() -> None:
    scene = resolved(answer=30 * SECOND, payout=PIP)
    wait(scene, 10)
    scene.resolve(0)
    assert scene.outcomes() == []
    wait(scene, 25)
    (outcome,) = scene.outcomes()
    assert (outcome.payout_up, outcome.payout_down, outcome.corrects) == (0, PIP, "")


def test_a_venue_that_never_answers_is_waited_for_so_long_and_is_an_anomaly() -> None:
    scene = resolved(NEVER)
    bound = ANSWER_WITHIN_NS // SECOND
    wait(scene, bound - 1)
    assert scene.outcomes() == []
    scene.books.may_differ = True
    wait(scene, 2)
    (order,) = scene.orders("cancelled")
    assert order.reason == Reason.UNANSWERED
    (outcome,) = scene.outcomes()
    assert outcome.pnl == {}
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR
    assert scene.books.accounts["reserved"] == 0
    assert module(scene, "portfolio").gauges["anomaly"] == 1


def test_what_the_venue_says_after_that_is_kept_from_the_money() -> None:
    scene = resolved(NEVER)
    scene.books.may_differ = True
    wait(scene, ANSWER_WITHIN_NS // SECOND + 1)
    venue = scene.line.trading._desk._desk._floor.venue
    assert isinstance(venue, TardyVenue)
    venue.answer = 0
    wait(scene, 5)
    assert scene.fills() == []
    assert scene.books.accounts["cash"] == 10_000 * DOLLAR
    assert module(scene, "execution").counts[f"{Verdict.BLOCK}:{Reason.ILLEGAL_TRANSITION}"] == 1


def test_resolutions_that_wait_for_one_moment_have_an_outcome_each() -> None:
    """Nothing is recorded from the second market's resolution on, until both have waited for long enough."""
    scene = resolved(NEVER)
    scene.books.may_differ = True
    scene.definition, scene.key = None, "btc-updown-5m-1795000500"
    end = scene.now + 290 * SECOND
    scene.market(start=scene.now, end=end)
    scene.later(2)
    scene.quote(49, 51)
    scene.buy()
    scene.settle_order()
    assert len(scene.orders("unknown")) == 2
    scene.now = end + 5 * SECOND
    scene.resolve(0)
    assert scene.outcomes() == []
    scene.later(400)
    scene.clock()
    assert [each.market_key for each in scene.outcomes()] == [KEY, scene.key]
    assert len({each.id for each in scene.outcomes()}) == 2


def test_with_the_paper_venue_nothing_waits() -> None:
    """It answers when a market resolves, in the same event."""
    scene = Scene(lossy())
    scene.warm_up()
    scene.buy()
    scene.settle_order()
    assert not scene.fills()
    scene.now = END + 20 * SECOND
    scene.resolve(PIP)
    assert len(scene.fills()) == len(scene.outcomes()) == 1
