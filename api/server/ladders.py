"""Both books of a market as ladders, with our own orders in them and what stands before those."""

from __future__ import annotations

from typing import Final

from api.server import formats
from api.server.board import Board
from api.server.views.markets import LadderView, LevelView
from api.server.windows import Followed
from models.contracts import Order
from models.journal import Levels
from models.timestamps import SECOND

_WORKING: Final = frozenset({"submitted", "accepted", "partly_filled", "unknown"})


def working(board: Board, market: str) -> list[Order]:
    """Our orders in the market that are not over."""
    latest: dict[str, Order] = {}
    for order in reversed(board.order_records()):
        if order.market_key == market:
            latest[order.id] = order
    return [order for order in latest.values() if order.status in _WORKING]


def ladders_of(followed: Followed, board: Board) -> list[LadderView]:
    """The ladder of Up, then that of Down; none while there is no book."""
    own = working(board, followed.key)
    found: list[LadderView] = []
    for outcome in ("Up", "Down"):
        token = followed.token(outcome)
        if token is None:
            continue
        mine: dict[tuple[str, int], int] = {}
        for order in own:
            if order.outcome == outcome:
                key = (order.side, order.limit)
                mine[key] = mine.get(key, 0) + order.size - order.filled
        found.append(
            LadderView(
                outcome=outcome,
                ok=token.ok,
                checks=list(token.checks),
                age_s=round(max(board.newest_ns - token.t, 0) / SECOND, 1) if token.t else None,
                bids=_levels(token.bids, "buy", mine),
                asks=_levels(token.asks, "sell", mine),
            )
        )
    return found


def _levels(levels: Levels, side: str, mine: dict[tuple[str, int], int]) -> list[LevelView]:
    found = []
    for price, size in levels:
        own = mine.get((side, price), 0)
        found.append(
            LevelView(
                price_usd=formats.price(price),
                size_shares=formats.shares(size),
                own_shares=formats.shares(own),
                ahead_shares=formats.shares(size) if own else None,
            )
        )
    return found
