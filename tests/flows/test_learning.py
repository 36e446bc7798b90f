"""The learning flow: evidence from a replay and from twins, the same wherever it was stopped, signed or not sent."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from connectors.simulator.exchange import ExchangeParameters
from connectors.venues.separate import SeparateVenues
from flows.learning import learn, schema, signed
from flows.learning_line.evidence_feed import EvidenceFeed
from flows.learning_line.line import LearningLine
from flows.learning_line.twins import candidates, twin_settings
from flows.trading_line.line import TradingLine
from flows.trading_line.paper_rules import rules_of
from models.contracts import Fill, PromotionDecision, RiskEvent, Telemetry
from models.inputs import Promotion
from models.journal import NO_SRC, AnyEvent, Input
from models.message import Message
from models.promotion.promoter import Promoter, PromotionLook
from models.promotion.signing import is_signed, public_key
from models.promotion.states import TWIN
from models.reasons import Reason
from models.settings import Settings
from models.strategies.instance import InstanceTable
from models.topics import FILLS, MODELS, PROMOTIONS, RISK, TELEMETRY
from tests.recordings import journal_of

TOKEN = "11" * 32
THIN = ExchangeParameters(
    seed=5, horizons=("5m",), lag_s=4.0, maker_error=0.08, frames_per_s=1.0, resolution_delay_s=2.0, steps_per_s=2
)
SECONDS = 640  # two windows and their resolutions


@cache
def journal() -> list[AnyEvent]:
    return journal_of(THIN, SECONDS)


def settings(**changes: object) -> Settings:
    return Settings().model_copy(
        update={"promotion": Settings().promotion.model_copy(update={"look_s": 60.0}), **changes}
    )


@cache
def whole() -> list[Message]:
    line = LearningLine(settings(), "test")
    return [message for event in journal() for message in line.advance(event)]


def fills_of(line: TradingLine) -> list[Fill]:
    return [
        Fill.read(out.value)
        for event in journal()
        for out in line.advance(event)
        if isinstance(out, Message) and out.topic == FILLS
    ]


def beside(chosen: Settings) -> TradingLine:
    twins = twin_settings(chosen)
    return TradingLine(twins, SeparateVenues(rules_of(twins), tuple(name + TWIN for name in candidates(chosen))))


def test_every_candidate_is_judged_at_every_look_and_says_why() -> None:
    decisions = [PromotionDecision.read(each.value) for each in whole() if each.topic == PROMOTIONS]
    by_instance: dict[str, int] = {}
    for each in decisions:
        by_instance[each.instance] = by_instance.get(each.instance, 0) + 1
        assert each.text and each.criteria and each.journal > 0
    assert set(by_instance) == set(candidates(settings()))
    assert set(by_instance.values()) == {SECONDS // 60}
    assert len({each.id for each in decisions}) == len(decisions)


@pytest.mark.takes(20)
@pytest.mark.parametrize(("first", "second"), [(1, 700), (2_000, 1_234), (4_000, 3)])
def test_wherever_it_is_stopped_it_goes_on_the_same(first: int, second: int) -> None:
    kind = schema("test")
    owned = kind.begin(settings())
    got: list[Message] = []
    stops = {first, first + second}
    for number, event in enumerate(journal()):
        if number in stops:
            owned = kind.resume(owned.snapshot(), settings())
        got += learn(owned, event)
    assert got == whole()


def test_a_twin_trades_as_if_it_were_alone() -> None:
    """What one twin takes is still there for the others, and every one has its own money."""
    together = fills_of(beside(settings()))
    names = {each.strategy for each in together}
    assert len(names) > 2
    for name in sorted(names)[:3]:
        own = name.removesuffix(TWIN)
        off = [
            InstanceTable(id=each, strategy=each, state="paused", parameters={"enabled": False})
            for each in candidates(settings())
            if each != own
        ]
        alone = fills_of(beside(settings(instances=tuple(off))))
        mine = [each for each in together if each.strategy == name]
        assert [(e.timestamp, e.price, e.size, e.side) for e in alone] == [
            (e.timestamp, e.price, e.size, e.side) for e in mine
        ]


def test_telemetry_says_how_far_it_has_read_and_what_each_made() -> None:
    last = Telemetry.read([each for each in whole() if each.topic == TELEMETRY][-1].value)
    gauges = {row.module: row.gauges for row in (*last.standing, *last.modules)}
    assert gauges["learning"]["journal"] == journal()[-1].seq
    assert gauges["promotion"]["state:updown_fair_value"] == "active"
    assert gauges["promotion"]["state:lead_lag"] == "shadow"
    assert gauges["promotion"]["own_net:lead_lag"] == 0.0
    assert any(gauges["promotion"][f"twin_net:{name}"] != 0.0 for name in candidates(settings()))


def test_a_promotion_is_signed_or_not_sent() -> None:
    said = Promotion("none", "fair", 5, "canary", run="evening", decision="p1", e_value=12.0, e_threshold=10.0)
    message = Message(MODELS, "fair", msgspec.json.encode(said), 5, "learning", 0)
    assert signed(message, "") is None
    sent = signed(message, TOKEN)
    assert sent is not None and (sent.topic, sent.ordinal) == (MODELS, 0)
    assert is_signed(msgspec.json.decode(sent.value, type=Promotion), public_key(TOKEN))
    other = Message(PROMOTIONS, "fair", b"{}", 5, "learning", 0)
    assert signed(other, "") is other


class Rising(Promoter):
    """A promoter that lifts every shadow at once: what follows is what counts here."""

    def look(self, name: str, t: int) -> PromotionLook:
        seen = super().look(name, t)
        if seen.old != "shadow":
            return seen
        self.candidates[name].enter("canary", t)
        return msgspec.structs.replace(seen, new="canary", text="it goes up.")


def rising(sends: bool) -> tuple[LearningLine, list[Message]]:
    line = LearningLine(settings(run_name="evening"), "test", sends)
    line._promoter = Rising(line._promoter.terms)
    out: list[Message] = []
    for event in journal()[:1_200]:
        out += line.advance(event)
        if any(each.topic == PROMOTIONS for each in out):
            break
    return line, out


def test_without_the_key_nothing_is_sent_and_nothing_changes() -> None:
    line, out = rising(sends=False)
    assert not [each for each in out if each.topic == MODELS]
    assert line._promoter.candidates["lead_lag"].state == "shadow"
    decisions = [PromotionDecision.read(each.value) for each in out if each.topic == PROMOTIONS]
    assert all("Not sent" in each.text for each in decisions if each.new == "canary")


def test_what_the_desk_refuses_the_learning_line_takes_back() -> None:
    """The promotion comes back in the journal without a signature: the desk refuses it, and all go on as they were."""
    line, out = rising(sends=True)
    sent = [each for each in out if each.topic == MODELS]
    assert {msgspec.json.decode(each.value, type=Promotion).state for each in sent} == {"canary"}
    assert line._promoter.candidates["lead_lag"].state == "canary"
    number = max(PromotionDecision.read(each.value).journal for each in out if each.topic == PROMOTIONS)
    said = next(each for each in sent if each.key == "lead_lag")
    line.advance(Input(number + 1, said.t_ns + 1, NO_SRC, "", (), "models", said.value.decode()))
    assert line._promoter.candidates["lead_lag"].state == "shadow"


def test_anomalies_of_books_and_fills_are_heard_by_their_breakers() -> None:
    promoter = Promoter(LearningLine(settings(), "test")._promoter.terms)
    for name in ("lead_lag", "parity"):
        promoter.register(name, name, "shadow", 1)
    feed = EvidenceFeed()

    def told(subject: str, scope: str, name: str, t: int) -> None:
        row = RiskEvent(
            id=f"r{t}", journal=t, timestamp=t, kind="breaker", subject=subject, scope=scope, name=name, old="clear",
            new="stopped", reason=Reason.ANOMALY, text="it is said", numbers={},
        )  # fmt: skip
        feed.own([Message(RISK, subject, row.canonical(), t, "trading", 0)], promoter)

    told("drawdown", "portfolio", "main", 5)
    assert [each.anomaly for each in promoter.candidates.values()] == [0, 0]
    told("fill_anomaly", "instance", "parity", 6)
    assert [each.anomaly for each in promoter.candidates.values()] == [0, 6]
    told("reconciliation", "portfolio", "main", 7)
    assert [each.anomaly for each in promoter.candidates.values()] == [7, 7]
