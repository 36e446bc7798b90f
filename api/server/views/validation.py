"""What the server answers about validation: the contracts of its JSON, by the rules of ``api.server.views``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.server.views.units import Time

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
    observations: int | None = Field(description="so far, by the learning flow's telemetry; null until it has spoken")
    e_value: float | None = Field(description="its evidence so far, by the same")
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


class VerdictView(BaseModel):
    """What a record that nothing was chosen by says of a strategy, with what it rests on; null where there is too
    little."""

    strategy: str
    word: Literal["edge shown", "no edge shown", "loses", "insufficient data"]
    why: str
    trades: int
    observations: int = Field(description="hours of one underlying with trades")
    markets: int
    net_usd: float = Field(description="dollars after fees")
    mean_usd: float | None = Field(description="net dollars a share of an observation")
    low_usd: float | None = Field(description="lower end of its 95% interval")
    high_usd: float | None
    probable: float | None = Field(description="probability of a true Sharpe ratio above zero")
    deflated: float | None = Field(description="the same above that of the best of as many worthless sets")
    tried: int = Field(description="parameter sets of it ever looked at")
    reachable_h: float | None = Field(
        description="hours of trading until a promotion at this mean and rate, with even chances; null: never"
    )


class WalkStepView(BaseModel):
    """A step: trained from ``train_start``, validated from ``validation_start``, tested from ``test_start`` on."""

    train_start: Time
    validation_start: Time
    test_start: Time
    test_end: Time
    chosen: list[str] = Field(description="KEY=VALUE words of the set that was chosen before the test")
    trained_on: int = Field(description="trades")
    validated_on: int = Field(description="trades")
    trades: int = Field(description="in the test window")
    net_usd: float = Field(description="of the test window, dollars after fees")


class WalkView(BaseModel):
    """A strategy walked forward: the verdict on its joined test windows, on a holdout where one was looked at."""

    verdict: VerdictView
    holdout: VerdictView | None
    steps: list[WalkStepView]


class ValidationView(BaseModel):
    """What `profit validate` found on one archive."""

    source: str
    data: str = Field(description="id of the journal that was walked")
    at: str = Field(description="when, UTC")
    anchored: bool = Field(description="trained from the beginning on, not on a window that slides")
    walks: list[WalkView]


class WalksView(BaseModel):
    """The newest first."""

    validations: list[ValidationView]


class TrialView(BaseModel):
    """A parameter set that was looked at, or a use of a holdout."""

    at: str = Field(description="when, UTC")
    subject: str = Field(description="strategy or instance")
    what: Literal["trial", "holdout"]
    by: str
    changes: list[str] = Field(description="KEY=VALUE words")
    data: str = Field(description="id of the journal it was looked at on")
    net_usd: float | None = Field(description="dollars it came to there; null for a holdout")
    since: Time = Field(description="from when on the holdout was; empty for a trial")
    why: str = Field(description="what a second look at a holdout was for")


class TrialsView(BaseModel):
    """The newest first; ``of``: how many there are, ``next``: pass it as ``at`` for more; null at the end."""

    tried: dict[str, int] = Field(description="parameter sets ever looked at, by subject: they deflate its results")
    trials: list[TrialView]
    of: int
    next: int | None
