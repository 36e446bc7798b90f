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
from typing import Any

import msgspec

from models.section import Section
from models.strategies.holding import Holding, Leave
from models.strategies.needs import Needs
from models.strategies.signal import Signal
from models.strategies.view import View


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """``section``: its table in ``profit.toml``, an object of ``parameters``. ``unit``, ``family``: of its score.

    ``evaluate(view, parameters, outcomes)`` judges a view that passed the data gate; only ``outcomes`` may be bought.
    ``threshold(parameters)`` is what its score must exceed. ``leave(holding, parameters)`` says what to sell of a
    holding and why, None for nothing. All three are pure functions."""

    name: str
    section: str
    unit: str
    family: str
    needs: Needs
    parameters: type[Section]
    evaluate: Callable[[View, Any, tuple[str, ...]], Signal]
    threshold: Callable[[Any], float]
    leave: Callable[[Holding, Any], Leave | None]
