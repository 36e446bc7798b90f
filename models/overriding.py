"""Single keys of the settings, given as ``KEY=VALUE``: for one replay, one simulation, or each run of a sweep.

A key is a section and a name, ``fair_value.min_edge``, or belongs to an instance: ``instances.eager.state`` and
``instances.eager.parameters.min_edge``.

>>> changed = overridden(Settings(), ["fair_value.min_edge=0.02", "feeds.assets=BTC,ETH"])
>>> changed.fair_value.min_edge, changed.feeds.assets
(0.02, ['BTC', 'ETH'])
>>> overridden(Settings(), ["fair_value.min_egde=0.02"])
Traceback (most recent call last):
    ...
models.failures.Failure: --set fair_value.min_egde: there is no such key. Did you mean fair_value.min_edge? \
The keys and their defaults are in profit.toml.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from typing import Any, Final, get_origin

from pydantic import ValidationError

from models.failures import Failure
from models.settings import Settings, key_types, nearest_key

_KEYS: Final = "The keys and their defaults are in profit.toml."
_INSTANCES: Final = "instances"


def assignment(word: str) -> tuple[str, str]:
    """``KEY=VALUE`` as (key, value). Raises Failure where there is no equals sign."""
    key, sign, value = word.partition("=")
    if not sign or not key.strip():
        raise Failure(f"--set {word} is no KEY=VALUE.", "Write it like fair_value.min_edge=0.02.")
    return key.strip(), value.strip()


def overridden(settings: Settings, words: Iterable[str]) -> Settings:
    """``settings`` with each ``KEY=VALUE`` of ``words``; the last one of a key counts. Raises Failure for a key that
    there is not, naming the nearest, and for a value that is not allowed."""
    chosen = dict(map(assignment, words))
    if not chosen:
        return settings
    kinds = key_types()
    given = settings.model_dump()
    for key, value in chosen.items():
        if key.startswith(f"{_INSTANCES}."):
            _set_instance(given, settings, key, value)
            continue
        if key not in kinds or key == _INSTANCES:
            raise Failure(f"--set {key}: there is no such key.{nearest_key(key)}", _KEYS)
        section, _, name = key.rpartition(".")
        (given[section] if section else given)[name] = _listed(value) if _is_list(kinds[key]) else value
    try:
        return Settings.model_validate(given)
    except ValidationError as cause:
        raise Failure(_refused(cause, chosen), _KEYS) from None


def _set_instance(given: dict[str, Any], settings: Settings, key: str, value: str) -> None:
    _, name, *path = key.split(".")
    tables = {each.id: number for number, each in enumerate(settings.instances)}
    if name not in tables:
        near = difflib.get_close_matches(name, tables, 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise Failure(
            f"--set {key}: there is no instance {name}.{hint}", "[[instances]] tables of the settings add some."
        )
    table = given[_INSTANCES][tables[name]]
    if path == ["state"]:
        table["state"] = value
    elif len(path) == 2 and path[0] == "parameters":
        table["parameters"] = {**table["parameters"], path[1]: _scalar(value)}
    else:
        raise Failure(f"--set {key}: there is no such key of an instance.", "It has state and parameters.KEY.")


def _is_list(kind: Any) -> bool:
    return get_origin(kind) in (list, tuple)


def _listed(value: str) -> Any:
    """A list, as JSON or as words with commas between them."""
    if value.startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return [each.strip() for each in value.split(",") if each.strip()]


def _scalar(value: str) -> Any:
    """A number or a truth value where it reads like one, else the text."""
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, bool | int | float | str) else value


def _refused(cause: ValidationError, chosen: dict[str, str]) -> str:
    """What is wrong with the values, a sentence each."""
    said: list[str] = []
    for error in cause.errors():
        loc = [str(part) for part in error["loc"]]
        key = next((".".join(loc[:size]) for size in range(len(loc), 0, -1) if ".".join(loc[:size]) in chosen), "")
        what = error["msg"].removeprefix("Input should be ")
        said.append(f"--set {key}={chosen[key]} is not allowed: it must be {what}." if key else f"--set: {what}")
    return " ".join(dict.fromkeys(said))
