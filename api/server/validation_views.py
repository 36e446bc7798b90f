"""What the server answers about validation: the contracts of its JSON, by the rules of ``api.server.views``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.server.views import Time

Standing = Literal["insufficient", "failing", "met", "promoted", "demoted", "kept", "disabled"]


class EvidenceView(BaseModel):
    """A criterion, or a live band: what it came to, and what is asked."""

    name: str
    value: float
    threshold: float
    verdict: Literal["pass", "fail", "insufficient"] = Field(
        description="insufficient: it cannot be judged yet, which is no pass"
    )
    reachable_h: float | None = Field(
        description="hours until it could be met at today's rate and effect; null: it could not"
    )
    text: str


class PromotionView(BaseModel):
    """A decision on an instance's state, "hold" too, with everything that it rests on."""

    id: str
    journal: int
    time: Time
    instance: str
    strategy: str
    old: str
    new: str
    verdict: str = Field(description="pass: it goes up; hold: it stays; block: it goes down")
    reason: str
    meaning: str
    text: str
    window_start: Time
    window_end: Time
    observations: int = Field(description="hours of one underlying, of this trial")
    criteria: list[EvidenceView]
    bands: list[EvidenceView] = Field(description="live bands in force, against what happened")
    e_value: float
    e_threshold: float = Field(description="what the e-value must reach")
    level: float = Field(description="significance level of this instance")
    alpha: float = Field(description="of all instances ever tried together")
    spent: float = Field(description="of alpha")
    trials: int = Field(description="instances ever tried, those that began anew too")
    forecast_e_value: float
    demotion_e_value: float
    code: str
    configuration: str


class CandidateView(BaseModel):
    """An instance as it stands in promotion."""

    instance: str
    strategy: str
    configured: str = Field(description="its state by the configuration")
    state: str = Field(description="its state at the desk now")
    standing: Standing = Field(
        description="insufficient: something cannot be judged yet; failing: something speaks against it; met: "
        "everything is met; promoted, demoted: by the latest decision; kept: active, and nothing speaks against it"
    )
    said: str = Field(description="the same in one sentence")
    passed: int = Field(description="criteria that are met")
    failed: int
    insufficient: int = Field(description="criteria that cannot be judged yet")
    reachable_h: float | None = Field(description="hours until all could be met; null: not at today's effect")
    latest: PromotionView | None = Field(description="null until the first decision")


class Promotions(BaseModel):
    """Every instance that may be promoted, with its latest decision; and what is left of the level for all of them."""

    candidates: list[CandidateView]
    alpha: float | None = Field(description="null until the first decision")
    spent: float | None
    trials: int | None


class PromotionHistory(BaseModel):
    """The latest first. ``next``: pass it as ``before`` for the page that follows; empty at the end."""

    decisions: list[PromotionView]
    next: str = ""
