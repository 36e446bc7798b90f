"""The last records of a kind as their bytes: parsed they take some ten times the memory, and few are ever asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from models.record import Record

_R = TypeVar("_R", bound=Record)


class RecentRows(Generic[_R]):
    """Up to ``most`` records of ``contract``, each with a number that tells its place among the rows of others."""

    def __init__(self, contract: type[_R], most: int) -> None:
        self._contract = contract
        self._rows: deque[tuple[int, bytes]] = deque(maxlen=most)

    def add(self, value: bytes, number: int = 0) -> None:
        """``value``: a record that was found to be of the contract."""
        self._rows.append((number, value))

    @property
    def full(self) -> bool:
        """Whether older ones had to go."""
        return len(self._rows) == self._rows.maxlen

    def oldest(self) -> _R:
        """Raises IndexError where there is none."""
        return self._contract.read(self._rows[0][1])

    def latest(self, limit: int) -> list[_R]:
        """The latest first."""
        return [record for _, record in self.numbered(limit)]

    def latest_while(self, wanted: Callable[[_R], bool]) -> Iterator[_R]:
        """The latest first, up to the first that is not wanted: older ones are not even parsed."""
        for _, value in reversed(self._rows):
            record = self._contract.read(value)
            if not wanted(record):
                return
            yield record

    def numbered(self, limit: int) -> list[tuple[int, _R]]:
        """The same with their numbers."""
        rows = list(self._rows)[: -limit - 1 : -1]
        return [(number, self._contract.read(value)) for number, value in rows]
