"""Postings, positions, and what the run came to."""

from __future__ import annotations

from pydantic import BaseModel, Field

from api.server.views.units import MarketKey, Price, Shares, Time, Title, Usd
from models.contracts import Number


class PostingView(BaseModel):
    """One leg of a balanced transaction."""

    id: str
    transaction: str
    journal: int
    time: Time
    kind: str
    account: str
    amount_usd: Usd
    ref: str


class LedgerView(BaseModel):
    """The latest postings first, and the balance of every account since the beginning: they add up to zero."""

    postings: list[PostingView]
    balances_usd: dict[str, float]
    imbalance_usd: Usd


class OutcomeView(BaseModel):
    """A market's end: what a share paid, and what it made for each strategy after costs."""

    id: str
    journal: int
    time: Time
    market_key: MarketKey
    market: Title
    result: str
    payout_up_usd: Price
    payout_down_usd: Price
    source: str
    pnl_usd: dict[str, float] = Field(description="dollars by strategy; empty without a position")
    corrects: str


class Outcomes(BaseModel):
    """The latest first."""

    outcomes: list[OutcomeView]


class PositionView(BaseModel):
    """Shares that are held."""

    market_key: MarketKey
    market: Title
    strategy: str
    account: str
    outcome: str
    size_shares: Shares
    average_usd: Price
    cost_usd: Usd
    mark_usd: float | None = Field(
        description="what a share is valued at, dollars: the bid, nothing where there is none, after the market's end "
        "the last one; null where none is known"
    )
    fair_usd: float | None = Field(description="fair value of a share by the model, dollars; null where unknown")
    time_left_s: float | None
    opened: Time
    unrealised_usd: float | None = Field(description="dollars at the mark, fees apart")
    exit_levels: dict[str, float | None] = Field(
        description="take_profit, stop_loss: bids, dollars a share, as configured; null where no bid is one"
    )


class Positions(BaseModel):
    positions: list[PositionView]


class EquityPoint(BaseModel):
    """The portfolio at one moment; dollars."""

    time_s: float = Field(description="Unix seconds")
    equity: float
    cash: float
    reserved: float
    realised: float
    unrealised: float


class Contribution(BaseModel):
    """What a strategy made, after costs."""

    strategy: str
    realised_usd: Usd
    fees_usd: Usd
    today_usd: Usd = Field(description="dollars since 00:00 UTC, of this run alone")
    week_usd: Usd = Field(description="dollars of seven days, of this run alone")
    fills: int


class RealMoneyView(BaseModel):
    """The account of real money, which paper never touches, in dollars. It begins with what the exchange said that the
    account holds when trading was armed."""

    equity: float
    cash: float
    reserved: float
    realised: float
    unrealised: float
    positions: float
    fills: int


class PortfolioView(BaseModel):
    """Money of the run on paper, and its curve, downsampled to at most ``points``. ``real``: the account of real money;
    null before real orders were armed."""

    gauges: dict[str, Number] = Field(description="as the flow reports them; dollars")
    utilisation: float | None = Field(description="share of the total cap that is committed, 0 to 1")
    drawdown_usd: Usd = Field(description="below the highest equity so far")
    max_drawdown_usd: Usd
    curve: list[EquityPoint]
    contributions: list[Contribution]
    real: RealMoneyView | None = None
    reconciliation: str
    reconciled: bool
