"""The strategies there are: the one list that lanes, gates and portfolio go by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from models.settings import Settings
from models.strategies import parity, updown_fair_value
from models.strategies.needs import Limits, Needs, limits
from models.strategies.view import View
from models.trace import Evaluation, Step


class Strategy(msgspec.Struct, frozen=True):
    """``section`` of the settings is its own; ``evaluate(view, section, outcomes, before)`` judges a view that passed
    the data gate; ``threshold(section)`` is what its score must exceed, in ``unit``."""

    name: str
    section: str
    unit: str
    family: str
    needs: Needs
    evaluate: Callable[[View, Any, tuple[str, ...], tuple[Step, ...]], Evaluation]
    threshold: Callable[[Any], float]


class Active(msgspec.Struct, frozen=True):
    """A strategy under settings: its section, and its needs as limits."""

    strategy: Strategy
    settings: Any
    limits: Limits
    threshold: float


STRATEGIES: dict[str, Strategy] = {
    each.NAME: Strategy(each.NAME, section, each.UNIT, each.FAMILY, each.NEEDS, each.evaluate, each.threshold)
    for section, each in (("fair_value", updown_fair_value), ("parity", parity))
}


def limits_of(settings: Settings) -> dict[str, Limits]:
    """The limits of every strategy, enabled or not: a position may outlive the strategy that took it."""
    return {name: limits(strategy.needs, settings) for name, strategy in STRATEGIES.items()}


def active(settings: Settings) -> tuple[Active, ...]:
    """The enabled strategies, in the order in which they are evaluated."""
    chosen = []
    for strategy in STRATEGIES.values():
        section = getattr(settings, strategy.section)
        if section.enabled:
            bounds = limits(strategy.needs, settings)
            chosen.append(Active(strategy, section, bounds, strategy.threshold(section)))
    return tuple(chosen)
