"""What orders may cost: whatever the book does before they arrive, both legs of a pair pay together what they cost."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from flows.trading_line.known import Held
from flows.trading_line.outbox import Outbox
from flows.trading_line.positions import Money
from flows.trading_line.sizing import Sizing
from models.fees import taker_fee
from models.money import DOLLAR, cost
from models.settings import Settings
from models.strategies.parity import evaluate
from models.strategies.registry import limits_of
from tests.models.strategies.views import book, market, token, view

SETTINGS = Settings()


@given(up=st.integers(2, 90), gap=st.integers(1, 8), rate=st.sampled_from([0, 35_000, 70_000, 100_000]))
def test_a_pair_filled_at_both_limits_costs_no_more_than_it_pays(up: int, gap: int, rate: int) -> None:
    """``up``: an ask in cents; ``gap``: what both asks leave of a dollar."""
    down = 100 - up - gap
    assume(down >= 2)
    pair = book(token("up", up * 100 - 100, up * 100), token("down", down * 100 - 100, down * 100))
    seen = view(book=pair, market=market(fee_rate=rate))
    evaluation = evaluate(seen, SETTINGS.parity)
    assume(evaluation.intents)
    money, out = Money(10_000 * DOLLAR), Outbox("trading")
    money.open(0, seen.t, out)
    sizing = Sizing(SETTINGS, limits_of(SETTINGS))
    orders, _ = sizing.size(1, seen.t, Held(seen.market, pair), evaluation, money, [], 10_000 * DOLLAR)
    assume(orders)
    paid = 0
    for order in orders:
        paid += cost(order.limit, order.size) + taker_fee(order.limit, order.size, rate, 1)
        assert order.limit >= {"Up": up, "Down": down}[order.outcome] * 100
    assert paid <= orders[0].size + 10  # a dollar a pair, micro-dollars; 10: fees are rounded
