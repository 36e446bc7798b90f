"""Memory: what counts as flat, and which process is which."""

from __future__ import annotations

from benchmarks.memory import Track, name_of


def track(*samples: tuple[float, float]) -> Track:
    made = Track()
    for at, mib in samples:
        made.add(at, mib)
    return made


def test_growth_in_the_warm_up_does_not_count() -> None:
    steady = track((-900, 20), (-1, 99), (0, 100), (1800, 100), (3600, 100))
    assert steady.growth() == 0 and steady.is_flat()


def test_a_tenth_in_an_hour_is_the_bound() -> None:
    assert track((0, 200), (1800, 209), (3600, 218)).is_flat()
    assert not track((0, 200), (1800, 215), (3600, 230)).is_flat()


def test_a_small_process_may_grow_by_some_mebibytes() -> None:
    assert track((0, 20), (3600, 27)).is_flat()
    assert not track((0, 20), (3600, 30)).is_flat()


def test_growth_in_a_part_of_the_hour_is_reported_for_an_hour() -> None:
    assert track((0, 100), (900, 110)).growth() == 40


def test_the_nearest_sample() -> None:
    assert track((0, 1), (10, 2), (20, 3)).near(13) == 2


def test_processes_are_told_by_their_command_lines() -> None:
    assert name_of(["python", "-P", "-m", "api.cli.main", "flow", "market", "--kafka", "x"]) == "flow market"
    assert name_of(["python", "-P", "-m", "api.cli.main", "record", "--feeds", "sim"]) == "record"
    assert name_of(["python", "-P", "-m", "connectors.broker", "--folder", "x"]) == "broker"
