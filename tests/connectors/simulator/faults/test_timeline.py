"""Timelines: what a file may say, what it is told when it says something else, and the table of the kinds."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.simulator.faults.draw import random_timeline
from connectors.simulator.faults.evidence import EVIDENCE, rows
from connectors.simulator.faults.timeline import (
    KINDS,
    TimelineError,
    as_toml,
    check_faults,
    load,
    make_fault,
    parse,
)
from models.failures import Failure

ROOT = Path(__file__).parents[4]


def test_the_example_has_one_of_every_kind() -> None:
    timeline = load(ROOT / "docs" / "faults-mixed.toml")
    assert {fault.kind for fault in timeline.fault} == KINDS.keys()


def test_every_kind_is_explained_on_the_page() -> None:
    assert EVIDENCE.keys() == KINDS.keys()
    page = (ROOT / "docs" / "simulator.md").read_text()
    assert [row for row in rows() if row not in page.splitlines()] == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[fault]]\nkind = "lst"\nat_s = 1', "fault 1 (lst): kind = 'lst' is not allowed: it must be one of as_numb"),
        ("[[fault]]\nat_s = 1", "fault 1: kind = None is not allowed"),
        ('[[fault]]\nkind = "lost"\nat_s = 1', "fault 1 (lost): venue is missing"),
        (
            '[[fault]]\nkind = "lost"\nat_s = 1\nvenue = "kraken"',
            "fault 1 (lost): venue = 'kraken' is not allowed: it must be 'polymarket' or 'coinbase'",
        ),
        (
            '[[fault]]\nkind = "frozen"\nat_s = 1\nvenue = "coinbase"\n\n[[fault]]\nkind = "frozen"\nat_s = -2\n'
            'venue = "coinbase"',
            "fault 2 (frozen): at_s = -2 is not allowed: it must be greater than or equal to 0",
        ),
        (
            '[[fault]]\nkind = "frozen"\nat_s = 1\nvenue = "coinbase"\ncount = 3',
            "fault 1 (frozen): count: no such key; allowed are at_s, for_s, kind, venue",
        ),
        ('[[fault]]\nkind = "lost"\nat_s = 1\nvenue = "coinbase"\noutcome = "up"', "coinbase knows asset only"),
        ('[[fault]]\nkind = "http_status"\nat_s = 1\nstatus = 500', "status = 500 is not allowed: it must be 425, 429"),
        ('[[fault]]\nkind = "clock_skew"\nvenue = "coinbase"\nat_s = 1\nskew_s = nan', "skew_s = nan is not allowed"),
        ("faults = 3", "faults: no such key; allowed are fault, seed"),
        ("fault = 3", "fault = 3 is not allowed"),
        ("[[fault", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(TimelineError) as caught:
        parse(text, "file.toml")
    assert "file.toml" in str(caught.value)
    assert said in str(caught.value)


def test_every_wrong_entry_is_named_at_once() -> None:
    with pytest.raises(TimelineError) as caught:
        parse('[[fault]]\nkind = "lost"\nat_s = 1\n\n[[fault]]\nkind = "delayed"\nvenue = "coinbase"')
    assert "fault 1 (lost): venue" in str(caught.value)
    assert "fault 2 (delayed): at_s" in str(caught.value)


def test_a_file_that_is_none_and_feeds_that_are_real(tmp_path: Path) -> None:
    with pytest.raises(TimelineError, match="cannot be read"):
        load(tmp_path / "none.toml")
    with pytest.raises(Failure, match="--feeds live"):
        check_faults("live", tmp_path / "none.toml")
    check_faults("live", None)


@pytest.mark.parametrize(
    ("keys", "until", "times"),
    [
        ({"kind": "lost", "venue": "coinbase", "at_s": 3}, 8.0, -1),
        ({"kind": "lost", "venue": "coinbase", "at_s": 3, "count": 2}, math.inf, 2),
        ({"kind": "lost", "venue": "coinbase", "at_s": 3, "count": 2, "for_s": 1}, 4.0, 2),
        ({"kind": "disconnect", "venue": "coinbase", "at_s": 3}, math.inf, 1),
        ({"kind": "disconnect", "venue": "coinbase", "at_s": 3, "for_s": 2}, 5.0, -1),
    ],
)
def test_how_long_and_how_often(keys: dict[str, object], until: float, times: int) -> None:
    fault = make_fault(**keys)
    assert (fault.until_s, fault.times) == (until, times)


@given(st.integers(0, 10_000), st.floats(6, 1000))
def test_drawn_timelines_hold_and_are_the_same_twice(seed: int, duration_s: float) -> None:
    timeline = random_timeline(seed, duration_s)
    assert timeline == random_timeline(seed, duration_s)
    assert 1 <= len(timeline.fault) <= 8
    assert all(5.0 <= fault.at_s <= duration_s + 0.001 for fault in timeline.fault)


def test_drawing_reaches_every_kind_and_keeps_to_those_asked_for() -> None:
    drawn = {fault.kind for seed in range(400) for fault in random_timeline(seed, 60).fault}
    assert drawn == KINDS.keys()
    some = {fault.kind for seed in range(20) for fault in random_timeline(seed, 60, ("lost", "frozen")).fault}
    assert some == {"lost", "frozen"}
    with pytest.raises(ValueError, match="no such kinds: lots"):
        random_timeline(1, 60, ("lots",))


@pytest.mark.parametrize("seed", range(50))
def test_a_timeline_is_read_back_from_its_file(seed: int) -> None:
    drawn = random_timeline(seed, 600.0)
    assert parse(as_toml(drawn)) == drawn
