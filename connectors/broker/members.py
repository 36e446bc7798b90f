"""A member of a consumer group, the states of a group, and what a group needs of its host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from connectors.broker.schema import Row

EMPTY: Final = "Empty"
PREPARING: Final = "PreparingRebalance"
COMPLETING: Final = "CompletingRebalance"
STABLE: Final = "Stable"

Answer = Callable[[Row], None]


class Timer(Protocol):
    def cancel(self) -> None: ...


#: Calls a function after some seconds.
Later = Callable[[float, Callable[[], None]], Timer]


@dataclass(eq=False)
class GroupMember:
    id: str
    client_id: str
    host: str
    session_s: float
    rebalance_s: float
    protocols: dict[str, bytes]
    instance: str | None = None
    assignment: bytes = b""
    joining: Answer | None = None
    syncing: Answer | None = None
    timer: Timer | None = None
