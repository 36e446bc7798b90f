"""What the server answers about reports: the contracts of its JSON, by the rules of ``api.server.views``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from api.server.views.units import MarketKey, Price, Seconds, Shares, Time, Usd

Share = Annotated[float, Field(description="share, 0 to 1")]
Making = Literal["", "waiting", "making"]


class ReportStateView(BaseModel):
    """A run, and how its report stands. A report of a run that goes on is as of ``made``."""

    name: str
    feeds: str
    started: str
    run: Literal["running", "finished", "unfinished", "damaged"]
    current: bool = Field(description="it is the run that is served")
    made: Time = Field(description="when the report was made; empty where there is none of this version")
    older: bool = Field(False, description="the run traded since it was made")
    making: Making = Field(description="empty, waiting for another report, or being made")
    failed: str = Field(description="why it could not be made the last time it was asked for")
    page: str = Field(description="address of its HTML page, empty where there is none")


class ReportsView(BaseModel):
    """Runs with and without a report, the newest first."""

    reports: list[ReportStateView]


class DoubtView(BaseModel):
    """A warning, and the figure that it is about."""

    figure: str = Field(description="net_usd, trades, expectancy_usd or sharpe_daily")
    text: str


class PerformanceView(BaseModel):
    """What a group of an instance's closed trades came to, after all costs; null where a figure cannot be had."""

    instance: str
    value: str = Field(description="which group of its dimension; the instance itself where it is whole")
    trades: int
    markets: int
    won: int
    hit_rate: Share
    net_usd: Usd
    booked_usd: float = Field(description="dollars, as the ledger has them: interest on the stake is not in it")
    gross_usd: float = Field(description="dollars from mid to mid, before costs")
    costs_usd: dict[str, float] = Field(description="dollars by part; gross less all of them is net")
    expectancy_usd: float = Field(description="mean net a trade, dollars")
    expectancy_low_usd: float | None = Field(description="its 95% interval, stationary bootstrap; null for too few")
    expectancy_high_usd: float | None
    per_share_usd: Price = Field(description="net a share bought, dollars")
    deviation_usd: float | None = Field(description="of net a trade, dollars")
    sharpe_trade: float | None = Field(description="a trade, not annualised")
    sortino_trade: float | None
    sharpe_daily: float | None = Field(description="of days, annualised by 365")
    sortino_daily: float | None
    probabilistic_sharpe: float | None = Field(description="probability that the true Sharpe ratio is above zero")
    profit_factor: float | None
    tail_loss_usd: float = Field(description="mean of the worst 5% of trades, dollars")
    drawdown_usd: float = Field(description="the sum of nets below its highest, at most; dollars")
    under_water_s: Seconds
    turnover_usd: float = Field(description="dollars paid for shares")
    exposure_usd: float = Field(description="mean stake over the period, dollars")
    capacity_usd: float | None = Field(description="stake a trade that takes the whole edge; null: no slippage seen")
    edge_realised: float | None = Field(description="net over what the entries expected; null: they said nothing")
    stressed_usd: dict[str, float] = Field(description="net of the same trades under other costs, dollars")
    doubts: list[DoubtView] = Field(description="warnings beside the figures they are about")


class CurvePoint(BaseModel):
    """After a trade: what all trades so far came to, and how far that is below its highest."""

    time_s: float = Field(description="Unix seconds")
    net_usd: Usd
    drawdown_usd: float = Field(description="dollars, zero or below")


class CurveView(BaseModel):
    """``points``: at most as many as were asked for, the lowest among them."""

    instance: str
    points: list[CurvePoint]


class CostFitView(BaseModel):
    """What the fills say that trading costs beyond spread and fee; null where no fill tells."""

    instance: str
    latency_usd: float | None = Field(description="dollars a share, for costs.latency")
    adverse_selection_usd: float | None = Field(description="dollars a share, for costs.adverse_selection")


class ReliabilityView(BaseModel):
    """A bin of the fair value's reliability: forecast beside what was observed, with its 95% Wilson interval."""

    left_s: str = Field(description="seconds before the window's end")
    low: float
    high: float
    forecasts: int
    forecast: float
    observed: float
    interval_low: float
    interval_high: float


class RunReportView(BaseModel):
    """A run's report: its instances whole; groups and trades are asked for apart."""

    first: Time
    last: Time
    open: int = Field(description="positions that had not ended, and are not in it")
    instances: list[PerformanceView]
    curves: list[CurveView]
    fits: list[CostFitView]
    reliability: list[ReliabilityView]


class ReportView(BaseModel):
    """``report`` is null until one was made: POST to the same address makes it."""

    state: ReportStateView
    report: RunReportView | None


class GroupsView(BaseModel):
    """The groups of an instance in one dimension, at most as many as were asked for; ``of``: how many there are."""

    dimension: str
    groups: list[PerformanceView]
    of: int


class TradeView(BaseModel):
    """A closed round trip with its costs apart."""

    instance: str
    family: str
    market_key: MarketKey
    asset: str
    horizon: str
    outcome: str
    opened: Time
    closed: Time
    size_shares: Shares
    stake_usd: float = Field(description="dollars paid for the shares, with the fees of buying")
    gross_usd: Usd
    costs_usd: dict[str, float] = Field(description="dollars by part, the capital's interest among them")
    net_usd: Usd
    predicted_usd: float | None = Field(description="dollars its entries expected; null: they said nothing")
    evidence: str = Field(description="of the fills")
    exit: str
    regime: str
    account: str
    fills: int


class TradesView(BaseModel):
    """The last closed first; ``of``: how many there are, ``next``: pass it as ``at`` for more; null at the end."""

    trades: list[TradeView]
    of: int
    next: int | None


class DifferenceView(BaseModel):
    """A figure or setting, with its value in each run, in the order asked for; null where a run has none."""

    instance: str = Field(description="empty for a setting")
    name: str
    unit: Literal["usd", ""]
    values: list[float | str | None]
    spread: float = Field(description="largest less smallest, for figures")


class ComparisonView(BaseModel):
    """What differs, the largest difference in money first; ``equal``: how many figures do not."""

    runs: list[str]
    settings: list[DifferenceView]
    figures: list[DifferenceView]
    equal: int
    doubts: list[str] = Field(description="why a difference may say nothing")
