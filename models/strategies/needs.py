"""What a strategy needs before it may look at a market, as data next to its code.

A bound is a number, or the name of the setting it comes from: ``"portfolio.stale_s"``, or ``"parameters.warm_up_s"``
for one of the strategy's own. ``limits`` reads them once and gives the integers that the data gate compares with.

>>> needs = Needs(feeds=frozenset({FEED_POLYMARKET}), wakes=frozenset({"book"}), books="either", book_age_s=5.0,
...     max_spread="parameters.widest", min_depth=5.0, depth_within=0.01)
>>> class Parameters(Section):
...     widest: float = 0.05
>>> bounds = limits("example", needs, Parameters(), None)
>>> bounds.module, bounds.book_age, bounds.max_spread
('data_gate.example', 5000000000, 500)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from models.features.feature import plan_of
from models.features.registry import FEATURES
from models.money import PIP, SHARE
from models.reasons import BLOCKING, Reason
from models.section import Section
from models.timestamps import MILLISECOND, SECOND
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET

if TYPE_CHECKING:  # the settings are made of the strategies' parameters
    from models.settings import Settings

Bound = float | str
#: Events at which a strategy may ask to be evaluated.
Wake = Literal["book", "spot", "trade", "clock"]

#: Findings that make a spot price unfit: its book is like a token's, but has no checksum and no tick.
SPOT_FAULTS = BLOCKING - {Reason.HASH_MISMATCH, Reason.BEST_MISMATCH, Reason.REST_MISMATCH, Reason.OFF_TICK}


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a strategy asks of its input.

    ``feeds``: topics it rests on; none of them may be stale. ``book_checks``, ``spot_checks``, ``pair_checks``: what
    may not stand on a token's book, on spot, on the pair. ``books``: ``both`` of one moment, or ``either``: then only
    a token whose own book is fit may be bought. ``min_depth`` shares are to be on offer within ``depth_within`` dollars
    of the best ask. ``strike``, ``rule``: whether the market's must be known.

    ``features``: whose values its view carries. ``siblings``: whether the view carries the underlying's other windows.
    ``wakes``: the events at which it is asked about a market, at most once in ``every_ms`` of event time (0 = always).
    The clock ticks four times a second whatever the feeds do."""

    feeds: frozenset[str]
    wakes: frozenset[Wake]
    every_ms: int = 0
    features: tuple[str, ...] = ()
    siblings: bool = False
    book_age_s: Bound
    books: Literal["both", "either"]
    max_spread: Bound
    min_depth: Bound
    depth_within: Bound
    book_checks: frozenset[Reason] = BLOCKING
    pair_checks: frozenset[Reason] = frozenset()
    spot_age_s: Bound = 0.0
    spot_checks: frozenset[Reason] = frozenset()
    warm_up_s: Bound = 0.0
    min_returns: int = 0
    strike: bool = False
    strike_max_gap_s: Bound = 0.0
    rule: bool = False

    @property
    def both(self) -> bool:
        """Whether it trades on the books of both outcomes together."""
        return self.books == "both"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Needs of one instance with their bounds: ages and ``every`` in ns, prices in pips, depth in micro-shares, the
    rest in seconds. ``module``: its data gate's name on the trace and on telemetry."""

    needs: Needs
    module: str
    spot: bool
    both: bool
    every: int
    book_age: int
    spot_age: int
    max_spread: int
    min_depth: int
    depth_within: int
    warms_up: bool
    warm_up_s: float
    min_returns: int
    strike: bool
    strike_max_gap_s: float
    rule: bool


def limits(owner: str, needs: Needs, parameters: Section, settings: Settings | None) -> Limits:
    """The bounds of ``needs`` for the instance ``owner`` with these parameters. Raises ValueError for needs that
    contradict themselves, and AttributeError for a bound that names no setting."""
    if FEED_POLYMARKET not in needs.feeds:
        raise ValueError(f"{owner}: books are needed, and not the feed they come from")
    if (needs.strike or needs.rule) and FEED_MARKETS not in needs.feeds:
        raise ValueError(f"{owner}: strike and rule come from {FEED_MARKETS}, which is not needed")
    spot = FEED_COINBASE in needs.feeds
    if (needs.min_returns or needs.warm_up_s) and not spot:
        raise ValueError(f"{owner}: only spot warms up, and it is not needed")
    plan = {key.name for key in plan_of(needs.features, {}, FEATURES)}
    if needs.strike and "strike" not in plan:
        raise ValueError(f"{owner}: the strike is needed, and not the feature")
    if (needs.min_returns or needs.warm_up_s) and "variance" not in plan:
        raise ValueError(f"{owner}: the variance is to be warm, and is not among the features needed")
    if "spot" in needs.wakes and not spot:
        raise ValueError(f"{owner}: it is to wake at prices of spot, which is not needed")
    if not needs.wakes:
        raise ValueError(f"{owner}: it never wakes: it needs at least one kind of event")

    def number(bound: Bound) -> float:
        if isinstance(bound, str):
            section, _, key = bound.partition(".")
            return float(getattr(parameters if section == "parameters" else getattr(settings, section), key))
        return bound

    return Limits(
        needs=needs,
        module="data_gate." + owner,
        spot=spot,
        both=needs.both,
        every=needs.every_ms * MILLISECOND,
        book_age=round(number(needs.book_age_s) * SECOND),
        spot_age=round(number(needs.spot_age_s) * SECOND),
        max_spread=round(number(needs.max_spread) * PIP),
        min_depth=round(number(needs.min_depth) * SHARE),
        depth_within=round(number(needs.depth_within) * PIP),
        warms_up=bool(needs.min_returns or needs.warm_up_s),
        warm_up_s=number(needs.warm_up_s),
        min_returns=needs.min_returns,
        strike=needs.strike,
        strike_max_gap_s=number(needs.strike_max_gap_s),
        rule=needs.rule,
    )
