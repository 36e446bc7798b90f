"""Views of a market for the tests of the strategies, by short names."""

from __future__ import annotations

from models.strategies.examples import END, NOW, START, VARIANCE
from models.strategies.examples import example_book as book
from models.strategies.examples import example_books as books
from models.strategies.examples import example_spot as spot
from models.strategies.examples import example_token as token
from models.strategies.examples import example_view as view
from models.strategies.examples import example_window as market

__all__ = ["END", "NOW", "START", "VARIANCE", "book", "books", "market", "spot", "token", "view"]
