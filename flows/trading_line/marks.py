"""What a share of each outcome is valued at: the bid, and what stands for it where there is none.

Until a market's end a side without a bid is worth nothing: the dying side has none in the last seconds. After the end
nobody has to bid any more, for the winning side either, so that a missing bid says nothing of worth: until it is
settled a share counts what it counted last, and at most what the other side's bid leaves of a dollar. Otherwise every
position held over the end would look lost, and stop a portfolio, until it pays.
"""

from __future__ import annotations

from models.journal import Book, TokenBook
from models.money import PIP
from models.reasons import Reason

_NO_BID = frozenset({Reason.ONE_SIDED_BOOK, Reason.EMPTY_BOOK})


def remark(marks: dict[str, int], book: Book, end: int) -> None:
    """Take the latest books into ``marks``: by outcome, pips. ``end`` of the market: Unix ns. A book that cannot be
    trusted changes nothing, for a broken connection says nothing of worth."""
    sides = (("Up", book.up, book.down), ("Down", book.down, book.up))
    for outcome, token, other in sides:
        if token is None:
            continue
        if token.ok and token.bids:
            marks[outcome] = token.bids[0][0]
        elif not token.bids and _NO_BID.intersection(token.checks):
            marks[outcome] = min(marks.get(outcome, 0), _left_by(other)) if book.t >= end else 0


def _left_by(other: TokenBook | None) -> int:
    """What a bid for the other side leaves of a dollar, in pips."""
    return PIP - other.bids[0][0] if other is not None and other.ok and other.bids else PIP
