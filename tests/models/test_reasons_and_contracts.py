"""Every reason has a meaning, and every contract survives its own bytes."""

from __future__ import annotations

import json
import re
from typing import Any, get_args, get_origin

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from models.contracts import CONTRACTS, Decision, Posting
from models.reasons import MEANING, Reason, Verdict
from models.record import Record, fields_of, schema_of
from models.topics import BY_NAME, CATALOGUE, DIGESTED, FEEDS, INPUTS


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_a_meaning_of_its_own(reason: Reason) -> None:
    meaning = MEANING[reason]
    assert len(meaning) > 10
    assert list(MEANING.values()).count(meaning) == 1
    assert re.fullmatch(r"[a-z][a-z_]*", reason.value)
    assert reason.name.lower() == reason.value


def test_no_meaning_without_a_reason() -> None:
    assert set(MEANING) == set(Reason)


def test_verdicts_are_three() -> None:
    assert {verdict.value for verdict in Verdict} == {"pass", "hold", "block"}


def test_every_contract_belongs_to_a_topic_that_names_it() -> None:
    for topic, contract in CONTRACTS.items():
        assert BY_NAME[topic].contract == f"models.contracts.{contract.__name__}"


def test_the_catalogue_names_each_topic_once() -> None:
    assert len(BY_NAME) == len(CATALOGUE)
    assert {*FEEDS, *INPUTS, *DIGESTED} <= set(BY_NAME)


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Any value a field of this type may have."""
    if isinstance(kind, type) and issubclass(kind, Record):
        return st.builds(kind, **{field.name: values(field.type) for field in fields_of(kind)})
    origin = get_origin(kind)
    if origin is list:
        return st.lists(values(get_args(kind)[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(st.text(max_size=5), values(get_args(kind)[1]), max_size=3)
    if origin is not None and get_args(kind) and all(isinstance(each, str) for each in get_args(kind)):
        return st.sampled_from(get_args(kind))
    if origin is not None:
        return st.one_of(*(values(each) for each in get_args(kind)))
    if kind in (Reason, Verdict):
        return st.sampled_from(list(kind))
    by_type: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False, allow_infinity=False),
        str: st.text(st.characters(codec="utf-8"), max_size=10),
        bool: st.booleans(),
        type(None): st.none(),
    }
    return by_type[kind]


@pytest.mark.parametrize("contract", list(CONTRACTS.values()), ids=lambda contract: contract.__name__)
@settings(max_examples=20)
@given(data=st.data())
def test_a_record_survives_its_canonical_bytes(contract: type[Record], data: st.DataObject) -> None:
    fields = {field.name: data.draw(values(field.type)) for field in fields_of(contract)}
    record = contract(**fields)
    raw = record.canonical()
    again = contract.read(raw)
    assert again == record
    assert again.canonical() == raw
    assert list(json.loads(raw)) == [field.name for field in fields_of(contract)]
    adapter = TypeAdapter(contract)
    assert json.loads(adapter.dump_json(record)) == json.loads(raw)
    assert adapter.validate_python(json.loads(raw)) == record
    Draft202012Validator(schema_of(contract)).validate(json.loads(raw))
    assert b"\n" not in raw


def posting() -> dict[str, Any]:
    return {
        "id": "t0.0",
        "transaction": "t0",
        "journal": 3,
        "timestamp": 5,
        "kind": "buy",
        "account": "cash",
        "amount": -7,
        "ref": "x",
    }


def test_canonical_bytes_are_json_in_field_order_without_blanks() -> None:
    assert Posting(**posting()).canonical() == (
        b'{"id":"t0.0","transaction":"t0","journal":3,"timestamp":5,"kind":"buy","account":"cash","amount":-7,"ref":"x"}'
    )


@pytest.mark.parametrize("wrong", [{"more": 1}, {"kind": "gift"}, {"amount": 0.5}, {"amount": "7"}, {"id": None}])
def test_a_contract_takes_no_unknown_field_and_no_wrong_one(wrong: dict[str, Any]) -> None:
    found = {**posting(), **wrong}
    with pytest.raises(msgspec.DecodeError):
        Posting.read(json.dumps(found).encode())
    with pytest.raises(ValidationError):
        TypeAdapter(Posting).validate_python(found)
    assert not Draft202012Validator(schema_of(Posting)).is_valid(found)


def test_a_contract_takes_no_record_without_a_field() -> None:
    for name in posting():
        lacking = {field: value for field, value in posting().items() if field != name}
        with pytest.raises(msgspec.DecodeError):
            Posting.read(json.dumps(lacking).encode())
        assert not Draft202012Validator(schema_of(Posting)).is_valid(lacking)


def test_a_record_cannot_be_changed() -> None:
    record = Posting(**posting())
    with pytest.raises(AttributeError):
        record.amount = 8  # type: ignore[misc]


def test_a_decision_names_only_known_actions_and_outcomes() -> None:
    properties = schema_of(Decision)["properties"]
    assert set(properties["action"]["enum"]) == {"enter", "exit", "block", "settle", "correct"}
    stated = properties["outcome"]
    assert set(stated.get("enum") or [name for each in stated["anyOf"] for name in each["enum"]]) == {"Up", "Down", ""}
