"""The run, its modules and feeds; what holds trading back."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.server.views.units import MarketKey, Seconds, Status, Time, Title
from models.contracts import Number
from models.remedies import Act


class ModuleView(BaseModel):
    """A module as its last telemetry has it, and how it stands now."""

    module: str
    group: str = Field(description="part of the line it belongs to")
    room: str = Field(description="room on the picture of the line")
    status: Status = Field(
        description="online, degraded (works, with a warning), offline (no heartbeat within 3 s of the one due, or it "
        "failed), missing (in the catalogue, never reported), ended (its last word)"
    )
    state: str = Field(description="the same in the module's own finer words, where it has any")
    reported: str = Field(description="status word of its last telemetry, empty for none")
    time: Time
    heartbeat: Time
    age_s: float | None = Field(description="seconds since its last sign of life; null for none yet")
    passed: int
    held: int
    blocked: int
    counts: dict[str, int] = Field(description="by verdict:reason, since the flow's start")
    counters: dict[str, int] = Field(description="counts that are no verdicts")
    rate_10s: float | None = Field(description="verdicts (or frames) a second of real time; null while unknown")
    rate_60s: float | None = Field(description="the same over a minute")
    last_reason: str
    meaning: str = Field(description="what the last reason means, in one line")
    gauges: dict[str, Number]
    gauges_text: str = Field(description="the gauges in words, with units")


class ModulesView(BaseModel):
    """Every module that reported, and every one of the catalogue that never did."""

    modules: list[ModuleView]


class RoomView(BaseModel):
    """One room of the line: the modules that do one job. Its status is that of its worst module."""

    room: str
    title: str
    status: Status
    modules: int
    heartbeat_age_s: float | None = Field(description="seconds since the eldest sign of life among its modules")
    rate_per_s: float | None
    passed: int
    held: int
    blocked: int
    last_reason: str
    said: str = Field(description="one line on what is wrong, or on the last reason")


class HealthView(BaseModel):
    """``ok`` goes with HTTP 200, ``unwell`` with 503."""

    status: Literal["ok", "unwell"]
    wrong: list[str] = Field(description="why it is unwell")
    warnings: list[str] = Field(description="what a person should look at")
    kafka: str = Field(description="connected, or what is wrong; archive for a finished run")
    modules: int
    dead_letters: int
    unreadable: dict[str, int] = Field(description="records by topic that were no record of their contract")
    uptime_s: Seconds


class RunView(BaseModel):
    """The run that is served."""

    name: str
    feeds: str = Field(description="sim, live, or the archive that is played")
    feeds_are: Literal["LIVE", "SIMULATED", "RECORDED"]
    kafka: str
    started: str
    gate: str = Field("", description="the release gate; empty until the trading flow has said it")
    server_start: str
    finished: bool = Field(description="whether it is read from its archive, nothing running")
    trading: Literal["on", "paused", "killed", "unknown", "ended"]
    trading_since: Time
    trading_by: str
    limits: dict[str, float] = Field({}, description="caps in dollars by their keys")


class StreamsView(BaseModel):
    """Who listens, and who was dropped."""

    open: int
    limit: int
    sent: int
    conflated: int
    dropped: dict[str, int] = Field(description="by reason")


class FeedView(BaseModel):
    """A feed, or one asset of it: its state, since when, why, and its lag from the exchange's time to receipt."""

    feed: str
    state: str
    status: Status
    since: Time
    why: str
    meaning: str
    lag_p50_ms: float | None
    lag_p99_ms: float | None
    per_s: float | None = Field(description="frames a second of its connection")


class FeedsView(BaseModel):
    feeds: list[FeedView]
    pipeline: dict[str, float] = Field(description="our own lag by stage and percentile, milliseconds")


class QualityView(BaseModel):
    """Findings of one reason in one feed, or in a strategy's data gate."""

    feed: str
    reason: str
    meaning: str
    total: int = Field(description="since the flow's start, by telemetry")
    window: int = Field(description="in the last closed window that had some")
    window_end: Time


class Violation(BaseModel):
    """Findings by feed, market and reason within one minute."""

    minute: Time
    feed: str
    market_key: MarketKey
    market: Title
    strategy: str
    reason: str
    count: int


class QualityViews(BaseModel):
    """``over_time``: by minute, the latest last."""

    quality: list[QualityView]
    over_time: list[Violation] = []


class DeadLetterView(BaseModel):
    """A record that could not be used, where it stands, and why."""

    time: Time
    topic: str
    partition: int
    offset: int
    reason: str
    detail: str
    frame: str = Field(description="its first bytes, as text")


class DeadLetters(BaseModel):
    """The latest first."""

    dead_letters: list[DeadLetterView]


class Hold(BaseModel):
    """One thing that holds trading back now."""

    subject: str = Field(description="what it holds back: a strategy, a market, a feed, or all")
    reason: str
    what: str = Field(description="in one sentence")
    since: Time
    until: str = Field(description="when, or on what condition, it ends")
    act: Act = Field(description="none: nothing to do; wait: it ends by itself; you: a person has to act")
    release: str = Field(description="how it is released")
    severity: int = Field(description="0 is the worst")
    link: str = Field(description="page that shows it")
    decision: str = Field("", description="id of the newest decision that it blocked")


class Holds(BaseModel):
    """Everything that holds trading back now, the worst first."""

    holds: list[Hold]
    summary: str
