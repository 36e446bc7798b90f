"""What a feature is: its name, unit, version and inputs, and the computation behind it.

A provider is one file under ``models/features``: its docstring says what the feature means, its ``FEATURE`` object is
listed in ``models.features.registry``. Strategies name the features they need; the view of a market carries their
values, and the features row, the span on the trace and the documentation are written from the same object.

>>> from models.features.registry import FEATURES
>>> feature = FEATURES["settlement_average"]
>>> feature.unit, feature.inputs
('dollars', ('spot', 'market'))
>>> plan = plan_of(("fair",), {"half_life_s": 60.0}, FEATURES)
>>> [key.name for key in plan]  # what it rests on comes first
['spot_price', 'strike', 'variance', 'settlement_average', 'fair']
>>> plan[2].text
'variance(half_life_s=60.0,sample_s=5.0)'
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec

from models.contracts import Number
from models.features.history import SpotHistory
from models.journal import AnyEvent, Market

#: The kinds of journal events that a feature may be computed from; its other inputs are features. ``second``: a sound
#: price of spot that is the first to reach another whole second of the feed's clock.
EVENTS = frozenset({"spot", "second", "market", "book", "trade", "clock", "input"})
Values = Mapping[str, Any]  # feature -> its value


class Computation(Protocol):
    """One feature of one underlying: a ``msgspec.Struct``, because its fields are its state and are kept by name."""

    def take(self, event: AnyEvent, history: SpotHistory) -> None:
        """An event of a kind that the feature declares. The history has taken it already; prices that failed their
        checks or came too late are not handed on."""

    def value(self, market: Market, as_of: int, history: SpotHistory, values: Values) -> Any:
        """The feature's value for a market at ``as_of`` (Unix ns of the feed's clock). ``values``: of the features that
        it rests on."""

    def forget(self, market_key: str) -> None:
        """The market is over."""


class Stateless(msgspec.Struct):
    """A computation that keeps nothing: its value follows from the history and other features alone."""

    def take(self, event: AnyEvent, history: SpotHistory) -> None:
        pass

    def forget(self, market_key: str) -> None:
        pass


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """``inputs``: kinds of journal events, and features. ``meaning``: in one sentence. ``parameters``: what a strategy
    may set by a parameter of the same name, with what holds where it does not. ``computation``: made with them as
    keywords. ``row(value)``: the value as the numbers that are shown. ``version`` rises when the same input gives other
    values. ``shared``: the value is the same for every market of the underlying; it rests on nothing that is not."""

    name: str
    unit: str
    version: int
    inputs: tuple[str, ...]
    meaning: str
    computation: Callable[..., Computation]
    row: Callable[[Any], dict[str, Number]]
    parameters: dict[str, float] = {}
    shared: bool = False

    @property
    def events(self) -> frozenset[str]:
        return EVENTS.intersection(self.inputs)

    @property
    def rests_on(self) -> tuple[str, ...]:
        return tuple(each for each in self.inputs if each not in EVENTS)


class Key(msgspec.Struct, frozen=True):
    """A feature with its parameters and those of what it rests on: what is computed once, however many instances ask
    for it."""

    name: str
    parameters: tuple[tuple[str, float], ...] = ()

    @property
    def text(self) -> str:
        inside = ",".join(f"{name}={value}" for name, value in self.parameters)
        return f"{self.name}({inside})" if inside else self.name


def plan_of(names: Iterable[str], parameters: Mapping[str, Any], features: Mapping[str, Feature]) -> tuple[Key, ...]:
    """The features and what they rest on, in an order in which they can be computed. Raises ValueError for a name that
    is no feature."""
    plan: dict[str, Key] = {}

    def add(name: str) -> None:
        if name in plan:
            return
        feature = features.get(name)
        if feature is None:
            raise ValueError(f"{name}: there is no such feature. There are: {', '.join(features)}.")
        for each in feature.rests_on:
            add(each)
        inside = {key: float(parameters.get(key, default)) for key, default in feature.parameters.items()}
        for each in feature.rests_on:
            inside.update(plan[each].parameters)
        plan[name] = Key(name, tuple(sorted(inside.items())))

    for name in names:
        add(name)
    return tuple(plan.values())
