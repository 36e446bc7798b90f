"""Several pytest workers (pytest-xdist): a Kafka cluster for each, and the long tests dealt out fairly.

The tests use the catalogue's topic names, which are fixed: two workers on one cluster would meet each other's records.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import TypeVar

#: One word a cluster; those of the same place belong together (see ``.ci/kafka``).
CLUSTERS = ("PROFIT_TEST_KAFKA", "PROFIT_TEST_KAFKA_PID", "PROFIT_TEST_KAFKA_START")

Item = TypeVar("Item")


def how_many(environment: MutableMapping[str, str], cores: int) -> int:
    """How many workers ``-n auto`` means: as many as there are clusters given, else two more than there are cores, for
    much of the time is waiting."""
    given = environment.get(CLUSTERS[0], "").split()
    return len(given) or cores + 2


def take_own_cluster(environment: MutableMapping[str, str]) -> None:
    """Leave of the clusters in ``environment`` that of this worker: the first one where there are no workers."""
    worker = environment.get("PYTEST_XDIST_WORKER", "gw0")
    place = int(worker.removeprefix("gw"))
    for variable in CLUSTERS:
        several = environment.get(variable, "").split()
        if not several:
            continue
        if place >= len(several):
            raise ValueError(
                f"{variable} names {len(several)} Kafka clusters and there are more workers: each needs its own"
            )
        environment[variable] = several[place]


def deal(items: Sequence[tuple[Item, float]], workers: int) -> list[Item]:
    """``items`` (with the seconds of those that are long, else 0) in an order that is good for ``--dist worksteal``.

    There each worker begins with an equal part of the list and the idle ones take from the end of others' parts. So
    each part begins with its share of what is long, and the rest stays as it was: tests of a module together."""
    long = sorted((item for item in items if item[1] > 0), key=lambda item: -item[1])
    hands: list[list[Item]] = [[] for _ in range(workers)]
    load = [0.0] * workers
    for item, seconds in long:
        hand = load.index(min(load))
        hands[hand].append(item)
        load[hand] += seconds
    rest = [item for item, seconds in items if seconds <= 0]
    left = len(items)
    for number, hand_of in enumerate(hands):
        size = left // (workers - number)
        left -= size
        wanted = max(0, size - len(hand_of))
        hand_of.extend(rest[:wanted])
        del rest[:wanted]
    return [item for hand_of in hands for item in hand_of] + rest
