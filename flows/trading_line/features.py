"""The features of one underlying: each computed once, however many instances want it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from models.contracts import Number
from models.features.feature import Computation, Feature, Key, Stateless, Values, plan_of
from models.features.history import SpotHistory
from models.features.registry import FEATURES
from models.journal import AnyEvent, Book, Clock, Input, Market, Spot, Trade
from models.strategies.instance import Instance

Compute = Callable[[Market, int, SpotHistory, Values], Any]
_KINDS: dict[type, str] = {
    Spot: "spot",
    Market: "market",
    Book: "book",
    Trade: "trade",
    Clock: "clock",
    Input: "input",
}


class FeaturePlan:
    """What one instance wants computed. Plans with the same keys are one plan. ``number``: of the plan, from 0."""

    def __init__(self, keys: tuple[Key, ...], number: int) -> None:
        self.keys = keys
        self.number = number
        self.shared: list[tuple[str, Compute]] = []  # of features that are the same for every market
        self.own: dict[str, Compute] = {}  # of the others
        self.latest: tuple[int, dict[str, Any]] = (-1, {})  # the shared values, after how many changes
        self._row: tuple[Values | None, dict[str, Number]] = (None, {})
        self.rows: list[tuple[str, Feature]] = []  # what is added to the names of the row, "" mostly

    def row(self, values: Values) -> dict[str, Number]:
        """The values as numbers for an instance's own trace, by their plain names. Not to be changed: it is kept."""
        known, row = self._row
        if known is not values:
            row = {}
            for _, feature in self.rows:
                row.update(feature.row(values[feature.name]))
            self._row = (values, row)
        return row

    def shared_row(self, values: Values) -> dict[str, Number]:
        """The values as numbers for the market's row, by names that differ from those of other plans."""
        if not any(suffix for suffix, _ in self.rows):
            return self.row(values)
        row: dict[str, Number] = {}
        for suffix, feature in self.rows:
            for name, value in feature.row(values[feature.name]).items():
                row[name + suffix] = value
        return row


class _Lazy(dict[str, Any]):
    """Values of a market's features, each computed when it is first asked for: where a data gate blocks, few are. They
    are good until the next event."""

    __slots__ = ("at",)
    at: tuple[dict[str, Compute], Market, int, SpotHistory]

    def __missing__(self, name: str) -> Any:
        own, market, as_of, history = self.at
        value = self[name] = own[name](market, as_of, history, self)
        return value


class UnderlyingFeatures:
    """Feed ``take`` every event of the underlying; read ``values`` by plan and market.

    Where instances want one feature with different parameters, the first keeps the plain names in the features row, and
    the names of each other end in ``@`` and the id of the first instance that wants it so."""

    def __init__(self, state: dict[str, Any] | None = None) -> None:
        self.history = SpotHistory()
        self.changes = 0  # rises with every event that a feature may have changed by
        self._plans: dict[tuple[Key, ...], FeaturePlan] = {}
        self._computations: dict[Key, Computation] = {}
        self._hearing: dict[type, list[Computation]] = {}
        self._at_seconds: list[Computation] = []
        self._state = state or {}
        if "history" in self._state:
            self.history = msgspec.convert(self._state["history"], SpotHistory, str_keys=True)

    def plan(self, names: Iterable[str], parameters: dict[str, Any], owner: str) -> FeaturePlan:
        """The plan for these features, made when it is new. Raises ValueError for a name that is no feature."""
        keys = plan_of(names, parameters, FEATURES)
        plan = self._plans.get(keys)
        if plan is not None:
            return plan
        plan = FeaturePlan(keys, len(self._plans))
        for key in keys:
            feature = FEATURES[key.name]
            suffix = self._suffix(key, owner)
            compute = self._computation(key, feature).value
            if feature.shared:
                plan.shared.append((key.name, compute))
            else:
                plan.own[key.name] = compute
            plan.rows.append((suffix, feature))
        self._plans[keys] = plan
        return plan

    def plan_for(self, instance: Instance) -> FeaturePlan:
        """The plan of an instance under its parameters."""
        return self.plan(instance.limits.needs.features, instance.parameters.model_dump(), instance.id)

    def take(self, event: AnyEvent) -> None:
        """An event of the underlying."""
        history = self.history
        if isinstance(event, Spot):
            self.changes += 1
            second = history.second
            if not history.take(event):
                return
            if history.second != second:
                for each in self._at_seconds:
                    each.take(event, history)
        hearing = self._hearing.get(type(event))
        if hearing:
            self.changes += 1
            for each in hearing:
                each.take(event, history)

    def values(self, plan: FeaturePlan, market: Market, as_of: int) -> Values:
        """The values of a plan's features for a market, at ``as_of`` by the feed's clock; good until the next event."""
        history = self.history
        changes, shared = plan.latest
        if changes != self.changes:
            shared = {}
            for name, compute in plan.shared:
                shared[name] = compute(market, as_of, history, shared)
            plan.latest = (self.changes, shared)
        values = _Lazy(shared)
        values.at = (plan.own, market, as_of, history)
        return values

    def forget(self, market_key: str) -> None:
        for each in self._computations.values():
            each.forget(market_key)

    def state(self) -> dict[str, Any]:
        """Everything that is remembered, as plain data by name; ``UnderlyingFeatures(state)`` goes on from there.
        A feature whose parameters or version are others then begins anew."""
        state = {_name(key): msgspec.to_builtins(each, str_keys=True) for key, each in self._computations.items()}
        return {"history": msgspec.to_builtins(self.history, str_keys=True), **state}

    def _computation(self, key: Key, feature: Feature) -> Computation:
        computation = self._computations.get(key)
        if computation is None:
            own = {name: value for name, value in key.parameters if name in feature.parameters}
            computation = feature.computation(**own)
            stored = self._state.get(_name(key))
            if stored is not None:
                computation = msgspec.convert(stored, type(computation), str_keys=True)
            self._computations[key] = computation
            if isinstance(computation, Stateless):
                return computation
            if "second" in feature.events:
                self._at_seconds.append(computation)
            for kind, name in _KINDS.items():
                if name in feature.events:
                    self._hearing.setdefault(kind, []).append(computation)
        return computation

    def _suffix(self, key: Key, owner: str) -> str:
        for plan in self._plans.values():
            for known, (suffix, _) in zip(plan.keys, plan.rows, strict=True):
                if known == key:
                    return suffix
        return f"@{owner}" if any(known.name == key.name for known in self._computations) else ""


def _name(key: Key) -> str:
    """A feature's name in the state."""
    return f"{key.text}/{FEATURES[key.name].version}"
