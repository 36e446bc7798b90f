"""Markets, one window whole, and the funnel of one."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.server.views.decisions import DecisionView, FillView, OrderView, ScanView
from api.server.views.units import MarketKey, Price, Shares, Time, Title
from models.contracts import Number


class LevelView(BaseModel):
    """A price level of a book, with what is ours there."""

    price_usd: Price
    size_shares: Shares
    own_shares: Shares = 0.0
    ahead_shares: float | None = Field(None, description="displayed size before our order, at most; null without one")


class LadderView(BaseModel):
    """A token's book, best first, at most ten levels a side."""

    outcome: str
    ok: bool
    checks: list[str]
    age_s: float | None = Field(description="seconds of event time since its last change")
    bids: list[LevelView]
    asks: list[LevelView]


class MarketPoint(BaseModel):
    """A market at one moment: dollars a share of Up, and the edge of the strategy in its unit."""

    time_s: float = Field(description="Unix seconds")
    mid: float | None
    fair: float | None
    low: float | None = Field(
        description="95% interval of the fair value for the error of its variance estimate; jumps are not in it"
    )
    high: float | None = Field(description="the interval's upper end")
    edge: float | None
    threshold: float | None
    spot: float | None = Field(description="dollars")


class Stage(BaseModel):
    """A station of the loop for this market."""

    stage: str
    verdict: str
    reason: str
    meaning: str
    value: str
    time: Time


class MarketSummary(BaseModel):
    market_key: MarketKey
    market: Title
    asset: str
    horizon: str
    start: Time
    end: Time
    time_left_s: float | None
    state: Literal["coming", "open", "ended", "settled"]
    result: str
    mid: float | None
    fair: float | None
    strike_usd: float | None
    pnl_usd: float | None


class MarketsView(BaseModel):
    markets: list[MarketSummary]


class MarketView(BaseModel):
    """One window, whole: books, prices, what was decided, ordered and filled, and the windows before it."""

    summary: MarketSummary
    stages: list[Stage]
    ladders: list[LadderView]
    curve: list[MarketPoint]
    features: dict[str, Number]
    scans: list[ScanView]
    decisions: list[DecisionView]
    orders: list[OrderView]
    fills: list[FillView]
    previous: list[MarketSummary]


class FunnelStep(BaseModel):
    """A station of the funnel: how many came through, and why the others did not."""

    step: str
    count: int
    lost: dict[str, int] = Field(description="by reason")
    of: Literal["evaluations", "entries"] = Field(description="what is counted: one may want none, one or several")


class FunnelView(BaseModel):
    """Why a market did, or did not, trade in the last minutes."""

    market_key: MarketKey
    market: Title
    minutes: int
    steps: list[FunnelStep]
    nearest: str = Field(description="the nearest miss, in one sentence; empty without one")


class Funnels(BaseModel):
    funnels: list[FunnelView]
