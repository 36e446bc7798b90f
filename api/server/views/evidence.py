"""What can be checked: counts against the audit, settings, runs on disk."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from api.server.views.units import Time


class Equation(BaseModel):
    """Evaluations of one strategy at one moment, counted by the counters, their parts, the audit, and the scan rows."""

    strategy: str
    time: Time = Field(description="the moment of every number of this row; a second of the trading flow's own time")
    evaluations: int
    passed: int
    held: int
    blocked: int
    holds: bool = Field(description="evaluations = passed + held + blocked")
    audit_counters: dict[str, int] | None = Field(description="the audit's, of the same moment; null: not compared yet")
    counters_agree: bool | None = Field(description="the counters = the audit's; null: not compared yet")
    scanned: int | None = Field(description="evaluations that the audit's scan rows add up to, up to that moment")
    not_sent: int | None = Field(description="evaluations since the last scan row: sent with the next one")
    since: int = Field(description="evaluations after that moment, which the audit does not have yet")


class Conservation(BaseModel):
    time: Time = Field(description="the newest moment that counters and audit both have; empty: there is none yet")
    newest: Time = Field(description="the newest moment of the counters")
    behind_s: float | None = Field(description="by how much the audit follows; null: it has come to nothing yet")
    equations: list[Equation]
    note: str


class SettingView(BaseModel):
    """One key in force."""

    key: str
    value: Any
    default: Any
    changed: bool
    meaning: str


class SettingsView(BaseModel):
    """Settings of the run; secrets are masked."""

    configuration: str
    settings: list[SettingView]


class RunSummaryView(BaseModel):
    """A run on disk."""

    name: str
    kind: Literal["live", "sim", "recorded", "replay"]
    feeds: str = Field(description="the same in words, with what was played or replayed")
    started: str
    state: Literal["running", "finished", "unfinished", "damaged"] = Field(description="as `profit runs` has it")
    why: str = Field(description="what is wrong where it is unfinished or damaged")
    current: bool
    files: int = Field(description="Parquet files of its archive")
    equity_usd: float | None
    realised_usd: float | None
    fills: int | None
    open_with: str = Field(description="the command that opens it in these pages")


class Runs(BaseModel):
    runs: list[RunSummaryView]
