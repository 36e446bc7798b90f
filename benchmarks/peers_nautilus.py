"""The other side of ``profit bench peers``: nautilus_trader's backtest engine, in a Python of its own.

    PYTHON -m benchmarks.peers_nautilus ROWS.json

The rows are those of our journal: spot prices and pairs of books. At the same rows both sides evaluate the same
function: fair value by ``models.fair_value`` on ``models.volatility``, less the taker fee, against the asks of both
outcomes. Building the other engine's objects is not counted, running it is. Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig  # type: ignore[import-not-found]
from nautilus_trader.config import LoggingConfig, StrategyConfig  # type: ignore[import-not-found]
from nautilus_trader.model.currencies import USD  # type: ignore[import-not-found]
from nautilus_trader.model.data import QuoteTick  # type: ignore[import-not-found]
from nautilus_trader.model.enums import (  # type: ignore[import-not-found]
    AccountType,
    AssetClass,
    OmsType,
    OrderSide,
    TimeInForce,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue  # type: ignore[import-not-found]
from nautilus_trader.model.instruments import BinaryOption  # type: ignore[import-not-found]
from nautilus_trader.model.objects import Money, Price, Quantity  # type: ignore[import-not-found]
from nautilus_trader.trading.strategy import Strategy  # type: ignore[import-not-found]

from models.fair_value import probability_up
from models.fees import fee_per_share
from models.volatility import EwmaVariance

VENUE = Venue("POLYMARKET")
SECOND = 1_000_000_000


class Window:
    """A market under way: its strike, when it is open (Unix ns), and the asks of both outcomes."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.start, self.end, self.strike = row["start"], row["end"], row["strike"]
        self.lookback, self.rate = row["lookback"], row["rate"]
        self.asks = [0.0, 0.0]
        self.bought = False


class FairValue(Strategy):  # type: ignore[misc]
    """Buys five shares of an outcome, once a window, where its edge after the fee is above the threshold."""

    def __init__(self, windows: dict[str, Window], spot: InstrumentId, threshold: float) -> None:
        super().__init__(StrategyConfig())
        self.windows, self.spot, self.threshold = windows, spot, threshold
        self.variance = EwmaVariance(900.0)
        self.price, self.sampled, self.evaluations, self.orders_sent = 0.0, 0, 0, 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self.spot)
        for key in self.windows:
            for outcome in ("UP", "DOWN"):
                self.subscribe_quote_ticks(InstrumentId(Symbol(f"{key}-{outcome}"), VENUE))

    def on_quote_tick(self, tick: QuoteTick) -> None:
        t = tick.ts_event
        if tick.instrument_id == self.spot:
            self.price = tick.bid_price.as_double()
            if t - self.sampled >= 5 * SECOND:
                self.sampled = t
                self.variance.update(t / SECOND, self.price)
            for key, window in self.windows.items():
                if window.start <= t < window.end:
                    self.judge(key, window, t)
            return
        key, _, outcome = tick.instrument_id.symbol.value.rpartition("-")
        window = self.windows[key]
        window.asks[outcome == "DOWN"] = tick.ask_price.as_double()
        if outcome == "DOWN" and window.start <= t < window.end:
            self.judge(key, window, t)

    def judge(self, key: str, window: Window, t: int) -> None:
        self.evaluations += 1
        if not (self.price and self.variance.count >= 10 and window.asks[0] and window.asks[1]):
            return
        left = (window.end - t) / SECOND
        fair = probability_up(self.price, window.strike, self.variance.value, left, min(window.lookback, left))
        for number, outcome in enumerate(("UP", "DOWN")):
            ask = window.asks[number]
            worth = fair if number == 0 else 1.0 - fair
            if worth - ask - fee_per_share(ask, window.rate, 1) > self.threshold and not window.bought:
                window.bought = True
                self.orders_sent += 1
                self.submit_order(
                    self.order_factory.limit(
                        instrument_id=InstrumentId(Symbol(f"{key}-{outcome}"), VENUE),
                        order_side=OrderSide.BUY,
                        quantity=Quantity(5, 2),
                        price=Price(round(ask + 0.01, 2), 2),
                        time_in_force=TimeInForce.IOC,
                    )
                )


def instrument(symbol: str) -> BinaryOption:
    return BinaryOption(
        instrument_id=InstrumentId(Symbol(symbol), VENUE),
        raw_symbol=Symbol(symbol),
        asset_class=AssetClass.ALTERNATIVE,
        currency=USD,
        price_precision=2,
        size_precision=2,
        price_increment=Price(0.01, 2),
        size_increment=Quantity(0.01, 2),
        activation_ns=0,
        expiration_ns=2**62,
        ts_event=0,
        ts_init=0,
        maker_fee=Decimal(0),
        taker_fee=Decimal(0),
    )


def main() -> int:
    rows = json.loads(Path(sys.argv[1]).read_text())
    windows = {row["key"]: Window(row) for row in rows["markets"]}
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(VENUE, OmsType.NETTING, AccountType.CASH, [Money(1_000_000, USD)], base_currency=USD)
    spot = instrument("SPOT")
    engine.add_instrument(spot)
    for key in windows:
        for outcome in ("UP", "DOWN"):
            engine.add_instrument(instrument(f"{key}-{outcome}"))
    ticks, one = [], Quantity(100, 2)
    for t, key, *prices in rows["events"]:
        if not key:
            price = Price(prices[0], 2)
            ticks.append(QuoteTick(spot.id, price, price, one, one, t, t))
            continue
        for number, outcome in enumerate(("UP", "DOWN")):
            bid, ask = prices[2 * number], prices[2 * number + 1]
            name = InstrumentId(Symbol(f"{key}-{outcome}"), VENUE)
            ticks.append(QuoteTick(name, Price(bid, 2), Price(ask, 2), one, one, t, t))
    strategy = FairValue(windows, spot.id, rows["threshold"])
    engine.add_strategy(strategy)
    engine.add_data(ticks)
    begun = time.process_time()
    engine.run()
    seconds = time.process_time() - begun
    figures = {"seconds": seconds, "evaluations": strategy.evaluations, "orders": strategy.orders_sent}
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
