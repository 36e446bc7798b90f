"""A consumer group by the rules of Kafka's classic protocol (KIP-62, KIP-345, KIP-394), on a clock by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connectors.broker.errors import (
    ILLEGAL_GENERATION,
    MEMBER_ID_REQUIRED,
    NONE,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER_ID,
)
from connectors.broker.groups import INITIAL_DELAY_S, Group
from connectors.broker.schema import Row

SESSION_S, REBALANCE_S = 10.0, 60.0


class Clock:
    """Calls what is due when time is moved on."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[Call] = []

    def later(self, seconds: float, then: Callable[[], None]) -> Call:
        call = Call(self.now + seconds, then)
        self._due.append(call)
        return call

    def advance(self, seconds: float) -> None:
        until = self.now + seconds
        while True:
            waiting = [call for call in self._due if not call.cancelled and call.at <= until]
            if not waiting:
                break
            first = min(waiting, key=lambda call: call.at)
            self._due.remove(first)
            self.now = first.at
            first.then()
        self.now = until


class Call:
    def __init__(self, at: float, then: Callable[[], None]) -> None:
        self.at, self.then, self.cancelled = at, then, False

    def cancel(self) -> None:
        self.cancelled = True


class Client:
    """One program in the group. ``heard``: what it was answered, the last at the end."""

    def __init__(self, group: Group, name: str, instance: str | None = None) -> None:
        self.group, self.name, self.instance = group, name, instance
        self.id = ""
        self.generation = -1
        self.heard: list[Row] = []

    def join(self, metadata: bytes = b"topic", version: int = 7) -> None:
        row = {
            "member_id": self.id,
            "group_instance_id": self.instance,
            "session_timeout_ms": int(SESSION_S * 1000),
            "rebalance_timeout_ms": int(REBALANCE_S * 1000),
            "protocol_type": "consumer",
            "protocols": [{"name": "range", "metadata": metadata}],
        }
        self.group.join(row, version, self.name, "127.0.0.1", self._joined)

    def _joined(self, row: Row) -> None:
        self.heard.append(row)
        if row["error_code"] == MEMBER_ID_REQUIRED:
            self.id = row["member_id"]
            self.join()
        elif row["error_code"] == NONE:
            self.id, self.generation = row["member_id"], row["generation_id"]

    def sync(self, shares: dict[str, bytes] | None = None, generation: int | None = None) -> None:
        assignments = [{"member_id": name, "assignment": share} for name, share in (shares or {}).items()]
        wanted = self.generation if generation is None else generation
        self.group.sync({"member_id": self.id, "generation_id": wanted, "assignments": assignments}, self.heard.append)

    def beat(self, generation: int | None = None) -> int:
        wanted = self.generation if generation is None else generation
        return self.group.heartbeat({"member_id": self.id, "generation_id": wanted})

    @property
    def last(self) -> dict[str, Any]:
        return self.heard[-1]


def alone(clock: Clock) -> tuple[Group, Client]:
    """A stable group of one."""
    group = Group("g", clock.later)
    first = Client(group, "first")
    first.join()
    clock.advance(INITIAL_DELAY_S)
    first.sync({first.id: b"all"})
    return group, first


def pair(clock: Clock) -> tuple[Group, Client, Client]:
    """A stable group of two, the first of which leads."""
    group, first = alone(clock)
    second = Client(group, "second")
    second.join()
    first.join()
    second.sync()
    first.sync({first.id: b"a", second.id: b"b"})
    assert (first.last["assignment"], second.last["assignment"]) == (b"a", b"b")
    return group, first, second


def test_a_member_gets_its_id_first_and_joins_with_it() -> None:
    clock = Clock()
    _, first = alone(clock)
    assert first.heard[0]["error_code"] == MEMBER_ID_REQUIRED
    assert first.heard[1]["leader"] == first.id
    assert [each["member_id"] for each in first.heard[1]["members"]] == [first.id]
    assert first.last["assignment"] == b"all"


def test_a_new_member_waits_until_the_others_have_rejoined() -> None:
    clock = Clock()
    group, first = alone(clock)
    second = Client(group, "second")
    second.join()
    assert second.generation == -1
    assert first.beat() == REBALANCE_IN_PROGRESS
    clock.advance(SESSION_S / 2)
    assert second.generation == -1  # the first has not come yet, and has its rebalance timeout for it
    assert first.beat() == REBALANCE_IN_PROGRESS
    first.join()
    assert first.generation == second.generation == 2
    assert first.last["leader"] == second.last["leader"] == first.id
    assert [each["member_id"] for each in first.last["members"]] == [first.id, second.id]
    assert second.last["members"] == []
    second.sync()
    assert second.last["members"] == []  # held until the leader has divided
    first.sync({first.id: b"a", second.id: b"b"})
    assert (first.last["assignment"], second.last["assignment"]) == (b"a", b"b")
    assert first.beat() == second.beat() == NONE


def test_a_member_that_does_not_rejoin_in_time_is_removed() -> None:
    clock = Clock()
    group, first = alone(clock)
    second = Client(group, "second")
    second.join()
    while clock.now < REBALANCE_S + 1:
        first.beat()  # it lives, and does not join
        clock.advance(1)
    assert second.last["leader"] == second.id
    assert first.beat() == UNKNOWN_MEMBER_ID


def test_a_member_whose_session_expires_is_removed_and_the_group_rebalances() -> None:
    clock = Clock()
    _, first, second = pair(clock)
    for _ in range(3):
        clock.advance(SESSION_S / 2)
        if second.beat() == REBALANCE_IN_PROGRESS:
            second.join()
    assert (second.last["leader"], second.generation) == (second.id, 3)
    assert first.beat() == UNKNOWN_MEMBER_ID


def test_a_stale_generation_is_refused() -> None:
    clock = Clock()
    _, first, second = pair(clock)
    second.sync(generation=1)
    assert second.last["error_code"] == ILLEGAL_GENERATION
    assert first.beat(generation=1) == ILLEGAL_GENERATION


def test_a_sync_during_a_rebalance_is_answered_with_rejoin() -> None:
    clock = Clock()
    group, _, second = pair(clock)
    Client(group, "third").join()
    second.sync()
    assert second.last["error_code"] == REBALANCE_IN_PROGRESS


def test_a_follower_that_lost_its_assignment_gets_it_again_without_a_rebalance() -> None:
    """As Apache Kafka does: kafka-python drops an answer that comes between two polls, and asks again."""
    clock = Clock()
    _, first, second = pair(clock)
    before = second.generation
    second.join()
    assert (second.last["error_code"], second.last["generation_id"]) == (NONE, before)
    second.sync()
    assert second.last["assignment"] == b"b"
    assert first.beat() == NONE


def test_a_member_that_lost_its_join_response_gets_it_again() -> None:
    clock = Clock()
    group, first = alone(clock)
    second = Client(group, "second")
    second.join()
    first.join()
    for each in (second, first):
        each.join()
        assert (each.last["error_code"], each.last["generation_id"]) == (NONE, 2)
    assert [each["member_id"] for each in first.last["members"]] == [first.id, second.id]


def test_a_leader_that_rejoins_or_changed_metadata_causes_a_rebalance() -> None:
    for leads, metadata in ((True, b"topic"), (False, b"another topic")):
        clock = Clock()
        _, first, second = pair(clock)
        (first if leads else second).join(metadata)
        assert (second if leads else first).beat() == REBALANCE_IN_PROGRESS


def test_a_static_member_that_rejoins_keeps_its_id() -> None:
    clock = Clock()
    group, first = alone(clock)
    named = Client(group, "named", instance="desk-1")
    named.join()
    first.join()
    named.sync()
    first.sync({first.id: b"a", named.id: b"b"})
    named.join()
    named.sync()
    assert named.last["assignment"] == b"b"
    again = Client(group, "named", instance="desk-1")  # a new process: it takes the old one's place
    again.join()
    assert named.beat() == UNKNOWN_MEMBER_ID
