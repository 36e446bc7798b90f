"""What was evaluated, decided, ordered and filled."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.server.views.units import MarketKey, Price, Seconds, Shares, Time, Title, Usd
from models.contracts import Number
from models.remedies import Act


class ReasonView(BaseModel):
    """A reason code with its one line of meaning."""

    reason: str
    meaning: str
    act: Act
    release: str = Field(description="what ends it")


class Reasons(BaseModel):
    reasons: list[ReasonView]


class SpanView(BaseModel):
    """What one module made of an event, with the numbers it used."""

    module: str
    verdict: str
    reason: str
    meaning: str
    act: Act = Field(description="none: nothing to do; wait: it ends by itself; you: a person has to act")
    to_change: str = Field(description="what would have to change for it to pass; empty where it does")
    numbers: dict[str, Number]


class SourceView(BaseModel):
    """Where an input came from: journal event (-1 where unknown) and feed record."""

    name: str
    journal: int
    topic: str
    partition: int
    offset: int


class DecisionView(BaseModel):
    """A choice to enter, leave, refuse, settle or correct, with everything it rests on."""

    id: str
    journal: int
    time: Time
    time_ns: int = Field(description="the same as Unix nanoseconds")
    strategy: str = Field(description="the instance that was asked")
    market_key: MarketKey
    market: Title
    outcome: str
    action: str
    verdict: str
    reason: str
    meaning: str
    sentence: str = Field(description="what was done and why, in one sentence")
    price_usd: float | None = Field(description="limit of the order, ask of a refusal, or payout; null for none")
    price_is: str = Field(description="limit, ask or payout")
    size_shares: Shares
    times: int = Field(description="how many equal ones in a row this stands for")
    first_id: str = Field(description="id of the earliest of the equal ones that are known: it stays while more come")
    order_ids: list[str]
    spans: list[SpanView]
    sources: list[SourceView]
    configuration: str
    model: str


class Decisions(BaseModel):
    """The latest first. ``next``: pass it as ``before`` for the page that follows; empty at the end."""

    decisions: list[DecisionView]
    next: str = ""


class ScanView(BaseModel):
    """The latest evaluation of one strategy on one market."""

    strategy: str
    market_key: MarketKey
    market: Title
    time: Time
    age_s: Seconds = Field(description="seconds of event time behind the newest record")
    score: float
    threshold: float
    margin: float = Field(description="score less threshold, in the score's unit")
    unit: str
    metric_family: str
    normalised: float = Field(description="margin in robust scales of its metric family: at 0 it passes")
    rank: float = Field(description="share of the family's last scores that are below, 0 to 1")
    warming: bool = Field(description="the metric family has too few scores for a scale and a rank yet")
    over: bool = Field(description="the market's window has ended")
    verdict: str
    reason: str
    meaning: str
    act: Act = Field(description="none: nothing to do; wait: it ends by itself; you: a person has to act")
    to_change: str = Field(description="what would have to change for it to pass")
    detail: dict[str, Number] = Field(description="what the strategy or its data gate says beside the score")


class Scans(BaseModel):
    scans: list[ScanView]


class OrderView(BaseModel):
    """A state of an order."""

    id: str
    decision: str
    journal: int
    time: Time
    strategy: str
    market_key: MarketKey
    market: Title
    outcome: str
    side: str
    kind: str
    limit_usd: Price
    size_shares: Shares
    filled_shares: Shares
    due: Time
    status: str
    reason: str
    meaning: str


class Orders(BaseModel):
    """The latest states of orders, the latest first."""

    orders: list[OrderView]


class FillView(BaseModel):
    """A fill, at one price."""

    id: str
    order: str
    decision: str
    journal: int
    time: Time
    strategy: str
    market_key: MarketKey
    market: Title
    outcome: str
    side: str
    price_usd: Price
    size_shares: Shares
    gross_usd: Usd
    fee_usd: Usd
    evidence: str
    account: str


class Fills(BaseModel):
    """The latest first."""

    fills: list[FillView]
