"""What the server answers: the contracts of its JSON. Times are Unix nanoseconds unless the name says otherwise."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from models.contracts import DeadLetter, Decision, Fill, Number, Order, Outcome, Scan

Status = Literal["starting", "running", "waiting", "warning", "stopped", "failed", "silent"]


class ModuleView(BaseModel):
    """A module as its last telemetry row has it.

    ``status`` is ``silent`` when that row came too long ago, else what the module ``reported``; ``state``: the same,
    in the module's own finer words where it has any (feeds: ``healthy``, ``degraded``, ``stale``, …);
    ``gauges_text``: its gauges as text. ``age_s``: seconds since the row came. ``passed``, ``held``, ``blocked``: sums
    of ``counts`` by verdict; ``counters``: counts that are no verdicts. ``rate_10s``, ``rate_60s``: verdicts (for a
    module without any: frames) a second of real time, None while unknown."""

    module: str
    group: str
    status: Status
    state: str
    reported: str
    timestamp: int
    heartbeat: int
    age_s: float
    passed: int
    held: int
    blocked: int
    counts: dict[str, int]
    counters: dict[str, int]
    rate_10s: float | None
    rate_60s: float | None
    last_reason: str
    gauges: dict[str, Number]
    gauges_text: str


class Modules(BaseModel):
    """Every module that ever sent telemetry."""

    modules: list[ModuleView]


class HealthView(BaseModel):
    """``ok`` goes with HTTP 200, ``unwell`` with 503. ``wrong``: why; ``warnings``: what a person should look at.
    ``unreadable``: records by topic that were no record of their contract."""

    status: Literal["ok", "unwell"]
    wrong: list[str]
    warnings: list[str]
    kafka: str
    modules: int
    dead_letters: int
    unreadable: dict[str, int]
    uptime_s: float


class RunView(BaseModel):
    """The run that is served. ``gate``: which venue orders go to; there is none but the paper venue. ``limits``: the
    caps in dollars by their keys."""

    name: str
    feeds: str
    kafka: str
    started: str
    gate: Literal["PAPER"] = "PAPER"
    server_start: str
    limits: dict[str, float] = {}


class ReasonView(BaseModel):
    reason: str
    meaning: str


class Reasons(BaseModel):
    reasons: list[ReasonView]


class Decisions(BaseModel):
    """The latest first."""

    decisions: list[Decision]


class Fills(BaseModel):
    """The latest first."""

    fills: list[Fill]


class Orders(BaseModel):
    """The latest states of orders, the latest first."""

    orders: list[Order]


class Outcomes(BaseModel):
    """The latest first."""

    outcomes: list[Outcome]


class Scans(BaseModel):
    """The latest scan of each strategy and market."""

    scans: list[Scan]


class DeadLetters(BaseModel):
    """The latest first."""

    dead_letters: list[DeadLetter]


class QualityView(BaseModel):
    """Findings of one reason in one feed. ``total``: since the flow's start, by telemetry; ``window``: in the last
    closed window that had some, which ended at ``window_end`` (0 for none yet)."""

    feed: str
    reason: str
    total: int
    window: int
    window_end: int


class QualityViews(BaseModel):
    quality: list[QualityView]


class Problem(BaseModel):
    """An answer that is none: what is wrong, and how to mend it."""

    cause: str
    cure: str
