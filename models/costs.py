"""What trading costs: the one model that strategies, sizing and reports go by.

Before a trade, ``CostModel`` says what a share is expected to cost beyond its price: the taker fee by the market's own
schedule less the rebate tier, what the price moves away while the order is under way, what is lost to who takes a
quote, and interest on the money until the market settles. A maker rebate is no part of it: it counts when it is paid.

>>> from models.features.examples import example_market
>>> market = example_market()
>>> CostModel().entering(market, 0.50, market.start)
0.0175
>>> dear = CostModel(taker_rebate=0.5, latency=0.001, capital_rate=0.10)
>>> round(dear.entering(market, 0.50, market.end - 365 * 24 * 3600 * SECOND), 6)
0.05975
>>> CostModel(adverse_selection=0.004).entering(market, 0.50, market.end, post_only=True)
0.004

After it, ``split`` says where the money went: what the shares would have made at the mid, and each part between that
and what was booked, in whole micro-dollars that add up exactly.

>>> leg = FillLeg(side="buy", price=5_200, size=10_000_000, gross=5_200_000, fee=175_000, is_taker=True,
...     decision_mid=5_050, mid=5_100, touch=5_150)
>>> parts = split([leg], payout=10_000_000)
>>> parts.latency, parts.spread, parts.slippage, parts.fees, parts.gross, parts.booked
(50000, 50000, 50000, 175000, 4950000, 4625000)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from pydantic import Field

from models.fees import RATE_UNIT, fee_per_share
from models.journal import Market
from models.money import PIP
from models.section import Section
from models.timestamps import SECOND

YEAR_S = 365 * 24 * 3600


class CostSettings(Section):
    """What trading is expected to cost beyond spread, depth and the exchange's fee schedule."""

    taker_rebate: float = Field(0, ge=0, le=1, description="share of the taker fees that the volume tier gives back")
    latency: float = Field(
        0, ge=0, le=1, description="dollars a share that the price runs away from a taker; `profit report` fits it"
    )
    adverse_selection: float = Field(
        0, ge=0, le=1, description="dollars a share that a quote loses to who takes it; `profit report` fits it"
    )
    capital_rate: float = Field(0, ge=0, le=1, description="interest a year on the money in a position")

    @property
    def model(self) -> CostModel:
        """For whoever reckons with it."""
        return CostModel(self.taker_rebate, self.latency, self.adverse_selection, self.capital_rate)


class CostModel(msgspec.Struct, frozen=True, gc=False):
    """Expected costs in dollars a share; see ``CostSettings`` for what each parameter is."""

    taker_rebate: float = 0.0
    latency: float = 0.0
    adverse_selection: float = 0.0
    capital_rate: float = 0.0

    def entering(self, market: Market, price: float, t: int, post_only: bool = False) -> float:
        """Of buying at ``price`` dollars at ``t`` (Unix ns) and holding until the market ends."""
        waiting = self.capital_rate * price * max(market.end - t, 0) / SECOND / YEAR_S
        return (self.adverse_selection if post_only else self.taking(market, price)) + waiting

    def taking(self, market: Market, price: float) -> float:
        """Of taking at ``price`` dollars, on the way in or out."""
        fee = fee_per_share(price, market.fee_rate / RATE_UNIT, market.fee_exponent)
        return fee * (1.0 - self.taker_rebate) + self.latency

    def capital(self, stake: int, held: int) -> int:
        """Interest on ``stake`` micro-dollars over ``held`` nanoseconds, micro-dollars, rounded down."""
        return int(self.capital_rate * stake * held / SECOND / YEAR_S)


#: Of a trading line whose configuration says nothing.
NO_EXTRAS = CostModel()


class FillLeg(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A fill as the split needs it: pips, micro-shares, micro-dollars. ``decision_mid``: the token's mid when the order
    was decided; ``mid``, ``touch``: mid and best opposite price when it met the book; ``later_mid``: mid after the fill
    (mark-out), for a maker's. -1 where it is not known."""

    side: Literal["buy", "sell"]
    price: int
    size: int
    gross: int
    fee: int
    is_taker: bool
    decision_mid: int = -1
    mid: int = -1
    touch: int = -1
    later_mid: int = -1


class CostSplit(msgspec.Struct, gc=False):
    """Micro-dollars. ``gross``: what the shares made from mid to mid; ``booked``: what the ledger has. A cost is above
    zero; ``spread`` is below it where a quote captured some. Always ``gross - booked == total``.

    ``latency``: from the mid decided on to the mid met; ``spread``: from there to the touch; ``slippage``: from the
    touch to the price, through the depth; ``adverse``: what the mid moved against a maker's fill; ``fees``;
    ``rebates``: paid back, below zero."""

    gross: int = 0
    spread: int = 0
    slippage: int = 0
    latency: int = 0
    adverse: int = 0
    fees: int = 0
    rebates: int = 0
    booked: int = 0

    @property
    def total(self) -> int:
        """All costs together."""
        return self.spread + self.slippage + self.latency + self.adverse + self.fees + self.rebates

    def add(self, other: CostSplit) -> None:
        """Add another's parts to these."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


PARTS = ("spread", "slippage", "latency", "adverse", "fees", "rebates")


def split(legs: Iterable[FillLeg], payout: int, rebates: int = 0) -> CostSplit:
    """Where the money of a round trip went. ``payout``: what the settlement paid for shares held to it; ``rebates``:
    micro-dollars that were paid back. What is not known of a leg is not guessed: without a decision mid its price is
    its own reference and only the fee is a cost; without touch or mid at the book the whole way from the mid decided on
    to the price is spread."""
    parts = CostSplit(booked=payout + rebates, rebates=-rebates)
    for leg in legs:
        sign = 1 if leg.side == "buy" else -1
        parts.booked -= sign * leg.gross + leg.fee
        parts.fees += leg.fee
        if leg.decision_mid < 0:
            continue
        shortfall = sign * (leg.gross - _worth(leg.decision_mid, leg.size))
        if not leg.is_taker:
            if leg.later_mid >= 0:
                parts.adverse += sign * (_worth(leg.decision_mid, leg.size) - _worth(leg.later_mid, leg.size))
            parts.spread += shortfall
        elif leg.mid < 0 or leg.touch < 0:
            parts.spread += shortfall
        else:
            moved = sign * (_worth(leg.mid, leg.size) - _worth(leg.decision_mid, leg.size))
            crossed = sign * (_worth(leg.touch, leg.size) - _worth(leg.mid, leg.size))
            parts.latency += moved
            parts.spread += crossed
            parts.slippage += shortfall - moved - crossed
    parts.gross = parts.booked + parts.total
    return parts


def _worth(pips: int, size: int) -> int:
    """Micro-dollars of ``size`` micro-shares at ``pips``, rounded down."""
    return pips * size // PIP
