"""Small inputs for the examples in the docstrings, and for tests.

>>> example_price(1.5, 60_000.0).x
1500000000
>>> example_market(lookback_s=60).rule.name
'twap60'
"""

from __future__ import annotations

from models.journal import NO_SRC, Market, Spot
from models.money import DOLLAR, SHARE
from models.settlement import Rule
from models.timestamps import SECOND


def example_price(at_s: float, price: float, ok: bool = True) -> Spot:
    """A spot price of ``price`` dollars at ``at_s`` seconds."""
    x, micro = round(at_s * SECOND), round(price * DOLLAR)
    return Spot(0, x, NO_SRC, "BTC", (), "BTC-USD", micro, ((micro, 1),), (), x, ok)


def example_market(
    start_s: int = 0, lookback_s: int = 60, strike: float | None = None, key: str = "btc-updown-5m"
) -> Market:
    """A five-minute market from ``start_s`` on, which settles on an average over ``lookback_s`` seconds, 0 = spot."""
    return Market(
        seq=0,
        t=0,
        src=NO_SRC,
        lane="BTC",
        checks=(),
        key=key,
        market="0x01",
        asset="BTC",
        horizon="5m",
        start=start_s * SECOND,
        end=(start_s + 300) * SECOND,
        up_token="up",
        down_token="down",
        tick=100,
        min_size=5 * SHARE,
        fee_rate=70_000,
        fee_exponent=1,
        rule=Rule("twap", lookback_s) if lookback_s else Rule("spot", 0),
        strike=None if strike is None else round(strike * DOLLAR),
    )
