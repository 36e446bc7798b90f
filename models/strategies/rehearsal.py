"""The rehearsal of a strategy: it is asked about its own example views before anything starts.

So a field that its ``detail`` does not declare, or that is of another kind, is found at start-up and not in the middle
of a run.

>>> from models.strategies.registry import STRATEGIES
>>> fault_of(STRATEGIES["parity"])
''
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from models.failures import Failure
from models.reasons import Verdict
from models.strategies.detail import fields_of, numbers_of
from models.strategies.signal import Signal
from models.strategies.strategy import Strategy

if TYPE_CHECKING:  # an instance is made of settings, and those of the strategies
    from models.strategies.instance import Instance

_NAMED = re.compile(r"keyword argument '(\w+)'|argument '(\w+)'|attribute '(\w+)'|`\$\.(\w+)`")


class RehearsalFailed(Failure):
    """A strategy that does not keep to what it declares."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause, "Correct the strategy's file; docs/your-strategy.md says what it may show.")


def require_rehearsed(instances: Iterable[Instance]) -> None:
    """Rehearse the strategies of these instances. Raises RehearsalFailed with strategy and field."""
    for strategy in {each.strategy.name: each.strategy for each in instances}.values():
        fault = fault_of(strategy)
        if fault:
            raise RehearsalFailed(fault)


def fault_of(strategy: Strategy) -> str:
    """What is wrong with what a strategy shows on its examples, in one line; "" where nothing is."""
    wrong = _declared(strategy)
    if wrong:
        return wrong
    shown = False
    for number, view in enumerate(strategy.examples()):
        where = f"strategy {strategy.name}, example {number}"
        try:
            signal = strategy.evaluate(view, strategy.parameters(), ("Up", "Down"))
        except Exception as cause:  # whatever its own code raises is its own fault
            field = _field(str(cause))
            return f"{where}: {field}{cause}."
        fault = _shown(strategy, signal)
        if fault:
            return f"{where}: {fault}"
        shown = shown or (signal.detail is not None and signal.verdict == Verdict.PASS)
    if strategy.detail is not None and not shown:
        return f"strategy {strategy.name}: none of its examples passes and shows its {strategy.detail.__name__}."
    return ""


def _declared(strategy: Strategy) -> str:
    if strategy.detail is None:
        return ""
    for field in fields_of(strategy.detail):
        where = f"strategy {strategy.name}: {strategy.detail.__name__}.{field.name}"
        if not field.kind:
            return f"{where} is neither number nor text."
        if not field.meaning:
            return f"{where} has no meaning and unit: Annotated[…, Meta(description=…)]."
    return ""


def _shown(strategy: Strategy, signal: Signal) -> str:
    detail: Any = signal.detail
    if detail is None:
        return ""
    if strategy.detail is None or type(detail) is not strategy.detail:
        extra = "".join(f" field {name}," for name in numbers_of(detail))
        return f"it shows {type(detail).__name__},{extra} which it does not declare as its detail."
    try:
        msgspec.convert(msgspec.structs.asdict(detail), strategy.detail)
    except msgspec.ValidationError as cause:
        return f"{_field(str(cause))}{cause}."
    return ""


def _field(text: str) -> str:
    found = _NAMED.search(text)
    return f"field {next(filter(None, found.groups()))}: " if found else ""
