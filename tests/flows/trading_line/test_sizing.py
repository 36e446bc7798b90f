"""What orders may cost: whatever the book does before they arrive, both legs of a pair pay together what they cost."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from flows.trading_line import sizing
from flows.trading_line.blotter import Blotter
from flows.trading_line.known import KnownMarket
from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Account
from models.fees import taker_fee
from models.journal import Book
from models.money import DOLLAR, SHARE, cost
from models.orders import WorkingOrder
from models.reasons import Reason, Verdict
from models.settings import Portfolio, Settings
from models.strategies.instance import Instance, all_instances
from models.strategies.signal import Intent
from models.trace import Evaluation, Step
from tests.models.strategies.views import NOW, book, market, token, view

SETTINGS = Settings()
RATES = st.sampled_from([0, 35_000, 70_000, 100_000])


def sized(
    instance: Instance,
    pair: Book,
    intents: tuple[Intent, ...],
    rate: int,
    settings: Settings = SETTINGS,
    multiplier: float = 1.0,
) -> tuple[list[WorkingOrder], Step]:
    account, out = Account("main", 10_000 * DOLLAR), Outbox("trading")
    account.open(0, NOW, out)
    known = KnownMarket(market(fee_rate=rate), pair)
    evaluation = Evaluation(instance.id, known.market.key, Verdict.PASS, Reason.EDGE, 0.1, 0.0, (), intents)
    request = sizing.Request(1, NOW, instance, known, evaluation, account, 10_000 * DOLLAR, multiplier)
    return sizing.size(request, settings, Blotter(), frozenset({instance.id}))


@given(up=st.integers(2, 90), gap=st.integers(1, 8), rate=RATES)
def test_a_pair_filled_at_both_limits_costs_no_more_than_it_pays(up: int, gap: int, rate: int) -> None:
    """``up``: an ask in cents; ``gap``: what both asks leave of a dollar."""
    down = 100 - up - gap
    assume(down >= 2)
    pair = book(token("up", up * 100 - 100, up * 100), token("down", down * 100 - 100, down * 100))
    instance = all_instances(SETTINGS)["parity"]
    signal = instance.strategy.evaluate(
        view(book=pair, market=market(fee_rate=rate)), instance.parameters, ("Up", "Down")
    )
    assume(signal.intents)
    orders, _ = sized(instance, pair, signal.intents, rate)
    assume(orders)
    paid = 0
    for order in orders:
        paid += cost(order.limit, order.size) + taker_fee(order.limit, order.size, rate, 1)
        assert order.limit >= {"Up": up, "Down": down}[order.outcome] * 100
    assert paid <= orders[0].size + 10  # a dollar a pair, micro-dollars; 10: fees are rounded


@given(
    ask=st.integers(1, 97), worth=st.integers(1, 99), rate=RATES, cap=st.integers(2, 400), kelly=st.floats(0.05, 1.0)
)
def test_a_marketable_purchase_is_whole_cents_and_within_its_cap(
    ask: int, worth: int, rate: int, cap: int, kelly: float
) -> None:
    """The exchange's rules for a marketable buy: dollars with two decimals, a dollar and five shares at least."""
    chosen = Settings(portfolio=Portfolio(cap_order=cap, kelly_fraction=kelly))
    instance = all_instances(chosen)["updown_fair_value"]
    pair = book(token("up", ask * 100 - 50, ask * 100), token("down", 9_900 - ask * 100, 9_950 - ask * 100))
    orders, step = sized(instance, pair, (Intent("Up", ask * 100, worth / 100),), rate, chosen)
    if not orders:
        assert step.verdict == Verdict.BLOCK
        return
    (order,) = orders
    dollars = cost(order.limit, order.size)
    assert dollars % 10_000 == 0
    assert dollars >= DOLLAR
    assert order.size >= 5 * SHARE
    assert dollars + taker_fee(order.limit, order.size, rate, 1) <= cap * DOLLAR
    assert order.reserved >= dollars + taker_fee(order.limit, order.size, rate, 1)


@given(multiplier=st.floats(0.1, 1.0))
def test_a_multiplier_makes_smaller_whatever_bounds_the_size(multiplier: float) -> None:
    """With much cash and edge the cap of an order is what bounds it: that shrinks too."""
    chosen = Settings(portfolio=Portfolio(cap_order=40))
    instance = all_instances(chosen)["updown_fair_value"]
    pair = book(token("up", 4_900, 5_000), token("down", 5_000, 5_100))
    orders, step = sized(instance, pair, (Intent("Up", 5_000, 0.9),), 0, chosen, multiplier)
    whole, _ = sized(instance, pair, (Intent("Up", 5_000, 0.9),), 0, chosen)
    assert orders and step.numbers["bound_by"] == ("ok" if multiplier == 1.0 else "performance")
    share = cost(orders[0].limit, orders[0].size) / cost(whole[0].limit, whole[0].size)
    assert multiplier - 0.02 <= share <= multiplier + 0.01
