"""State with a name: what a snapshot says, what is refused, and that settings and field order cannot slip in."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flows.state as state_module
from flows.state import OwnedState, Schema, SnapshotRefused
from models.configuration import configuration_id, relevant
from models.settings import Portfolio, Settings

SETTINGS = Settings()


class Plain:
    def __init__(self, settings: Settings) -> None:
        self.portfolio = settings.portfolio
        self.doubled = 2 * settings.portfolio.cap_total
        self.seen: dict[str, list[int]] = {"a": [1, 2]}
        self.again = self.seen


class Slotted:
    __slots__ = ("first", "second")

    def __init__(self, first: int, second: int) -> None:
        self.first = first
        self.second = second


class Struct(msgspec.Struct):
    first: int
    second: int


def schema(make: Any = Plain, name: str = "test", version: int = 1, **more: Any) -> Schema[Any]:
    return Schema(name, version, make, rooms=("tests", "models"), **more)


def changed(cap_total: float) -> dict[str, Any]:
    stated = relevant(SETTINGS)
    stated["portfolio"]["cap_total"] = cap_total
    return stated


def test_a_state_comes_back_as_it_was_with_what_it_shares() -> None:
    owned = schema().begin(SETTINGS)
    owned.state.seen["a"].append(3)
    again = schema().resume(owned.snapshot(), SETTINGS)
    assert again.state.seen == {"a": [1, 2, 3]}
    assert again.state.seen is again.state.again
    assert again.snapshot() == owned.snapshot()


def test_settings_are_passed_in_and_never_frozen() -> None:
    owned = schema().begin(SETTINGS)
    payload = owned.snapshot().partition(b"\n")[2]
    assert b"cap_total" not in payload
    again = schema().resume(owned.snapshot(), SETTINGS)
    assert again.state.portfolio == SETTINGS.portfolio
    with pytest.raises(TypeError, match="settings"):
        schema(given=lambda _: ()).begin(SETTINGS).snapshot()


def test_a_stated_configuration_is_in_force_after_a_resume_under_other_settings() -> None:
    """What was stated in the journal goes before what the process was started with: the next statement is still to
    come there."""

    def doubled(state: Plain, settings: Settings) -> None:
        state.doubled = 2 * settings.portfolio.cap_total

    kind = schema(configured=doubled)
    owned = kind.begin(SETTINGS)
    owned.configure(changed(1.0))
    assert (owned.state.portfolio.cap_total, owned.state.doubled) == (1.0, 2.0)
    assert owned.configuration != configuration_id(SETTINGS)
    again = kind.resume(owned.snapshot(), SETTINGS)
    assert (again.state.portfolio.cap_total, again.state.doubled) == (1.0, 2.0)
    again.configure(relevant(SETTINGS))
    assert again.state.portfolio == SETTINGS.portfolio


def test_the_same_configuration_again_changes_nothing() -> None:
    owned = schema().begin(SETTINGS)
    before = owned.state
    owned.configure(relevant(SETTINGS))
    assert owned.state is before


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (schema(name="other"), "of test, version 1; wanted is other"),
        (schema(version=2), "wanted is test, version 2"),
    ],
    ids=["another step", "another version"],
)
def test_another_schema_is_refused_with_a_cure(other: Schema[Any], said: str) -> None:
    snapshot = schema().begin(SETTINGS).snapshot()
    with pytest.raises(SnapshotRefused, match=said) as refused:
        other.resume(snapshot, SETTINGS)
    assert "--run NAME" in refused.value.cure


def test_a_fixed_state_is_refused_under_other_settings() -> None:
    snapshot = schema(fixed=True).begin(SETTINGS).snapshot()
    others = SETTINGS.model_copy(update={"portfolio": Portfolio(cap_total=1)})
    with pytest.raises(SnapshotRefused, match=configuration_id(SETTINGS)):
        schema(fixed=True).resume(snapshot, others)


def test_state_of_a_version_without_names_is_refused() -> None:
    with pytest.raises(SnapshotRefused, match="no name"):
        schema().resume(pickle.dumps(Plain(SETTINGS)), SETTINGS)


def test_nothing_foreign_comes_out_of_a_snapshot() -> None:
    head = schema().begin(SETTINGS).snapshot().partition(b"\n")[0]
    for payload in (pickle.dumps(print), pickle.dumps(eval), b"cos\nsystem\n(S'true'\ntR."):
        with pytest.raises(SnapshotRefused, match="names"):
            schema().resume(head + b"\n" + payload, SETTINGS)


@pytest.mark.parametrize("kind", [Slotted, Struct])
@given(first=st.integers(), second=st.integers())
def test_another_order_of_fields_shifts_no_value(kind: Any, first: int, second: int) -> None:
    """The class as another version of the code would have it: the same names, the other way round."""
    snapshot = schema(lambda _: kind(first, second)).begin(SETTINGS).snapshot()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys.modules[__name__], kind.__name__, turned(kind, ("second", "first")))
        state_module._fingerprint_of.cache_clear()
        again = schema().resume(snapshot, SETTINGS).state
        assert (again.first, again.second) == (first, second)
    state_module._fingerprint_of.cache_clear()


@pytest.mark.parametrize("kind", [Slotted, Struct])
@pytest.mark.parametrize("names", [("first", "second", "third"), ("first",), ("first", "other")])
def test_other_fields_are_refused(kind: Any, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = schema(lambda _: kind(1, 2)).begin(SETTINGS).snapshot()
    monkeypatch.setattr(sys.modules[__name__], kind.__name__, turned(kind, names))
    state_module._fingerprint_of.cache_clear()
    try:
        with pytest.raises(SnapshotRefused, match=kind.__name__):
            schema().resume(snapshot, SETTINGS)
    finally:
        state_module._fingerprint_of.cache_clear()


def turned(kind: type, names: tuple[str, ...]) -> type:
    """A class of the same name with these fields in this order."""
    if issubclass(kind, msgspec.Struct):
        return msgspec.defstruct(kind.__name__, [(name, int) for name in names], module=__name__)
    return type(kind.__name__, (), {"__slots__": names, "__module__": __name__, "__qualname__": kind.__qualname__})


def test_attributes_of_plain_classes_count_as_their_fields() -> None:
    assert state_module._fields_of(Plain) == {"portfolio", "doubled", "seen", "again"}
    assert isinstance(schema().begin(SETTINGS), OwnedState)
