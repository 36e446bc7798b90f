"""Quotes that stand: what a quoting strategy wants is compared with its working post-only orders, event by event.

Its intents are the quotes that it wants to stand now. A working one at another price is cancelled, and so is every one
where the strategy holds, its data gate blocks, or nobody asked it for a while (a silent feed, an instance that is
configured no more). A missing one is sent through the gates and sized by itself; while an outcome's old quote is on its
way out no new one follows, so that both are never filled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.orders import WorkingOrder
from models.reasons import Verdict
from models.strategies.instance import Instance
from models.strategies.signal import Intent
from models.strategies.strategy import Inventory
from models.timestamps import SECOND
from models.trace import Evaluation

#: A quote that nobody confirmed for so long is cancelled.
_FORSAKEN_NS = 2 * SECOND


class Requote(NamedTuple):
    """What is to be done about an instance's quotes in a market."""

    cancel: tuple[WorkingOrder, ...]
    send: tuple[Intent, ...]


class Quotes:
    """Remembers when each instance was last asked about each market."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[str, int]] = {}  # market -> instance -> Unix ns

    def compare(
        self, t: int, instance: Instance, evaluation: Evaluation, inventory: Inventory, working: Iterable[WorkingOrder]
    ) -> Requote:
        """``inventory``: what the instance holds in the market; ``working``: its orders there."""
        self._asked.setdefault(evaluation.market_key, {})[instance.id] = t
        wanted: tuple[Intent, ...] = evaluation.intents if evaluation.verdict == Verdict.PASS else ()
        if wanted and instance.strategy.skew is not None:
            wanted = instance.strategy.skew(wanted, inventory, instance.parameters)
        prices = {intent.outcome: intent.price for intent in wanted}
        cancel: list[WorkingOrder] = []
        standing: set[str] = set()
        for order in working:
            standing.add(order.outcome)
            if order.post_only and not order.cancelling and prices.get(order.outcome) != order.limit:
                cancel.append(order)
        return Requote(tuple(cancel), tuple(intent for intent in wanted if intent.outcome not in standing))

    def forsaken(self, t: int, working: Iterable[WorkingOrder]) -> Iterator[WorkingOrder]:
        """The quotes whose strategy was not asked for a while, at ``t`` (Unix ns)."""
        for order in working:
            if not order.post_only or order.cancelling:
                continue
            asked = self._asked.get(order.market_key, {}).get(order.instance, 0)
            if t - asked > _FORSAKEN_NS:
                yield order

    def forget(self, market: str) -> None:
        self._asked.pop(market, None)
