"""The state of all feeds: definitions, connections, books and spot prices. What falls with a connection falls here."""

from __future__ import annotations

from connectors.polymarket.definitions import Definitions
from flows.market_line.books import Books
from flows.market_line.coinbase import Sequence
from flows.market_line.connection import Connections
from flows.market_line.journal import Journal
from flows.market_line.spots import Spots
from models.bounds import CheckBounds
from models.journal import Src
from models.reasons import Reason


class FeedState:
    """``known``: market definitions. ``heard``: feed -> receive time (Unix ns) of its last frame with data.
    ``sequences``: of Coinbase's connections, by id."""

    def __init__(self, journal: Journal, bounds: CheckBounds) -> None:
        self.heard: dict[str, int] = {}
        self.known = Definitions()
        self.connections = Connections()
        self.sequences: dict[str, Sequence] = {}
        self.books = Books(journal, self.known, self.connections, bounds)
        self.spots = Spots(journal, bounds)

    def invalidate(self, src: Src, reason: Reason, conn: str | None = None) -> bool:
        """What the connection (None: any) said is unknown until its next snapshot; the journal says so at once.

        Whether anything was sound before."""
        self.connections.forget_frames(conn)
        any_book = self.books.invalidate(src, reason, conn)
        any_spot = self.spots.invalidate(src, reason, conn)
        return any_book or any_spot

    def sequence(self, conn: str) -> Sequence:
        """The connection's numbers as they were seen; a connection heard of from its beginning starts at 0."""
        sequence = self.sequences.get(conn)
        if sequence is None:
            connection = self.connections.by_id.get(conn)
            sequence = self.sequences[conn] = Sequence(0 if connection is not None and connection.is_whole else -1)
        return sequence
