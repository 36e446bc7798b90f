"""The strategies there are, in the order in which they are evaluated.

>>> [each.name for each in STRATEGIES.values() if each.quotes]
['quote_fair']
"""

from __future__ import annotations

from models.strategies import (
    book_imbalance,
    expiry_carry,
    lead_lag,
    overreaction,
    parity,
    quote_fair,
    updown_fair_value,
    window_consistency,
)
from models.strategies.strategy import Strategy

STRATEGIES: dict[str, Strategy] = {
    each.name: each
    for each in (
        updown_fair_value.STRATEGY,
        parity.STRATEGY,
        lead_lag.STRATEGY,
        book_imbalance.STRATEGY,
        overreaction.STRATEGY,
        expiry_carry.STRATEGY,
        window_consistency.STRATEGY,
        quote_fair.STRATEGY,
    )
}
