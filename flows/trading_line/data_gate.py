"""The data gate: whether a market's data is what a strategy needs. It stands before every strategy.

The strategy is evaluated only when the gate passes; its verdict stands first on the trace, as module
``data_gate.<instance>``. A pure function of the view and the instance's limits.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from models.contracts import Number
from models.features.strike import Strike
from models.features.variance import Variance
from models.journal import Book, Market, Spot, TokenBook
from models.money import PIP, SHARE
from models.reasons import Reason, Verdict
from models.strategies.needs import Limits
from models.strategies.view import View
from models.timestamps import SECOND
from models.trace import Step


class GateResult(msgspec.Struct, frozen=True, gc=False):
    """The span, and the outcomes whose books are fit to be bought from (none unless it passed)."""

    step: Step
    outcomes: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return bool(self.outcomes)


def check(view: View, limits: Limits) -> GateResult:
    """Pass with the outcomes that may be bought, hold before the window, or block; with the first reason there is, and
    the numbers that it was found by."""
    numbers: dict[str, Number] = {}
    verdict, reason, outcomes = judge(view, limits, numbers)
    return GateResult(Step(limits.module, verdict, reason, numbers), outcomes)


class KnownBooks:
    """What the gate says of one market's books to one instance, kept while nothing of it can change: most events that
    an instance is asked at leave the books as they were."""

    __slots__ = ("_book", "_outcomes", "_reason", "_stale", "_until")

    def __init__(self) -> None:
        self._book: Book | None = None
        self._stale: Collection[str] = ()
        self._until = -1
        self._reason: Reason | None = None
        self._outcomes: tuple[str, ...] = ()

    def judge(self, view: View, limits: Limits) -> tuple[Reason | None, tuple[str, ...]]:
        """What is wrong with them, and which outcomes may be bought."""
        book = view.book
        if book is not self._book or view.t > self._until or view.stale_tokens is not self._stale:
            self._book, self._stale = book, view.stale_tokens
            self._until = _fresh_until(book, view.market.end, view.t, limits)
            self._reason, self._outcomes = _books(book, view, limits, None)
        return self._reason, self._outcomes


def judge(
    view: View, limits: Limits, numbers: dict[str, Number] | None = None, books: KnownBooks | None = None
) -> tuple[Verdict, Reason, tuple[str, ...]]:
    """What ``check`` says, without a span. ``numbers``: takes those that were found. ``books``: what is kept of them
    between two calls for the same market and instance, whose times never decrease."""
    market, t = view.market, view.t
    if t < market.start:
        if numbers is not None:
            numbers["left_s"] = (market.start - t) / SECOND
        return Verdict.HOLD, Reason.NOT_STARTED, ()
    if t >= market.end:
        return Verdict.BLOCK, Reason.EXPIRED, ()
    reason = _feeds(view, limits, numbers) if view.stale_feeds else None
    if reason is None and limits.rule and market.rule is None:
        reason = Reason.RULE_UNKNOWN
    if reason is None and limits.spot:
        reason = _spot(view.spot, view, limits, numbers)
    outcomes: tuple[str, ...] = ()
    if reason is None:
        if books is not None:
            reason, outcomes = books.judge(view, limits)
        else:
            reason, outcomes = _books(view.book, view, limits, numbers)
    if reason is None and limits.strike:
        reason = _strike(view, limits, numbers)
    if reason is None and limits.warms_up:
        variance: Variance = view.values["variance"]
        if variance.returns < limits.min_returns or variance.history_s < limits.warm_up_s:
            if numbers is not None:
                numbers["returns"], numbers["history_s"] = variance.returns, variance.history_s
                numbers["bound"], numbers["bound_s"] = limits.min_returns, limits.warm_up_s
            reason = Reason.WARMING_UP
    if reason is not None:
        return Verdict.BLOCK, reason, ()
    return Verdict.PASS, Reason.OK, outcomes


#: Reasons that rest on features, and change with them.
OF_FEATURES = frozenset({Reason.STRIKE_MISSING, Reason.WARMING_UP})


def stands_until(market: Market, book: Book | None, spot: Spot | None, t: int, limits: Limits) -> int:
    """The last moment up to which what the gate says at ``t`` holds by itself, while market, books, spot and stale
    feeds stay as they are: then the window begins or ends, or something that is fresh now is too old. Unix ns."""
    until = (market.start if t < market.start else market.end) - 1
    if limits.spot and spot is not None:
        until = _sooner(until, spot.t + limits.spot_age, t)
    return _fresh_until(book, until, t, limits)


def _fresh_until(book: Book | None, until: int, t: int, limits: Limits) -> int:
    """``until``, or the sooner moment up to which a token's book that is fresh at ``t`` stays so."""
    if book is not None:
        for token in (book.up, book.down):
            if token is not None:
                until = _sooner(until, token.t + limits.book_age, t)
    return until


def _sooner(until: int, bound: int, t: int) -> int:
    return bound if t <= bound < until else until


def is_stale(token: TokenBook, t: int, stale_tokens: Collection[str], limits: Limits) -> bool:
    """Whether the token's book is too old at ``t`` (Unix ns), or was called stale by the last clock tick."""
    return t - token.t > limits.book_age or token.token in stale_tokens


def is_spot_stale(spot: Spot, t: int, flagged: bool, limits: Limits) -> bool:
    """Whether the spot price is too old at ``t`` (Unix ns), or was called stale by the last clock tick."""
    return flagged or t - spot.t > limits.spot_age


def pair_fault(book: Book, limits: Limits) -> Reason | None:
    """What stands on the pair and may not."""
    for each in book.checks:
        if each in limits.needs.pair_checks:
            return Reason(each)
    return None


def spread_of(token: TokenBook) -> int:
    """Best ask minus best bid in pips; both sides must be there."""
    return token.asks[0][0] - token.bids[0][0]


def _feeds(view: View, limits: Limits, numbers: dict[str, Number] | None) -> Reason | None:
    silent = sorted(view.stale_feeds & limits.needs.feeds)
    if silent:
        if numbers is not None:
            numbers["feeds"] = ",".join(silent)
        return Reason.STALE_FEED
    return None


def _spot(spot: Spot | None, view: View, limits: Limits, numbers: dict[str, Number] | None) -> Reason | None:
    if spot is None:
        return Reason.SPOT_MISSING
    for each in spot.checks:
        if each in limits.needs.spot_checks:
            return Reason(each)
    if not spot.ok:
        return Reason.SPOT_INVALID
    age = view.t - spot.t
    if numbers is not None:
        numbers["spot_age_s"] = age / SECOND
    if not (view.spot_stale or age > limits.spot_age):
        return None
    if numbers is not None:
        numbers["bound_s"] = limits.spot_age / SECOND
    return Reason.STALE_SPOT


def _books(
    book: Book | None, view: View, limits: Limits, numbers: dict[str, Number] | None
) -> tuple[Reason | None, tuple[str, ...]]:
    if book is None:
        return Reason.BOOK_MISSING, ()
    up, down = _token(book.up, view, limits), _token(book.down, view, limits)
    if up is None and down is None:
        outcomes: tuple[str, ...] = ("Up", "Down")
    else:
        if numbers is not None:
            numbers["up"], numbers["down"] = _reported(book.up, up), _reported(book.down, down)
        outcomes = ("Up",) if up is None else ("Down",) if down is None else ()
        if limits.both or not outcomes:
            # the token that is there says more than the one that is not
            is_down = up is None or (up is Reason.BOOK_MISSING and down is not None)
            first, token = (down, book.down) if is_down else (up, book.up)
            if limits.both and None in (book.up, book.down):
                first = Reason.BOOK_MISSING
            elif token is not None and numbers is not None:
                _measure(first, token, view, limits, numbers)
            return first, ()
    if limits.both and not book.pair_ok:
        return Reason.PAIR_INCONSISTENT, ()
    if book.checks:
        fault = pair_fault(book, limits)
        if fault is not None:
            return fault, ()
    return None, outcomes


def _token(token: TokenBook | None, view: View, limits: Limits) -> Reason | None:
    """What is wrong with one token's book, the worst first."""
    if token is None:
        return Reason.BOOK_MISSING
    for each in token.checks:
        if each in limits.needs.book_checks:
            return Reason(each)
    if not (token.ok and token.bids and token.asks):
        return Reason.BOOK_INVALID
    # what follows runs for each token at each evaluation: the bounds of ``is_stale`` and ``spread_of``, spelt out
    if view.t - token.t > limits.book_age or token.token in view.stale_tokens:
        return Reason.STALE_BOOK
    price, size = token.asks[0]
    if price - token.bids[0][0] > limits.max_spread:
        return Reason.SPREAD_TOO_WIDE
    return None if size >= limits.min_depth or is_deep(token, limits) else Reason.DEPTH_TOO_THIN


def _measure(reason: Reason | None, token: TokenBook, view: View, limits: Limits, numbers: dict[str, Number]) -> None:
    """The number that binds, and its bound."""
    if reason is Reason.STALE_BOOK:
        numbers["age_s"], numbers["bound_s"] = (view.t - token.t) / SECOND, limits.book_age / SECOND
    elif reason is Reason.SPREAD_TOO_WIDE and token.bids and token.asks:
        numbers["spread"], numbers["bound"] = spread_of(token) / PIP, limits.max_spread / PIP
    elif reason is Reason.DEPTH_TOO_THIN:
        dearest = token.asks[0][0] + limits.depth_within
        depth = 0
        for price, size in token.asks:
            depth += size if price <= dearest else 0
        numbers["depth"], numbers["bound"] = depth / SHARE, limits.min_depth / SHARE


def is_deep(token: TokenBook, limits: Limits) -> bool:
    """Whether enough shares are on offer near the best ask."""
    if not token.asks:
        return limits.min_depth <= 0
    missing = limits.min_depth
    dearest = token.asks[0][0] + limits.depth_within
    for price, size in token.asks:
        if missing <= 0 or price > dearest:
            break
        missing -= size
    return missing <= 0


def _reported(token: TokenBook | None, fault: Reason | None) -> str:
    """A token's state in words: everything that stands on its book, or the fault the gate found."""
    if token is not None and token.checks:
        return ",".join(token.checks)
    return str(fault or Reason.OK)


def _strike(view: View, limits: Limits, numbers: dict[str, Number] | None) -> Reason | None:
    strike: Strike | None = view.values["strike"]
    if strike is None:
        return Reason.STRIKE_MISSING
    if strike.gap_s > limits.strike_max_gap_s:
        if numbers is not None:
            numbers["strike_gap_s"], numbers["bound_s"] = strike.gap_s, limits.strike_max_gap_s
        return Reason.STRIKE_MISSING
    return None
