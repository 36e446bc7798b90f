"""Consumer groups by Kafka's classic protocol: members join, one of them divides the partitions, all get their share.

As far as ``kcat -G`` and Kafka's consoles need it: groups are in memory, and begin anew with the broker; what they have
committed stays (``offsets``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from connectors.broker.errors import (
    ILLEGAL_GENERATION,
    INCONSISTENT_GROUP_PROTOCOL,
    INVALID_GROUP_ID,
    INVALID_SESSION_TIMEOUT,
    MEMBER_ID_REQUIRED,
    NONE,
    REBALANCE_IN_PROGRESS,
    UNKNOWN_MEMBER_ID,
)
from connectors.broker.members import COMPLETING, EMPTY, PREPARING, STABLE, Answer, GroupMember, Later, Timer
from connectors.broker.schema import Row

#: The first member of a group waits so long for others, so that they do not divide the partitions twice.
INITIAL_DELAY_S: Final = 0.1
_LEAST_SESSION_MS: Final = 1_000
_MOST_SESSION_MS: Final = 1_800_000
#: Groups and members beyond these are refused: nobody has so many, but a program gone wild.
_MOST_MEMBERS: Final = 1_000
_MOST_GROUPS: Final = 1_000


@dataclass(eq=False)
class Group:
    """One group. ``leader``: the member that divides."""

    id: str
    later: Later
    state: str = EMPTY
    generation: int = 0
    protocol_type: str = ""
    protocol: str | None = None
    leader: str = ""
    members: dict[str, GroupMember] = field(default_factory=dict)
    promised: set[str] = field(default_factory=set)  # ids that were given and have not joined yet
    timer: Timer | None = None

    # -- members

    def join(self, request: Row, version: int, client_id: str, host: str, answer: Answer) -> None:
        wanted = request["member_id"]
        session_ms = request["session_timeout_ms"]
        protocols = {each["name"]: each["metadata"] for each in request["protocols"]}
        error = NONE
        if not _LEAST_SESSION_MS <= session_ms <= _MOST_SESSION_MS:
            error = INVALID_SESSION_TIMEOUT
        elif not protocols or not self._fits(wanted, request["protocol_type"], set(protocols)):
            error = INCONSISTENT_GROUP_PROTOCOL
        elif wanted and wanted not in self.members and wanted not in self.promised:
            error = UNKNOWN_MEMBER_ID
        elif len(self.members) + len(self.promised) >= _MOST_MEMBERS and wanted not in self.members:
            error = INVALID_GROUP_ID
        if error:
            answer({"error_code": error, "member_id": wanted})
            return
        if not wanted:
            wanted = f"{client_id}-{secrets.token_hex(16)}"
            if version >= 4 and request["group_instance_id"] is None:
                self.promised.add(wanted)
                self.later(session_ms / 1000, lambda: self.promised.discard(wanted))
                answer({"error_code": MEMBER_ID_REQUIRED, "member_id": wanted})
                return
        self.promised.discard(wanted)
        self._replace_instance(request["group_instance_id"], wanted)
        rebalance_ms = request["rebalance_timeout_ms"]
        member = self.members.get(wanted)
        if member is not None and self._knows_already(member, protocols):
            self._hear(member)
            answer(self._joined(member))
            return
        if member is None:
            member = self.members[wanted] = GroupMember(wanted, client_id, host, 0.0, 0.0, {})
        elif member.joining is not None:
            member.joining({"error_code": UNKNOWN_MEMBER_ID, "member_id": wanted})  # sent twice
        member.instance = request["group_instance_id"]
        member.session_s = session_ms / 1000
        member.rebalance_s = (rebalance_ms if rebalance_ms > 0 else session_ms) / 1000
        member.protocols = protocols
        member.joining = answer
        self.protocol_type = request["protocol_type"]
        self._prepare()

    def _replace_instance(self, instance: str | None, wanted: str) -> None:
        """A member with a name of its own that comes again under another id takes its own place."""
        if instance is not None:
            for member in [each for each in self.members.values() if each.instance == instance and each.id != wanted]:
                self._remove(member)

    def _knows_already(self, member: GroupMember, protocols: dict[str, bytes]) -> bool:
        """Whether a member that joins again has only lost the answer: it gets it once more, and the others keep their
        shares. Were they all to join again, a client that loses one answer in each round would never let them settle.
        Only the leader, once it has divided, asks for a new division so."""
        if member.joining is not None or list(member.protocols.items()) != list(protocols.items()):
            return False
        return self.state == COMPLETING or (self.state == STABLE and member.id != self.leader)

    def _fits(self, wanted: str, protocol_type: str, protocols: set[str]) -> bool:
        """Whether there is a way to divide that all other members know too."""
        if not protocol_type:
            return False
        others = [member for member in self.members.values() if member.id != wanted]
        for other in others:
            protocols = protocols & other.protocols.keys()
        return bool(protocols) and (not others or protocol_type == self.protocol_type)

    def _prepare(self) -> None:
        """Have all members join again."""
        fresh = self.state == EMPTY
        for member in self.members.values():
            if member.syncing is not None:
                member.syncing({"error_code": REBALANCE_IN_PROGRESS})
                member.syncing = None
        if self.state != PREPARING:
            self.state = PREPARING
            self._set_timer(
                INITIAL_DELAY_S if fresh else max(member.rebalance_s for member in self.members.values()),
                self._complete_join,
            )
            if fresh:
                return
        if all(member.joining is not None for member in self.members.values()) and self.generation:
            self._complete_join()

    def _complete_join(self) -> None:
        self._set_timer(None)
        for member in [each for each in self.members.values() if each.joining is None]:
            self._remove(member)
        if not self.members:
            self._empty()
            return
        self.generation += 1
        self.state = COMPLETING
        self.protocol = self._chosen()
        if self.leader not in self.members:
            self.leader = next(iter(self.members))
        for member in tuple(self.members.values()):
            answer, member.joining = member.joining, None
            self._hear(member)
            assert answer is not None
            answer(self._joined(member))
        self._set_timer(max(member.rebalance_s for member in self.members.values()), self._give_up_sync)

    def _joined(self, member: GroupMember) -> Row:
        """The answer to who joined the present generation; the leader's names all members."""
        assert self.protocol is not None
        led = list(self.members.values()) if member.id == self.leader else []
        return {
            "error_code": NONE,
            "generation_id": self.generation,
            "protocol_type": self.protocol_type,
            "protocol_name": self.protocol,
            "leader": self.leader,
            "member_id": member.id,
            "members": [
                {"member_id": each.id, "group_instance_id": each.instance, "metadata": each.protocols[self.protocol]}
                for each in led
            ],
        }

    def _chosen(self) -> str:
        members = list(self.members.values())
        return next(name for name in members[0].protocols if all(name in each.protocols for each in members))

    def sync(self, request: Row, answer: Answer) -> None:
        member = self.members.get(request["member_id"])
        error = self._refusal(member, request["generation_id"])
        if error or member is None:
            answer({"error_code": error})
            return
        self._hear(member)
        if self.state == PREPARING:
            answer({"error_code": REBALANCE_IN_PROGRESS})
        elif self.state == STABLE:
            answer(self._share(member))
        else:
            member.syncing = answer
            if member.id == self.leader:
                self._divide({each["member_id"]: each["assignment"] for each in request["assignments"]})

    def _divide(self, shares: dict[str, bytes]) -> None:
        self._set_timer(None)
        self.state = STABLE
        for member in tuple(self.members.values()):
            member.assignment = shares.get(member.id, b"")
            answer, member.syncing = member.syncing, None
            if answer is not None:
                answer(self._share(member))

    def _share(self, member: GroupMember) -> Row:
        return {
            "error_code": NONE,
            "protocol_type": self.protocol_type,
            "protocol_name": self.protocol,
            "assignment": member.assignment,
        }

    def _give_up_sync(self) -> None:
        """The leader did not divide in time: those that did not come are out."""
        if self.state == COMPLETING:
            for member in [each for each in self.members.values() if each.syncing is None]:
                self._remove(member)
            if self.members:
                self._prepare()
            else:
                self._empty()

    def heartbeat(self, request: Row) -> int:
        member = self.members.get(request["member_id"])
        error = self._refusal(member, request["generation_id"])
        if error or member is None:
            return error
        self._hear(member)
        return REBALANCE_IN_PROGRESS if self.state == PREPARING else NONE

    def leave(self, member_id: str, instance: str | None = None) -> int:
        member = self.members.get(member_id)
        if member is None and instance is not None:
            member = next((each for each in self.members.values() if each.instance == instance), None)
        if member is None:
            if member_id in self.promised:
                self.promised.discard(member_id)
                return NONE
            return UNKNOWN_MEMBER_ID
        self._left(member)
        return NONE

    def may_commit(self, member_id: str, generation: int) -> int:
        """The error for who commits: members in their generation, and strangers while nobody is in the group."""
        if generation < 0 and not self.members:
            return NONE
        member = self.members.get(member_id)
        error = self._refusal(member, generation)
        if not error and member is not None:
            self._hear(member)
        return error

    def _refusal(self, member: GroupMember | None, generation: int) -> int:
        if member is None:
            return UNKNOWN_MEMBER_ID
        return NONE if generation == self.generation else ILLEGAL_GENERATION

    # -- time

    def _hear(self, member: GroupMember) -> None:
        if member.timer is not None:
            member.timer.cancel()
        member.timer = self.later(member.session_s, lambda: self._left_silently(member))

    def _left_silently(self, member: GroupMember) -> None:
        if member.joining is not None or member.syncing is not None:
            self._hear(member)  # it waits for an answer of ours
        elif self.members.get(member.id) is member:
            self._left(member)

    def _left(self, member: GroupMember) -> None:
        self._remove(member)
        if not self.members:
            self._empty()
        else:
            self._prepare()

    def _remove(self, member: GroupMember) -> None:
        self.members.pop(member.id, None)
        if member.timer is not None:
            member.timer.cancel()
        for answer in (member.joining, member.syncing):
            if answer is not None:
                answer({"error_code": UNKNOWN_MEMBER_ID, "member_id": member.id})
        member.joining = member.syncing = None
        if self.leader == member.id:
            self.leader = ""

    def _empty(self) -> None:
        self._set_timer(None)
        self.state = EMPTY
        self.protocol = None
        self.leader = ""
        self.generation += 1

    def _set_timer(self, seconds: float | None, then: Callable[[], None] = lambda: None) -> None:
        if self.timer is not None:
            self.timer.cancel()
        self.timer = None if seconds is None else self.later(seconds, then)

    def described(self) -> Row:
        return {
            "error_code": NONE,
            "group_id": self.id,
            "group_state": self.state,
            "protocol_type": self.protocol_type,
            "protocol_data": self.protocol or "",
            "members": [
                {
                    "member_id": member.id,
                    "group_instance_id": member.instance,
                    "client_id": member.client_id,
                    "client_host": f"/{member.host}",
                    "member_metadata": member.protocols.get(self.protocol or "", b""),
                    "member_assignment": member.assignment,
                }
                for member in self.members.values()
            ],
        }


class Groups:
    """All groups with members, or that had some."""

    def __init__(self, later: Later) -> None:
        self._later = later
        self.by_id: dict[str, Group] = {}

    def get(self, group: str) -> Group | None:
        return self.by_id.get(group)

    def made(self, group: str) -> Group | None:
        """The group, made where there is none; None where there are too many."""
        found = self.by_id.get(group)
        if found is None and group and len(self.by_id) < _MOST_GROUPS:
            found = self.by_id[group] = Group(group, self._later)
        return found
