"""The market's own probability: the middle of its quotes.

>>> from models.strategies.examples import example_books
>>> sound_middle(example_books(4_900, 5_200))
0.505
"""

from __future__ import annotations

from models.journal import Book
from models.money import PIP


def sound_middle(book: Book | None) -> float | None:
    """Of Up, dollars a share; of its complement where only Down's book is sound and has two sides; None without
    either."""
    if book is None:
        return None
    for token, is_up in ((book.up, True), (book.down, False)):
        if token is not None and token.ok and token.bids and token.asks:
            middle = (token.bids[0][0] + token.asks[0][0]) / 2 / PIP
            return middle if is_up else 1.0 - middle
    return None
