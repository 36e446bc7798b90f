"""Caps, breakers and release gates."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.server.views.strategies import SizingView
from api.server.views.units import Time, Title, Usd
from models.contracts import Number


class CapView(BaseModel):
    """A cap and its use; dollars at cost."""

    cap: str
    subject: str
    limit_usd: Usd
    used_usd: Usd
    share: float


class BreakerView(BaseModel):
    """A breaker that is not clear, or was near: its level, and how the operator names it to release it."""

    id: str
    level: Literal["clear", "reduced", "stopped"]
    value: float
    reduce_at: float | None = Field(None, description="value at which sizes are reduced; null where not known")
    stop_at: float | None = Field(None, description="value at which entries stop")
    since: Time
    reason: str
    meaning: str
    release: str


class BreakerBoundsView(BaseModel):
    """What one kind of breaker watches, and at which values it acts."""

    kind: str
    scope: str
    measure: str
    reduce_at: float
    stop_at: float
    release: str


class RiskEventView(BaseModel):
    """A change of a multiplier, cap, breaker, gate or instance."""

    id: str
    time: Time
    kind: str
    subject: str = Field(description="which multiplier, cap, breaker or gate")
    scope: str
    name: str
    old: str
    new: str
    reason: str
    text: str
    numbers: dict[str, Number]


class RiskEvents(BaseModel):
    events: list[RiskEventView]


class CriterionView(BaseModel):
    """A criterion of a step up. ``hours``: until it could be met at the rate so far, null where it cannot."""

    name: str
    value: float
    needed: float
    most: bool = Field(description="value is to be at most needed, not at least")
    unknown: bool = Field(description="nobody measured it yet, so it is not met")
    met: bool
    hours: float | None
    text: str


class GateView(BaseModel):
    """A release gate, and what a step up to it asks for; of a gate beyond the next one as it would begin."""

    gate: str
    state: Literal["passed", "here", "next", "later"]
    meaning: str
    criteria: list[CriterionView]


class GatesView(BaseModel):
    """Where the portfolio stands. ``armed_until``: when it disarms by itself, empty where it is not armed."""

    gate: str
    since: Time
    armed_until: Time
    gates: list[GateView]
    history: list[RiskEventView]


class ExposureView(BaseModel):
    """Money at cost that is decided at one moment."""

    expires: Time
    market: Title
    cost_usd: Usd


class RiskView(BaseModel):
    caps: list[CapView]
    exposure: list[ExposureView]
    sizing: list[SizingView]
    breakers: list[BreakerView]
    bounds: list[BreakerBoundsView]
    concentration: float | None = Field(description="largest share of one market in the cost of all positions")
    by_asset_usd: dict[str, float]
