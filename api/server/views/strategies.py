"""Instances of strategies, their sizes and their paper twins."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from api.server.views.units import Shares, Time, Usd


class SizingView(BaseModel):
    """What an instance's sizes are multiplied with now; 1 is the full size."""

    instance: str
    state: str = Field(description="active, shadow, paused, twin, or off: not evaluated")
    entries: Literal["on", "off"] = Field(description="off: switched off by the operator")
    by: str = Field(description="who switched it off")
    operator: float = Field(description="by the command size")
    realised: float = Field(description="by what it has realised (allocation)")
    breakers: float = Field(description="by the breakers over it; 0: one of them stops its entries")
    promotion: str = Field("", description="its state by promotions; empty: as it is configured")
    promoted: float = Field(1.0, description="by that state")
    size: float = Field(description="all of them together; 0 where it may not enter")


class MarkOutsView(BaseModel):
    """How good an instance's fills were, dollars a share, fees apart; null where nothing was measured yet."""

    gain_1s: float | None = Field(None, description="mean of (mid 1 s after the fill less its price), in its favour")
    gain_5s: float | None = None
    gain_30s: float | None = None
    gain_settlement: float | None = Field(None, description="the same against what the market paid")
    slippage: float | None = Field(None, description="mean of (price less the mid decided on), to its disadvantage")
    edge_realised: float | None = Field(None, description="result of its rounds over what was predicted of them")


class PaperSideView(BaseModel):
    """What an instance, or its paper twin, came to in this run."""

    instance: str
    net_usd: float = Field(description="dollars of positions that ended, after fees")
    trades: int = Field(description="positions that ended")
    fills: int
    bought_shares: Shares
    per_share_usd: float | None = Field(description="net a share bought, dollars; null for none bought")


class TwinView(BaseModel):
    """An instance beside its paper twin: how far apart sizes, venue and luck have brought them."""

    own: PaperSideView
    twin: PaperSideView
    same_parameters: bool
    difference_usd: float = Field(description="net of the instance less that of its twin, dollars")
    per_share_difference_usd: float | None = Field(description="the same a share bought; null while one bought none")


class LearnedTwinView(BaseModel):
    """An instance beside the paper twin that the learning flow runs: alone on its account, at full size."""

    own_net_usd: float = Field(description="dollars after costs in markets that are settled")
    twin_net_usd: float = Field(description="the same of its twin")
    difference_usd: float = Field(description="net of the instance less that of its twin, dollars")


class StrategyView(BaseModel):
    """An instance of a strategy at work."""

    id: str
    strategy: str
    state: str = Field(description="active, shadow, twin, or off")
    unit: str
    threshold: float
    parameters: dict[str, Any]
    evaluations: int
    passed: int
    held: int
    blocked: int
    pass_rate: float | None = Field(description="passed over evaluations; null without any")
    blocks: dict[str, int] = Field(description="by reason: of its data gate and its own")
    holds: dict[str, int]
    refused: dict[str, int] = Field(
        description="entries refused by the gates after it, by reason; the last ones that repeat come with the next"
    )
    refused_since: Time = Field(
        description="of the first decision that the server read: the run's, or 2,000 before its start"
    )
    today_usd: Usd = Field(description="dollars since 00:00 UTC, of this run alone")
    week_usd: Usd = Field(description="dollars of seven days, of this run alone")
    realised_usd: Usd
    last_reason: str
    meaning: str
    model: str
    sizing: SizingView
    markouts: MarkOutsView
    twin: TwinView | None = Field(None, description="the instance beside its paper twin; null where it has none")
    learned: LearnedTwinView | None = Field(
        None, description="the instance beside the learning flow's paper twin; null until that flow has said it"
    )
    twin_of: str = Field("", description="of a paper twin: the instance that it stands beside")


class Strategies(BaseModel):
    strategies: list[StrategyView]
