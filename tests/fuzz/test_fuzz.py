"""A short run of the fuzzing in `tests/fuzz/run.py`; the whole of it is `make fuzz`."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from tests.fuzz.mutation import Mutator, seed_of
from tests.fuzz.run import fuzz, recordings
from tests.fuzz.seeds import Seeds, seeds

FRAMES = 30_000


@pytest.fixture(scope="module")
def made() -> Seeds:
    return seeds(recordings())


@pytest.fixture(scope="module")
def outcome(made: Seeds) -> dict[str, Any]:
    """Broken rules raise, with the frame."""
    return fuzz(FRAMES, 1, made)


def test_every_frame_is_decoded_or_dead_lettered(outcome: dict[str, Any]) -> None:
    line = outcome["line"]
    assert line["decoded"] + line["dead_lettered"]["decode_error"] == line["frames"]
    assert set(line["dead_lettered"]) == {"decode_error"}
    parts = [line, *(outcome[name] for name in ("doors", "markets_door", "decoders"))]
    assert sum(part["frames"] for part in parts) == FRAMES


def test_mutated_frames_reach_the_content(outcome: dict[str, Any]) -> None:
    """Fuzzing that only meets broken JSON shows nothing."""
    line = outcome["line"]
    assert line["decoded"] > 0.2 * line["frames"]
    assert line["sound_books"] > 100
    assert {"Book", "Spot", "Trade", "Market", "Feed", "Rejected"} <= set(line["events"])
    assert {"crossed_book", "best_mismatch", "hash_mismatch", "unknown_asset", "price_out_of_range"} <= set(
        line["findings"]
    )
    assert outcome["markets_door"]["resolved"] > 0
    assert outcome["doors"]["undecodable"] > 0


def test_memory_stays_bounded(outcome: dict[str, Any]) -> None:
    """The line's snapshot, which holds the names that mutated frames made up."""
    sizes = outcome["snapshot_bytes"]
    assert max(sizes[4:]) < 2 * max(sizes[:4]) < 4_000_000


def test_the_same_seed_gives_the_same_frames(made: Seeds) -> None:
    several = made.kinds["book"]
    first, second, other = (Mutator(several, Random(seed)) for seed in (7, 7, 8))

    drawn = [first.draw() for _ in range(500)]

    assert drawn == [second.draw() for _ in range(500)]
    assert drawn != [other.draw() for _ in range(500)]
    assert len(set(drawn)) > 400


def test_spans_are_those_of_the_values(made: Seeds) -> None:
    def values(value: Any) -> list[Any]:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [value, *(each for one in inner for each in values(one))]

    for several in made.kinds.values():
        for frame in several[:3]:
            spans = seed_of(frame).spans
            if spans:
                assert [json.loads(frame[span.start : span.end]) for span in spans] == values(json.loads(frame))
