"""Orders of several markets at one event: each has a name of its own."""

from __future__ import annotations

from collections import Counter

from connectors.simulator.exchange import ExchangeParameters
from tests.faults.harness import play
from tests.faults.pipeline import trade


def test_markets_that_are_entered_at_one_event_have_orders_of_their_own() -> None:
    given = ExchangeParameters(
        assets=("BTC", "ETH"), horizons=("5m", "15m"), lag_s=5, maker_error=0.05, frames_per_s=4, resolution_delay_s=5
    )
    orders = [each for each in trade(play(None, 60, given).records).orders if each["status"] == "submitted"]
    at_once = Counter((each["journal"], each["strategy"]) for each in orders if each["side"] == "buy")
    assert max(at_once.values()) > 1  # else nothing is tried here
    assert len({each["id"] for each in orders}) == len(orders)
