"""What the live venue needs of the exchange: the port that the official client fills, and a stand-in in tests.

Money and shares are integers as everywhere: prices in pips, sizes in micro-shares. An order's ``venue_id`` is the
exchange's own id of it, its EIP-712 hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Literal, Protocol

import msgspec

from models.contracts import VenueCommand
from models.timestamps import MILLISECOND

_SALT_BITS = 53  # what survives JSON as a number

TradeState = Literal["MATCHED", "MATCHED_NOT_BROADCASTED", "MINED", "RETRYING", "CONFIRMED", "FAILED"]
SETTLED: frozenset[str] = frozenset({"CONFIRMED", "FAILED"})


class OrderRefused(Exception):
    """The exchange took the order not, for good. ``code``: its own word for why."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class ExchangeWaits(Exception):
    """The exchange took nothing and wants us to wait ``seconds``: it restarts, or we ask too much."""

    def __init__(self, text: str, seconds: float) -> None:
        super().__init__(text)
        self.seconds = seconds


class NoAnswer(Exception):
    """No answer, or none that can be understood: whether it was done is unknown."""


class LiveOrder(msgspec.Struct, frozen=True):
    """An order to be signed. ``salt`` and ``stamp`` (Unix ms) follow from our order id and the run, so that the same
    order always has the same id at the exchange, and cannot be there twice."""

    id: str
    condition: str
    token: str
    side: Literal["buy", "sell"]
    kind: Literal["FAK", "FOK", "GTC", "GTD"]
    limit: int
    size: int
    post_only: bool
    expires: int
    salt: int
    stamp: int

    @classmethod
    def of(cls, command: VenueCommand, run: str) -> LiveOrder:
        """Raises ValueError for a command that sends no order."""
        if not command.side or not command.kind or not command.order or not command.token:
            raise ValueError(f"{command.id} is no order")
        digest = hashlib.sha256(f"{run}\n{command.order}".encode()).digest()
        return cls(
            id=command.order,
            condition=command.condition,
            token=command.token,
            side=command.side,
            kind=command.kind,
            limit=command.limit,
            size=command.size,
            post_only=command.post_only,
            expires=command.expires,
            salt=int.from_bytes(digest[:8], "big") >> (64 - _SALT_BITS),
            stamp=command.timestamp // MILLISECOND,
        )


class Built(msgspec.Struct, frozen=True):
    """A signed order that was not sent. ``pays``, ``gets``: micro-units; ``signed``: the client's own object."""

    venue_id: str
    pays: int
    gets: int
    signed: object


class OrderTaken(msgspec.Struct, frozen=True):
    """The exchange took the order. ``matched``: micro-shares at once; none where it is held (``delayed``)."""

    venue_id: str
    status: Literal["live", "matched", "delayed"]
    matched: int


class OrderSeen(msgspec.Struct, frozen=True):
    """An order as the exchange shows it, by its list or its channel. ``open``: whether it may still be matched."""

    venue_id: str
    open: bool
    matched: int
    status: str


class TradeSeen(msgspec.Struct, frozen=True):
    """Our side of a trade: what it filled of one of our orders, as (pips, micro-shares) in rising order. The same trade
    comes again with each new ``status``."""

    trade: str
    venue_id: str
    fills: tuple[tuple[int, int], ...]
    taker: bool
    status: TradeState

    @property
    def size(self) -> int:
        """Micro-shares in all."""
        return sum(size for _, size in self.fills)


class Money(msgspec.Struct, frozen=True):
    """Micro-dollars on the account, and how many of them the exchange's contract may move."""

    balance: int
    allowance: int


class LiveExchange(Protocol):
    """Every call raises NoAnswer where none came, and ExchangeWaits where the exchange said to wait."""

    async def build(self, order: LiveOrder) -> Built:
        """Build and sign, and send nothing. Raises OrderRefused for what the exchange could not take."""

    async def post(self, built: Built) -> OrderTaken:
        """Send it. Raises OrderRefused."""

    async def cancel(self, venue_id: str) -> bool:
        """Whether it was cancelled; False where there was nothing to cancel any more."""

    async def cancel_all(self) -> None:
        """Cancel every order of the key."""

    async def open_orders(self) -> list[OrderSeen]:
        """Every order of the key that may be matched."""

    async def order(self, venue_id: str) -> OrderSeen | None:
        """One order; None where the exchange does not know it (any more)."""

    async def trades(self, after: int) -> list[TradeSeen]:
        """Our sides of the trades since ``after`` (Unix s), in any status."""

    async def heartbeat(self) -> None:
        """Tell the exchange that we live. Having been told once, it cancels everything ten seconds after the last."""

    async def money(self) -> Money:
        """What is there to spend."""

    async def closed_only(self) -> bool:
        """Whether the account may only close positions."""

    async def resolved(self, condition: str) -> bool:
        """Whether the market is over and has its result."""

    async def time(self) -> float:
        """The exchange's clock, Unix s."""

    def updates(self) -> AsyncIterator[OrderSeen | TradeSeen | None]:
        """What the user channel says; None each time it was connected anew, when something may have been missed."""

    async def close(self) -> None:
        """Let go of its connections."""
