"""Tests on several workers: a cluster for each, and no worker is left with all of the long ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers import deal, how_many, take_own_cluster


def test_as_many_workers_as_clusters_else_one_more_than_cores() -> None:
    assert how_many({"PROFIT_TEST_KAFKA": "a:1 b:2 c:3"}, 8) == 3
    assert how_many({"PROFIT_TEST_KAFKA": "a:1"}, 8) == 1
    assert how_many({}, 2) == 4


def test_each_worker_takes_the_cluster_of_its_place() -> None:
    given = {"PROFIT_TEST_KAFKA": "a:1 b:2", "PROFIT_TEST_KAFKA_PID": "/a /b", "PYTEST_XDIST_WORKER": "gw1"}
    take_own_cluster(given)
    assert (given["PROFIT_TEST_KAFKA"], given["PROFIT_TEST_KAFKA_PID"]) == ("b:2", "/b")


def test_without_workers_the_first_cluster_is_taken_and_without_clusters_nothing_changes() -> None:
    alone = {"PROFIT_TEST_KAFKA": "a:1 b:2"}
    take_own_cluster(alone)
    assert alone == {"PROFIT_TEST_KAFKA": "a:1"}
    nothing = {"PYTEST_XDIST_WORKER": "gw5"}
    take_own_cluster(nothing)
    assert nothing == {"PYTEST_XDIST_WORKER": "gw5"}


def test_a_worker_without_a_cluster_is_refused() -> None:
    with pytest.raises(ValueError, match="1 Kafka clusters and there are more workers"):
        take_own_cluster({"PROFIT_TEST_KAFKA": "a:1", "PYTEST_XDIST_WORKER": "gw1"})


def parts(items: list[str], workers: int) -> list[list[str]]:
    """What the workers begin with."""
    made = []
    for left in range(workers, 0, -1):
        size = len(items) // left
        made.append(items[:size])
        items = items[size:]
    return made


def test_long_tests_come_first_and_are_shared_out() -> None:
    quick = [(f"q{number}", 0.0) for number in range(20)]
    dealt = deal([*quick[:10], ("l30", 30.0), ("l50", 50.0), ("l20", 20.0), ("l1", 1.0), *quick[10:]], 2)
    one, two = parts(dealt, 2)
    assert one[:2] == ["l50", "l1"]
    assert two[:2] == ["l30", "l20"]
    assert one[2:] + two[2:] == [name for name, _ in quick]


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 5.0, 60.0]), max_size=40), st.integers(1, 6))
def test_nothing_is_lost_and_nothing_comes_twice(seconds: list[float], workers: int) -> None:
    assert sorted(deal(list(enumerate(seconds)), workers)) == list(range(len(seconds)))
