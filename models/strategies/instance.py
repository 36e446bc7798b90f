"""Strategies at work: the same strategy may run several times, each with its own id, parameters and state.

By default there is one instance a strategy, under the strategy's name, active or as its section's ``state`` says;
``[[instances]]`` tables of the configuration add more, and one whose id is a strategy's name says what becomes of that
default instance. ``InstanceTable`` is such a table, ``refusal`` says what is wrong with a list of them, ``instances``
gives what is to be evaluated, ``all_instances`` also what is switched off: a position may outlive it, and outlives an
instance that is configured no more (``Terms``).

>>> table = InstanceTable(id="eager", strategy="updown_fair_value", state="shadow", parameters={"min_edge": 0.001})
>>> refusal((table,)), refusal((table, table))
('', 'instances.1.id = "eager" is taken: ids are unique.')
>>> refusal((InstanceTable(id="b", strategy="parity", parameters={"min_egde": 0}),))
'instances.0.parameters.min_egde: strategy parity has no such key. Did you mean min_edge?'
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import Field, ValidationError

from models.section import Section
from models.strategies.needs import Limits, limits
from models.strategies.registry import STRATEGIES
from models.strategies.strategy import State, Strategy

if TYPE_CHECKING:  # the settings hold the tables of the instances
    from models.settings import Settings


class InstanceTable(Section):
    """A further instance of a strategy, or, under the strategy's own name, its default instance."""

    id: str = Field(pattern=r"^[a-z0-9_-]+$", max_length=40, description="its name everywhere: unique")
    strategy: str = Field(description="the strategy that it runs")
    state: State = Field("active", description="active, shadow (evaluated, never entered), paused or twin (paper only)")
    parameters: dict[str, bool | int | float | str] = Field(
        {}, description="keys of the strategy's section, overridden"
    )


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy with parameters. ``parameters``: an object of the strategy's own class. ``threshold``: what a score
    must exceed. ``enabled``: whether it is evaluated at all. ``model``: id of the model it uses."""

    id: str
    strategy: Strategy
    parameters: Any
    state: State
    limits: Limits
    threshold: float
    model: str = "none"
    enabled: bool = True

    @property
    def module(self) -> str:
        """Its name on the trace and on telemetry; its data gate's is ``limits.module``."""
        return "strategy." + self.id


class Terms(msgspec.Struct, frozen=True):
    """What an instance went by last, as plain data: its strategy, and its parameters by name."""

    strategy: str
    parameters: dict[str, Any]


def terms_of(instance: Instance) -> Terms:
    """What is to be remembered of an instance, for the time when it is configured no more."""
    return Terms(instance.strategy.name, instance.parameters.model_dump(mode="json"))


def retired(name: str, terms: Terms, settings: Settings) -> Instance:
    """An instance that is configured no more and goes on leaving its positions by its own rules."""
    strategy = STRATEGIES[terms.strategy]
    parameters = strategy.parameters(**{**terms.parameters, "enabled": False})
    return _instance(name, strategy, parameters, "paused", settings)


def all_instances(settings: Settings) -> dict[str, Instance]:
    """Every instance by id, switched off or not, in the order of evaluation."""
    found: dict[str, Instance] = {}
    for strategy in STRATEGIES.values():
        section = getattr(settings, strategy.section)
        state: State = getattr(section, "state", "active")
        found[strategy.name] = _instance(strategy.name, strategy, section, state, settings)
    for table in settings.instances:
        strategy = STRATEGIES[table.strategy]
        found[table.id] = _instance(table.id, strategy, _parameters(table, settings), table.state, settings)
    return found


def instances(settings: Settings) -> tuple[Instance, ...]:
    """The instances that are switched on, in the order of evaluation."""
    return tuple(each for each in all_instances(settings).values() if each.enabled)


def refusal(tables: Sequence[InstanceTable]) -> str:
    """What is wrong with the tables, a line each; "" when nothing is."""
    return "\n".join(_findings(tables))


def _instance(name: str, strategy: Strategy, parameters: Any, state: State, settings: Settings) -> Instance:
    return Instance(
        id=name,
        strategy=strategy,
        parameters=parameters,
        state=state,
        limits=limits(name, strategy.needs, parameters, settings),
        threshold=strategy.threshold(parameters),
        enabled=parameters.enabled,
    )


def _parameters(table: InstanceTable, settings: Settings) -> Section:
    """The strategy's section with what the table overrides. A further instance is on unless its own table says
    otherwise."""
    strategy = STRATEGIES[table.strategy]
    section: Section = getattr(settings, strategy.section)
    given = section.model_dump()
    if table.id != strategy.name:
        given["enabled"] = True
    return strategy.parameters(**{**given, **table.parameters})


def _findings(tables: Sequence[InstanceTable]) -> Iterator[str]:
    taken: set[str] = set()
    for number, table in enumerate(tables):
        where = f"instances.{number}"
        if table.id in taken:
            yield f'{where}.id = "{table.id}" is taken: ids are unique.'
        elif table.id in STRATEGIES and table.id != table.strategy:
            yield f'{where}.id = "{table.id}" is taken: it is the name of the default instance of that strategy.'
        taken.add(table.id)
        strategy = STRATEGIES.get(table.strategy)
        if strategy is None:
            near = _near(table.strategy, STRATEGIES)
            yield f'{where}.strategy = "{table.strategy}" is not allowed: there is no such strategy.{near}'
            continue
        keys = strategy.parameters.model_fields
        for key in table.parameters:
            if key not in keys:
                yield f"{where}.parameters.{key}: strategy {strategy.name} has no such key.{_near(key, keys)}"
        try:
            strategy.parameters(**{key: value for key, value in table.parameters.items() if key in keys})
        except ValidationError as cause:
            for error in cause.errors():
                key = ".".join(str(part) for part in error["loc"])
                allowed = error["msg"].removeprefix("Input should be ")
                yield f"{where}.parameters.{key} = {error['input']!r} is not allowed: it must be {allowed}."


def _near(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f" Did you mean {near[0]}?" if near else f" There are: {', '.join(known)}."
