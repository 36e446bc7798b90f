"""The section of the configuration that says what a promotion asks for.

>>> PromotionSettings().alpha, PromotionSettings().canary_factor
(0.005, 0.25)
"""

from __future__ import annotations

from pydantic import Field

from models.section import Section


class PromotionSettings(Section):
    """What an instance must show before it gets its size, and what takes it away again. See docs/promotion.md."""

    enabled: bool = Field(True, description="false: no promotion changes an instance's state")
    public_key: str = Field(
        "", pattern=r"^([0-9a-f]{64})?$", description="hex, of who signs promotions; empty = the operator's"
    )
    alpha: float = Field(0.005, gt=0, lt=1, description="false promotions to active, of all instances ever tried")
    canary_alpha: float = Field(0.1, gt=0, lt=1, description="false promotions to canary, of each instance")
    canary_factor: float = Field(0.25, gt=0, le=1, description="of its size, as a canary")
    canary_hours: int = Field(12, ge=1, description="observations (hours of one underlying) before canary")
    hours: int = Field(48, ge=1, description="observations before active")
    lots: int = Field(100, ge=1, description="fills that bought before active")
    dwell_h: float = Field(24, ge=0, description="hours in a state before a step up")
    stable_share: float = Field(
        0.6, ge=0, le=1, description="of the cells (time, hours of day, regimes) that do not lose"
    )
    cell: int = Field(8, ge=1, description="observations that make a cell count")
    credible_share: float = Field(
        0.5, ge=0, le=1, description="of the shares, filled by more than a model of the queue"
    )
    clean_h: float = Field(24, ge=0, description="hours since an anomaly of the books or of its fills")
    reduce_alpha: float = Field(
        0.1, gt=0, lt=1, description="false alarms a band horizon, of the test that halves the size"
    )
    disable_alpha: float = Field(0.01, gt=0, lt=1, description="the same, of the one that disables")
    patience: int = Field(96, ge=1, description="observations that a reduced instance has to gain in")
    drawdown: float = Field(250, gt=0, description="dollars from its peak in this state, at which it falls a state")
    band_horizon: int = Field(200, ge=10, le=5_000, description="observations that the live bands hold for")
    band_rate: float = Field(0.05, gt=0, lt=1, description="false alarms of all three bands over the horizon")
    band_haircut: float = Field(0.5, ge=0, le=1, description="of the record's mean that the bands do not count on")
    look_s: float = Field(900, ge=1, le=86_400, description="event time between two looks")
