"""What an outcome would cost, and what is left of it: the arithmetic that the families with a view of worth share.

>>> from models.strategies.examples import example_view
>>> best = best_offer(example_view(), 0.60, ("Up", "Down"), leaves=False)
>>> best.outcome, best.ask, best.edge
('Up', 5000, 0.0825)
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from models.money import PIP
from models.strategies.horizon import cost_of
from models.strategies.view import View


class Offer(msgspec.Struct, frozen=True, gc=False):
    """An outcome at its ask (pips): what it is believed to be worth, dollars a share, and the edge after costs."""

    outcome: str
    ask: int
    worth: float
    edge: float


def best_offer(view: View, up_worth: float, outcomes: Iterable[str], leaves: bool) -> Offer:
    """The outcome with the greater edge where a share of Up is worth ``up_worth`` dollars. The outcomes' books must be
    fit, and there must be one. ``leaves``: whether the position pays its way out too."""
    book = view.book
    assert book is not None
    best: Offer | None = None
    for outcome in outcomes:
        token, worth = (book.up, up_worth) if outcome == "Up" else (book.down, 1.0 - up_worth)
        assert token is not None
        ask, bid = token.asks[0][0] / PIP, token.bids[0][0] / PIP
        edge = round(worth - ask - cost_of(view, ask, bid, worth, leaves), 6)
        if best is None or edge > best.edge:
            best = Offer(outcome, token.asks[0][0], round(worth, 6), edge)
    assert best is not None
    return best
