"""Strategy ``book_imbalance``: buy the side on which the book is deeper.

Economics: makers who expect a price to rise stand deeper on its bid than on its ask, and thin levels give way first; so
the depth near the best prices says where the quotes go next (the microprice, Stoikov 2018, is that argument at the best
price alone). It should lose nearly everywhere on real markets: the moves that depth predicts are about a tick, and the
taker fee is up to 1.75 cents a share. It can only pay where depth leans to moves of several cents, or at prices near 0
and 1, where the fee is small.

Entry: worth is the microprice plus ``move`` times the depth imbalance within ``depth_within`` of the best prices,
(bids - asks) / (bids + asks), where that is at least ``min_imbalance``.

Exit: see ``models.strategies.horizon``; by default it holds to settlement.

>>> from models.strategies.examples import example_book, example_token, example_view
>>> up = example_token("up", 4900, 5000, bids=((4900, 900_000_000),))
>>> signal = evaluate(example_view(book=example_book(up, example_token("down", 5000, 5100))), ImbalanceParameters())
>>> signal.verdict, signal.intents[0].outcome, round(signal.detail.imbalance, 2)
(<Verdict.PASS: 'pass'>, 'Up', 0.8)
"""

from __future__ import annotations

from pydantic import Field

from models.journal import TokenBook
from models.money import PIP
from models.reasons import Reason, Verdict
from models.strategies.detail import Annotated, Detail, Meta
from models.strategies.examples import example_book, example_token, example_view
from models.strategies.horizon import HorizonParameters, leave
from models.strategies.needs import Needs
from models.strategies.offer import best_offer
from models.strategies.signal import Intent, Signal
from models.strategies.strategy import Strategy
from models.strategies.view import View
from models.topics import FEED_MARKETS, FEED_POLYMARKET


class ImbalanceParameters(HorizonParameters):
    """Strategy ``book_imbalance``."""

    depth_within: float = Field(0.03, ge=0, le=0.5, description="of the best price, dollars a share: what is counted")
    min_imbalance: float = Field(0.7, gt=0, lt=1, description="(bids - asks) / (bids + asks), shares")
    move: float = Field(0.05, gt=0, le=1, description="expected of the quotes at an imbalance of 1, dollars a share")


class ImbalanceDetail(Detail, frozen=True):
    """What it shows where it passes."""

    outcome: Annotated[str, Meta(description="what it would buy")]
    ask: Annotated[float, Meta(description="dollars a share")]
    imbalance: Annotated[float, Meta(description="(bids - asks) / (bids + asks) of Up, -1 to 1")]
    microprice: Annotated[float, Meta(description="of Up: best prices weighted by the other side's size, dollars")]
    edge: Annotated[float, Meta(description="dollars a share after costs")]


NEEDS = Needs(
    feeds=frozenset({FEED_POLYMARKET, FEED_MARKETS}),
    wakes=frozenset({"book"}),
    every_ms=250,
    books="both",
    book_age_s="portfolio.stale_s",
    max_spread="portfolio.max_spread",
    min_depth=5.0,
    depth_within="execution.slippage",
    pair_checks=frozenset({Reason.PARITY_BROKEN}),
)


def microprice(token: TokenBook) -> float:
    """Dollars: the best prices, each weighted by the size on the other side."""
    (bid, bids), (ask, asks) = token.bids[0], token.asks[0]
    return (bid * asks + ask * bids) / (bids + asks) / PIP


def imbalance(token: TokenBook, within: int) -> float:
    """Depth imbalance up to ``within`` pips from the best prices, -1 to 1."""
    lowest, highest = token.bids[0][0] - within, token.asks[0][0] + within
    bids = asks = 0
    for price, size in token.bids:
        bids += size if price >= lowest else 0
    for price, size in token.asks:
        asks += size if price <= highest else 0
    return (bids - asks) / (bids + asks)


def evaluate(view: View, parameters: ImbalanceParameters, outcomes: tuple[str, ...] = ("Up", "Down")) -> Signal:
    """Judge one market at one moment."""
    assert view.book is not None and view.book.up is not None
    up = view.book.up
    leans = imbalance(up, round(parameters.depth_within * PIP))
    fine = microprice(up)
    expected = parameters.move * leans if abs(leans) >= parameters.min_imbalance else 0.0
    best = best_offer(view, fine + expected, outcomes, parameters.hold_s > 0)
    if not best.edge > parameters.min_edge:
        return Signal(Verdict.HOLD, Reason.BELOW_THRESHOLD, best.edge)
    detail = ImbalanceDetail(best.outcome, best.ask / PIP, round(leans, 6), round(fine, 6), best.edge)
    return Signal(Verdict.PASS, Reason.EDGE, best.edge, (Intent(best.outcome, best.ask, best.worth),), detail=detail)


STRATEGY = Strategy(
    name="book_imbalance",
    section="book_imbalance",
    unit="dollars_per_share",
    family="edge_after_costs",
    needs=NEEDS,
    parameters=ImbalanceParameters,
    evaluate=evaluate,
    threshold=lambda parameters: parameters.min_edge,
    leave=leave,
    detail=ImbalanceDetail,
    examples=lambda: (
        example_view(),
        example_view(
            book=example_book(
                example_token("up", 4900, 5000, bids=((4900, 900_000_000),)), example_token("down", 5000, 5100)
            )
        ),
    ),
)
