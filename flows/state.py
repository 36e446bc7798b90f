"""State with a name: what a stateful step keeps, how it is frozen into a snapshot, and which snapshots it takes back.

A snapshot says what it is: the schema (name, version, and the fields of every class in it), and the configuration that
was in force. One of another schema is refused with what to do. Fields travel by name, so their order can never shift
values. Settings are never frozen: the configuration in force stands beside the state as plain JSON, and whatever was
made of settings is passed in anew at resume.

    >>> from models.settings import Settings
    >>> schema = Schema("example", 1, lambda settings: [settings.portfolio, 5])
    >>> owned = schema.begin(Settings())
    >>> schema.resume(owned.snapshot(), Settings()).state[1]
    5
    >>> Schema("other", 1, lambda settings: []).resume(owned.snapshot(), Settings())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    flows.state.SnapshotRefused: this state is of example, version 1; wanted is other, version 1. Start a new run ...

The payload is pickled, for speed: a spot book has tens of thousands of levels. What may come out of it again is
bounded: classes of the system and plain containers, nothing else.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import io
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec
from pydantic import BaseModel

from models.configuration import configuration_id, relevant, with_relevant
from models.failures import Failure
from models.settings import Settings

S = TypeVar("S")

#: What else may be named in a snapshot: containers, and how objects are put together again.
_PLAIN: Final = frozenset(
    {
        ("builtins", "set"),
        ("builtins", "frozenset"),
        ("builtins", "object"),
        ("builtins", "getattr"),  # of a bound method
        ("collections", "deque"),
        ("collections", "Counter"),
        ("collections", "OrderedDict"),
        ("collections", "defaultdict"),
        ("fractions", "Fraction"),
        ("decimal", "Decimal"),
        ("copyreg", "__newobj__"),
        ("copyreg", "_reconstructor"),
    }
)
_CURE: Final = "Start a new run (--run NAME), or go on with the version that made this one."


class SnapshotRefused(Failure):
    """A snapshot that this step cannot go on from."""


class _Header(msgspec.Struct):
    schema: str
    version: int
    configuration: str
    settings: dict[str, Any]
    classes: dict[str, str]  # dotted name -> a hash over the names of its fields


_header_encoder = msgspec.json.Encoder()
_header_decoder: msgspec.json.Decoder[_Header] = msgspec.json.Decoder(_Header)


def sections(settings: Settings) -> Iterable[object]:
    """The settings and each section of them: what a state may refer to and never holds."""
    yield settings
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            yield value


def _unchanged(_state: Any, _settings: Settings) -> None:
    """For a state that keeps nothing that is computed from settings."""


@dataclass(frozen=True)
class Schema(Generic[S]):
    """The kind of state of one step. ``version`` rises when the meaning of a field changes and its name does not.

    ``make``: the state in the beginning. ``given``: the objects, one a class, that the state refers to and that follow
    from the settings: they are left out of a snapshot and passed in at resume. ``configured(state, settings)``
    computes anew whatever else the state made of settings. ``fixed``: the settings never change, so a snapshot made
    under others is refused. ``rooms``: the packages whose classes a snapshot may name."""

    name: str
    version: int
    make: Callable[[Settings], S]
    given: Callable[[Settings], Iterable[object]] = sections
    configured: Callable[[S, Settings], None] = _unchanged
    fixed: bool = False
    rooms: tuple[str, ...] = ("flows", "models", "connectors")

    def begin(self, settings: Settings) -> OwnedState[S]:
        """A fresh state under ``settings``."""
        return OwnedState(self, settings, self.make(settings))

    def resume(self, snapshot: bytes, settings: Settings) -> OwnedState[S]:
        """The state of ``snapshot``, under the configuration that was in force then; ``settings`` says the rest.

        Raises SnapshotRefused for a snapshot of another schema and, where the settings are fixed, of another
        configuration."""
        header, payload = _parted(snapshot)
        if (header.schema, header.version) != (self.name, self.version):
            raise SnapshotRefused(
                f"this state is of {header.schema}, version {header.version}; wanted is {self.name}, version "
                f"{self.version}.",
                _CURE,
            )
        for name, fields in header.classes.items():
            if _fingerprint_of(name) != fields:
                raise SnapshotRefused(f"this state of {self.name} was written by another version of {name}.", _CURE)
        if self.fixed and header.configuration != configuration_id(settings):
            raise SnapshotRefused(
                f"this state of {self.name} was made under configuration {header.configuration}; this is "
                f"{configuration_id(settings)}.",
                "Go on under the same settings, or start another run.",
            )
        in_force = with_relevant(settings, header.settings)
        return OwnedState(self, in_force, _thawed(payload, _by_class(self.given(in_force)), self.rooms))


class OwnedState(Generic[S]):
    """A state and the settings it is under."""

    def __init__(self, schema: Schema[S], settings: Settings, state: S) -> None:
        self.schema = schema
        self.settings = settings
        self.configuration = configuration_id(settings)
        self.state = state

    def configure(self, stated: Mapping[str, Any]) -> None:
        """Go on under the ``stated`` configuration (``models.configuration.relevant``). Raises Failure for one that
        this version does not take."""
        settings = with_relevant(self.settings, stated)
        configuration = configuration_id(settings)
        if configuration == self.configuration:
            return
        schema = self.schema
        payload, _ = _frozen(self.state, _by_class(schema.given(self.settings)), schema.rooms)
        self.state = _thawed(payload, _by_class(schema.given(settings)), schema.rooms)
        self.settings, self.configuration = settings, configuration
        self.schema.configured(self.state, settings)

    def snapshot(self) -> bytes:
        """All it takes to go on exactly here."""
        payload, kinds = _frozen(self.state, _by_class(self.schema.given(self.settings)), self.schema.rooms)
        classes = {name: _fingerprint_of(name) for name in sorted(_name(kind) for kind in kinds)}
        header = _Header(self.schema.name, self.schema.version, self.configuration, relevant(self.settings), classes)
        return _header_encoder.encode(header) + b"\n" + payload


def _parted(snapshot: bytes) -> tuple[_Header, bytes]:
    head, _, payload = snapshot.partition(b"\n")
    try:
        return _header_decoder.decode(head), payload
    except msgspec.DecodeError:
        raise SnapshotRefused("this state has no name: an earlier version wrote it.", _CURE) from None


def _by_class(given: Iterable[object]) -> dict[type, object]:
    return {type(each): each for each in given}


# --- by name ------------------------------------------------------------------------------------------------------


@dataclass
class _Freezer:
    """Collects the classes of what it freezes."""

    given: dict[type, object]
    rooms: tuple[str, ...]
    kinds: set[type] = field(default_factory=set)


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, freezer: _Freezer) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._freezer = freezer

    def reducer_override(self, each: Any) -> Any:
        kind = type(each)
        if kind in self._freezer.given:
            return _given, (_name(kind),)
        if isinstance(each, type) or _room(kind.__module__) not in self._freezer.rooms:
            return NotImplemented
        if issubclass(kind, BaseModel):
            raise TypeError(f"{_name(kind)} is in a state: settings and contracts are passed in, never stored")
        self._freezer.kinds.add(kind)
        if issubclass(kind, msgspec.Struct):
            return _of_fields, (kind, {name: getattr(each, name) for name in kind.__struct_fields__})
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return _of_fields, (kind, dict(zip(kind._fields, each, strict=True)))
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, payload: bytes, given: dict[type, object], rooms: tuple[str, ...]) -> None:
        super().__init__(io.BytesIO(payload))
        self._rooms = rooms
        self._given = {_name(kind): each for kind, each in given.items()}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _given.__name__):
            return self._given.__getitem__
        if (module, name) == (__name__, _of_fields.__name__):
            return _of_fields
        if _room(module) not in self._rooms and (module, name) not in _PLAIN:
            raise SnapshotRefused(f"this state names {module}.{name}, which no state of ours does.", _CURE)
        return super().find_class(module, name)


def _given(name: str) -> object:
    """Stands in a snapshot for what is passed in at resume."""
    raise AssertionError(name)


def _of_fields(kind: type[Any], fields: dict[str, Any]) -> Any:
    return kind(**fields)


def _frozen(state: object, given: dict[type, object], rooms: tuple[str, ...]) -> tuple[bytes, set[type]]:
    freezer = _Freezer(given, rooms)
    file = io.BytesIO()
    _Pickler(file, freezer).dump(state)
    return file.getvalue(), freezer.kinds


def _thawed(payload: bytes, given: dict[type, object], rooms: tuple[str, ...]) -> Any:
    return _Unpickler(payload, given, rooms).load()


def _room(module: str) -> str:
    return module.partition(".")[0]


# --- what a class's state is made of ---------------------------------------------------------------------------------


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


@cache
def _fingerprint_of(name: str) -> str:
    """A short hash over the names of the fields of the class ``name``; "" when there is no such class any more."""
    module, _, qualified = name.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in qualified.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return ""
    return hashlib.sha256(" ".join(sorted(_fields_of(found))).encode()).hexdigest()[:8]


def _fields_of(kind: type) -> set[str]:
    fields: set[str] = set(getattr(kind, "__struct_fields__", ())) | set(getattr(kind, "_fields", ()))
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__")
        if slots is not None:
            fields.update((slots,) if isinstance(slots, str) else slots)
        elif not issubclass(base, msgspec.Struct) and _room(base.__module__) == _room(kind.__module__):
            fields.update(_assigned(base.__module__).get(base.__qualname__, ()))
    return fields


@cache
def _assigned(module: str) -> dict[str, set[str]]:
    """The attributes that each class of a module gives itself: ``self.name = …`` in any of its methods."""
    path = getattr(importlib.import_module(module), "__file__", None)
    if path is None or not path.endswith(".py"):
        return {}
    found: dict[str, set[str]] = {}

    def visit(node: ast.AST, inside: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                qualified = f"{inside}.{child.name}" if inside else child.name
                found[qualified] = {
                    each.attr
                    for each in ast.walk(child)
                    if isinstance(each, ast.Attribute)
                    and isinstance(each.ctx, ast.Store)
                    and isinstance(each.value, ast.Name)
                    and each.value.id == "self"
                }
                visit(child, qualified)

    visit(ast.parse(Path(path).read_text(encoding="utf-8")), "")
    return found
