"""The sections of the configuration that guard the portfolio: allocation, concentration, breakers, release gates.

>>> BreakerSettings().bounds("loss_streak").stop
16.0
"""

from __future__ import annotations

from collections.abc import Callable

from pydantic import Field

from models.portfolio.allocation import AllocationTerms
from models.portfolio.breakers import BreakerBounds
from models.release import Bars
from models.section import Section
from models.timestamps import SECOND


class AllocationSettings(Section):
    """How much of its full size an instance gets, by what it has realised."""

    enabled: bool = Field(True, description="false: every instance has its full size")
    floor: float = Field(0.5, ge=0, le=1, description="of the full size, while nothing is known or all is bad")
    cap: float = Field(1.0, gt=0, le=1, description="of the full size at most")
    half_life_rounds: float = Field(100, gt=0, description="of a round's weight")
    sample_rounds: float = Field(30, gt=0, description="a sample of so many counts half")
    full_fraction: float = Field(0.02, gt=0, le=1, description="full size at this growth-optimal part of the wealth")
    rise: float = Field(0.05, gt=0, le=1, description="at most, a round")
    fall: float = Field(0.25, gt=0, le=1, description="at most, a round")

    @property
    def terms(self) -> AllocationTerms:
        """For ``models.portfolio.allocation``."""
        return AllocationTerms(
            floor=min(self.floor, self.cap),
            cap=self.cap,
            half_life=self.half_life_rounds,
            sample=self.sample_rounds,
            full_fraction=self.full_fraction,
            rise=self.rise,
            fall=self.fall,
        )


class Concentration(Section):
    """Most that may be lost or committed together, dollars; working orders count."""

    cap_family: float = Field(3_000, gt=0, description="at cost, of all instances whose scores are of one family")
    cap_underlying: float = Field(2_000, gt=0, description="loss in the worst joint outcome of its windows")
    cap_expiry: float = Field(1_000, gt=0, description="the same, of all windows that end in one bucket")
    bucket_s: int = Field(900, ge=60, le=86_400, description="length of a bucket of ends")
    utilisation: float = Field(0.5, gt=0, le=1, description="share of the equity in positions and orders at most")


class BreakerSettings(Section):
    """What makes sizes smaller, and then stops entries. Exits are never stopped."""

    factor: float = Field(0.2, gt=0, lt=1, description="what a breaker that reduces multiplies sizes with")
    daily_loss_reduce: float = Field(0.02, gt=0, le=1, description="of the capital, portfolio, a day (UTC)")
    daily_loss_stop: float = Field(0.04, gt=0, le=1, description="the same, and entries stop")
    drawdown_reduce: float = Field(0.05, gt=0, le=1, description="of the peak equity, portfolio")
    drawdown_stop: float = Field(0.10, gt=0, le=1, description="the same, and entries stop")
    own_loss_reduce: float = Field(150, gt=0, description="dollars a day, of one instance or family")
    own_loss_stop: float = Field(300, gt=0, description="the same, and its entries stop")
    own_drawdown_reduce: float = Field(250, gt=0, description="dollars from its peak, of one instance or family")
    own_drawdown_stop: float = Field(500, gt=0, description="the same, and its entries stop")
    streak_reduce: int = Field(8, ge=2, description="losing rounds in a row, of one instance")
    streak_stop: int = Field(16, ge=2, description="the same, and its entries stop")
    streak_pause_s: float = Field(3_600, ge=0, description="so long, and its count begins anew")
    expectancy_reduce: float = Field(0.10, gt=0, lt=1, description="false alarm rate of the sequential test, ever")
    expectancy_stop: float = Field(0.01, gt=0, lt=1, description="the same, and its entries stop")
    slippage_reduce: float = Field(0.03, gt=0, le=1, description="dollars a share worse than the mid decided on, mean")
    slippage_stop: float = Field(0.06, gt=0, le=1, description="the same, and its entries stop")
    anomalies_reduce: int = Field(1, ge=1, description="irregular fills and reports in ten minutes")
    anomalies_stop: int = Field(3, ge=1, description="the same, and entries stop")
    unsound_reduce_s: float = Field(10, gt=0, description="seconds that a needed feed was stale in five minutes")
    unsound_stop_s: float = Field(60, gt=0, description="the same, and its entries stop")

    def bounds(self, kind: str, own: bool = False) -> BreakerBounds:
        """The bounds of a kind of breaker; ``own``: of an instance or family and not of the portfolio. Raises KeyError
        for a kind that there is not."""
        if own and kind == "daily_loss":
            return BreakerBounds(float(self.own_loss_reduce), float(self.own_loss_stop), self.own_loss_reduce / 2)
        if own and kind == "drawdown":
            return BreakerBounds(
                float(self.own_drawdown_reduce),
                float(self.own_drawdown_stop),
                self.own_drawdown_reduce / 2,
                by_operator=True,
            )
        return _BOUNDS[kind](self)


_MINUTE = 60 * SECOND
#: Of the portfolio, by kind; asked many times a second, so only the one that is asked for is made.
_BOUNDS: dict[str, Callable[[BreakerSettings], BreakerBounds]] = {
    "daily_loss": lambda of: BreakerBounds(of.daily_loss_reduce, of.daily_loss_stop, of.daily_loss_reduce / 2),
    "drawdown": lambda of: BreakerBounds(
        of.drawdown_reduce, of.drawdown_stop, of.drawdown_reduce / 2, by_operator=True
    ),
    "loss_streak": lambda of: BreakerBounds(
        float(of.streak_reduce), float(of.streak_stop), 0.0, expires=round(of.streak_pause_s * SECOND)
    ),
    "negative_expectancy": lambda of: BreakerBounds(
        1.0 / of.expectancy_reduce, 1.0 / of.expectancy_stop, 1.0, by_operator=True
    ),
    "slippage": lambda of: BreakerBounds(
        of.slippage_reduce, of.slippage_stop, of.slippage_reduce / 2, expires=10 * _MINUTE
    ),
    "fill_anomaly": lambda of: BreakerBounds(float(of.anomalies_reduce), float(of.anomalies_stop), 0.0, 10 * _MINUTE),
    "feed_health": lambda of: BreakerBounds(
        float(of.unsound_reduce_s), float(of.unsound_stop_s), of.unsound_reduce_s / 2, _MINUTE
    ),
    "reconciliation": lambda of: BreakerBounds(1.0, 1.0, 0.0),
}


class ReleaseSettings(Section):
    """What the release gates ask for before each step up, and how long arming lasts."""

    canary_factor: float = Field(0.25, gt=0, le=1, description="of the caps, at PAPER_CANARY")
    canary_h: float = Field(1, ge=0, description="hours at DEV, reconciled, before PAPER_CANARY")
    full_h: float = Field(24, ge=0, description="hours at PAPER_CANARY before PAPER_FULL")
    full_rounds: int = Field(50, ge=1, description="settled rounds at PAPER_CANARY before PAPER_FULL")
    dry_h: float = Field(168, ge=0, description="hours at PAPER_FULL before LIVE_DRY_RUN")
    dry_rounds: int = Field(300, ge=1, description="settled rounds at PAPER_FULL before LIVE_DRY_RUN")
    armed_h: float = Field(24, ge=0, description="hours at LIVE_DRY_RUN before LIVE_ARMED")
    armed_orders: int = Field(20, ge=1, description="orders checked at LIVE_DRY_RUN before LIVE_ARMED")
    preflight_h: float = Field(1, gt=0, description="age of the live venue's own check at most")
    confirm_s: float = Field(60, gt=0, le=600, description="from the request to arm to its confirmation")
    armed_min: float = Field(60, gt=0, le=1_440, description="it disarms by itself after so long")

    @property
    def bars(self) -> Bars:
        """For ``models.release``."""
        return Bars(
            canary_h=self.canary_h,
            full_h=self.full_h,
            full_rounds=self.full_rounds,
            dry_h=self.dry_h,
            dry_rounds=self.dry_rounds,
            armed_h=self.armed_h,
            armed_orders=self.armed_orders,
            preflight_h=self.preflight_h,
        )
