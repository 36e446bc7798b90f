"""The strategies there are, in the order in which they are evaluated.

>>> list(STRATEGIES)
['updown_fair_value', 'parity']
"""

from __future__ import annotations

from models.strategies import parity, updown_fair_value
from models.strategies.strategy import Strategy

STRATEGIES: dict[str, Strategy] = {
    each.name: each
    for each in (
        updown_fair_value.STRATEGY,
        parity.STRATEGY,
    )
}
