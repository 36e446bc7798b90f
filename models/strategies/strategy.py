"""A strategy as data: its functions, its parameters, what it needs.

A strategy file under ``models/strategies`` holds its economics, parameters, needs, entry (``evaluate``) and exit
(``leave``), and ends with one ``Strategy``; ``models.strategies.registry`` lists them.

>>> from models.strategies.registry import STRATEGIES
>>> strategy = STRATEGIES["parity"]
>>> strategy.unit, strategy.threshold(strategy.parameters())
('dollars_per_pair', 0.005)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from models.section import Section
from models.strategies.detail import Detail
from models.strategies.examples import example_views
from models.strategies.holding import Holding, Leave
from models.strategies.needs import Needs
from models.strategies.signal import Intent, Signal
from models.strategies.view import View

#: ``active``: its orders are sent. ``shadow``: evaluated and shown, never entered. ``paused``: the same for the time
#: being, and each entry that it would make is refused. ``twin``: ordered on paper only. Exits go on in all of them.
State = Literal["active", "shadow", "paused", "twin"]


class Inventory(msgspec.Struct, frozen=True, gc=False):
    """Micro-shares of each outcome that an instance holds in a market, and the market's tick in pips."""

    up: int
    down: int
    tick: int


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """``section``: its table in ``profit.toml``, an object of ``parameters``. ``unit``, ``family``: of its score.

    ``evaluate(view, parameters, outcomes)`` judges a view that passed the data gate; only ``outcomes`` may be bought.
    ``threshold(parameters)`` is what its score must exceed. ``leave(holding, parameters)`` says what to sell of a
    holding and why, None for nothing. All three are pure functions.

    ``sells_pairs(parameters)``: whether it may want to sell both outcomes of a complete pair before the settlement;
    else a pair that an instance holds is left alone.

    ``quotes``: its intents are the quotes it wants to stand from now on, and no orders to be sent once; ``skew(intents,
    inventory, parameters)`` then says what they become by what the instance holds.

    ``detail``: the class of what it shows beyond the scan row. ``examples()``: views that it is rehearsed on at
    start-up; one of them must make it show its detail."""

    name: str
    section: str
    unit: str
    family: str
    needs: Needs
    parameters: type[Section]
    evaluate: Callable[[View, Any, tuple[str, ...]], Signal]
    threshold: Callable[[Any], float]
    leave: Callable[[Holding, Any], Leave | None]
    sells_pairs: Callable[[Any], bool] = lambda parameters: False
    quotes: bool = False
    skew: Callable[[tuple[Intent, ...], Inventory, Any], tuple[Intent, ...]] | None = None
    detail: type[Detail] | None = None
    examples: Callable[[], tuple[View, ...]] = example_views
