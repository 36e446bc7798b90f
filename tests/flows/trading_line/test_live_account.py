"""Real money has an account of its own: it begins with what the exchange states, and paper never touches it."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from models.contracts import Answer, Posting, RiskEvent, VenueCommand
from models.control import Arm, Command, Confirm, Disarm, Instruction, encode, public_key, sign
from models.inputs import AnyExecution, DryRun, ExecutionReport, Preflight
from models.money import DOLLAR, PIP
from models.settings import LiveSettings, OperatorSettings, Settings
from models.timestamps import SECOND
from tests.flows.trading_line.desk import END, Scene, settings

TOKEN = "11" * 32
FAIR = "updown_fair_value"
STATED = 50 * DOLLAR


def chosen() -> Settings:
    base = settings(release={"armed_h": 0, "armed_orders": 1}, parity={"enabled": False})
    return base.model_copy(
        update={
            "operator": OperatorSettings(public_key=public_key(TOKEN)),
            "run_name": "real",
            "live": LiveSettings(enabled=True),
        }
    )


class Armed(Scene):
    """A scene that stands at LIVE_DRY_RUN with a paper position; ``arm`` makes it real."""

    def __init__(self) -> None:
        super().__init__(chosen())
        self.warm_up()
        self.buy()
        self.settle_order()
        self.desk._gate.gate = "LIVE_DRY_RUN"

    @property
    def desk(self):  # type: ignore[no-untyped-def]
        return self.line.trading._desk._desk

    def say(self, do: Instruction) -> str:
        self.later(0.01)
        command = Command(f"c{self.seq}", "real", self.now, "trader", do)
        self.input("control", encode(sign(command, TOKEN)).decode())
        return str(self.books.of(Answer)[-1].text)

    def hear(self, said: AnyExecution) -> None:
        self.later(0.01)
        self.input("executions", msgspec.json.encode(said).decode())

    def arm(self, stated: int = STATED) -> None:
        self.hear(Preflight(self.now, True, {}, stated))
        self.confirm()

    def confirm(self) -> None:
        self.hear(DryRun("rehearsed", self.now, True))
        phrase = self.say(Arm()).split('"')[1]
        assert "armed: real orders" in self.say(Confirm(phrase))

    def sent(self) -> list[VenueCommand]:
        return [each for each in self.books.of(VenueCommand) if each.do == "send"]

    def again(self) -> None:
        """A signal once more, when the pause after the last order is over."""
        self.later(6)
        self.buy()

    def postings(self, prefix: str) -> int:
        return self.books.balance(prefix)


@pytest.fixture
def scene() -> Armed:
    return Armed()


def test_the_account_begins_with_what_the_exchange_states(scene: Armed) -> None:
    before = scene.books.accounts["cash"]
    scene.arm()
    assert scene.books.accounts["live/cash"] == STATED
    assert scene.books.accounts["live/capital"] == -STATED
    assert scene.books.accounts["cash"] == before, "paper money is what it was"


def test_nothing_is_armed_before_the_exchange_has_stated_its_money(scene: Armed) -> None:
    scene.hear(Preflight(scene.now, True, {}))
    assert "dollars stated by the exchange: not measured" in scene.say(Arm())


def test_a_real_fill_is_booked_on_real_money_and_a_paper_one_is_not(scene: Armed) -> None:
    (paper,) = scene.fills()
    assert (paper.account, paper.evidence) == ("main", "book_cross")
    scene.arm()
    before = scene.books.accounts["cash"]
    scene.again()
    (command,) = scene.sent()
    assert command.gate == "LIVE_ARMED"
    worth = command.limit * command.size // PIP
    assert worth <= 5 * DOLLAR, "the live venue's own cap is asked for, and not refused"
    assert scene.books.accounts["live/reserved"] > 0
    scene.hear(ExecutionReport(command.order, "filled", scene.now, price=6_000, size=command.size, trade="t"))
    real = scene.fills()[-1]
    assert (real.account, real.evidence) == ("live", "exchange")
    assert scene.books.accounts["live/cash"] == STATED - real.gross - real.fee
    assert scene.books.accounts["live/reserved"] == 0
    assert scene.books.accounts["cash"] == before, "paper money paid nothing of it"


def test_each_account_is_paid_its_own_shares(scene: Armed) -> None:
    (paper,) = scene.fills()
    scene.arm()
    scene.again()
    (command,) = scene.sent()
    scene.hear(ExecutionReport(command.order, "filled", scene.now, price=6_000, size=command.size, trade="t"))
    real = scene.fills()[-1]
    scene.now = END + 20 * SECOND
    scene.resolve(PIP)
    (outcome,) = scene.outcomes()
    assert outcome.pnl == {
        FAIR: paper.size - paper.gross - paper.fee,
        f"live/{FAIR}": real.size - real.gross - real.fee,
    }
    ids = [each.id for each in scene.decisions("settle")]
    assert len(ids) == len(set(ids)) == 2
    scene.later(1)
    scene.clock()
    gauges = scene.books.modules["portfolio"].gauges
    assert gauges["live_equity"] == pytest.approx((STATED + outcome.pnl[f"live/{FAIR}"]) / DOLLAR)
    assert gauges["equity"] == pytest.approx(10_000 + outcome.pnl[FAIR] / DOLLAR)
    assert gauges["anomaly"] == 0


def test_after_a_disarm_entries_are_paper_again_and_real_shares_stay(scene: Armed) -> None:
    scene.arm()
    scene.again()
    (command,) = scene.sent()
    scene.hear(ExecutionReport(command.order, "filled", scene.now, price=6_000, size=command.size, trade="t"))
    held = scene.postings(f"live/position:{FAIR}")
    scene.say(Disarm())
    before = scene.books.accounts["live/cash"]
    scene.again()
    scene.settle_order()
    assert scene.fills()[-1].account == "main"
    assert scene.books.accounts["live/cash"] == before
    assert scene.postings(f"live/position:{FAIR}") == held


def test_armed_again_it_takes_the_exchanges_word_where_that_is_newer_than_its_own_books(scene: Armed) -> None:
    scene.arm()
    scene.again()
    (command,) = scene.sent()
    scene.hear(ExecutionReport(command.order, "filled", scene.now, price=6_000, size=command.size, trade="t"))
    own = scene.books.accounts["live/cash"]
    scene.say(Disarm())
    scene.confirm()
    assert scene.books.accounts["live/cash"] == own, "the exchange said nothing since: our own books stand"
    scene.say(Disarm())
    scene.arm(80 * DOLLAR)
    assert scene.books.accounts["live/cash"] == 80 * DOLLAR, "a deposit"
    stated = [each for each in scene.books.of(Posting) if each.ref == "stated by the exchange"]
    assert {each.kind for each in stated} == {"capital"}
    scene.later(1)
    scene.clock()
    assert scene.books.modules["portfolio"].gauges["anomaly"] == 0


def test_what_comes_in_from_outside_is_no_gain_of_a_breaker(scene: Armed) -> None:
    scene.arm()
    scene.later(1)
    scene.clock()
    scene.say(Disarm())
    scene.arm(20 * DOLLAR)  # thirty dollars were taken out
    scene.later(1)
    scene.clock()
    assert scene.desk._gate.gate == "LIVE_ARMED", "no drawdown threw it down"


def test_a_loss_of_real_money_stops_entries_though_paper_gains(scene: Armed) -> None:
    scene.arm()
    scene.later(1)
    scene.clock()
    scene.again()
    (command,) = scene.sent()
    scene.hear(ExecutionReport(command.order, "filled", scene.now, price=6_000, size=command.size, trade="t"))
    scene.later(1)
    scene.quote(5, 7)  # what was bought for about three dollars of fifty brings a dime
    scene.clock()
    said = [(each.subject, each.scope, each.name) for each in scene.books.of(RiskEvent) if each.kind == "breaker"]
    assert ("daily_loss", "portfolio", "live") in said


def test_a_crash_while_armed_keeps_both_accounts(scene: Armed) -> None:
    scene.arm()
    scene.again()
    (command,) = scene.sent()
    line = scene.line.trading
    scene.line.trading = pickle.loads(pickle.dumps(line))
    scene.hear(ExecutionReport(command.order, "filled", scene.now, price=6_000, size=command.size, trade="t"))
    assert scene.fills()[-1].account == "live"
    assert scene.books.accounts["live/reserved"] == 0
    assert scene.books.balance("") == 0


def test_a_real_fill_that_is_told_after_the_resolution_is_paid(scene: Armed) -> None:
    """The exchange matched it before the end, and says so after the resolution."""
    scene.arm()
    scene.again()
    (command,) = scene.sent()
    scene.now = END + 20 * SECOND
    scene.resolve(PIP)
    assert scene.outcomes() == [], "what became of the order decides what is owned"
    scene.hear(ExecutionReport(command.order, "filled", scene.now, price=6_000, size=command.size, trade="t"))
    (outcome,) = scene.outcomes()
    assert set(outcome.pnl) == {FAIR, f"live/{FAIR}"}
    assert scene.postings("live/position:") == 0


def test_real_shares_wait_while_nothing_is_armed(scene: Armed) -> None:
    scene.arm()
    scene.again()
    (command,) = scene.sent()
    scene.hear(ExecutionReport(command.order, "filled", scene.now, price=6_000, size=command.size, trade="t"))
    scene.say(Disarm())
    scene.later(6)
    scene.quote(20, 22)  # its stop-loss
    assert scene.decisions("exit")[-1].id.endswith("-Up"), "the paper shares are sold"
    assert [each.reason for each in scene.decisions("block")][-1] == "not_armed"
    assert not [each for each in scene.sent() if each.order.endswith("-live")], "a rehearsal is answered by nobody"
