"""What the server answers: the contracts of its JSON.

Every number's name ends in its unit (``_usd``, ``_shares``, ``_s``, ``_ms``, ``_ns``) or its description says it.
Times are ISO 8601 in UTC with nanoseconds; "" stands for never. Prices are dollars a share.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from models.contracts import Number
from models.remedies import Act

Status = Literal["online", "degraded", "offline", "missing", "ended"]

Time = Annotated[str, Field(description="UTC, ISO 8601 with nanoseconds; empty for never")]
Usd = Annotated[float, Field(description="dollars")]
Price = Annotated[float, Field(description="dollars a share")]
Shares = Annotated[float, Field(description="shares")]
Seconds = Annotated[float, Field(description="seconds")]
MarketKey = Annotated[str, Field(description="key of the market, as on the topics")]
Title = Annotated[str, Field(description="the market in words")]


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
    mark_usd: float | None = Field(description="bid, dollars a share; null where none is known")
    fair_usd: float | None = Field(description="fair value of a share by the model, dollars; null where unknown")
    time_left_s: float | None
    opened: Time
    unrealised_usd: float | None = Field(description="dollars at the bid, fees apart")
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


class CapView(BaseModel):
    """A cap and its use; dollars at cost."""

    cap: str
    subject: str
    limit_usd: Usd
    used_usd: Usd
    share: float


class BreakerView(BaseModel):
    """A breaker that is not clear, or was near: its level, and how the operator names it to release it."""

    id: str
    level: Literal["clear", "reduced", "stopped"]
    value: float
    reduce_at: float | None = Field(None, description="value at which sizes are reduced; null where not known")
    stop_at: float | None = Field(None, description="value at which entries stop")
    since: Time
    reason: str
    meaning: str
    release: str


class BreakerBoundsView(BaseModel):
    """What one kind of breaker watches, and at which values it acts."""

    kind: str
    scope: str
    measure: str
    reduce_at: float
    stop_at: float
    release: str


class RiskEventView(BaseModel):
    """A change of a multiplier, cap, breaker, gate or instance."""

    id: str
    time: Time
    kind: str
    subject: str = Field(description="which multiplier, cap, breaker or gate")
    scope: str
    name: str
    old: str
    new: str
    reason: str
    text: str
    numbers: dict[str, Number]


class RiskEvents(BaseModel):
    events: list[RiskEventView]


class CriterionView(BaseModel):
    """A criterion of a step up. ``hours``: until it could be met at the rate so far, null where it cannot."""

    name: str
    value: float
    needed: float
    most: bool = Field(description="value is to be at most needed, not at least")
    unknown: bool = Field(description="nobody measured it yet, so it is not met")
    met: bool
    hours: float | None
    text: str


class GateView(BaseModel):
    """A release gate, and what a step up to it asks for; of a gate beyond the next one as it would begin."""

    gate: str
    state: Literal["passed", "here", "next", "later"]
    meaning: str
    criteria: list[CriterionView]


class GatesView(BaseModel):
    """Where the portfolio stands. ``armed_until``: when it disarms by itself, empty where it is not armed."""

    gate: str
    since: Time
    armed_until: Time
    gates: list[GateView]
    history: list[RiskEventView]


class ExposureView(BaseModel):
    """Money at cost that is decided at one moment."""

    expires: Time
    market: Title
    cost_usd: Usd


class RiskView(BaseModel):
    caps: list[CapView]
    exposure: list[ExposureView]
    sizing: list[SizingView]
    breakers: list[BreakerView]
    bounds: list[BreakerBoundsView]
    concentration: float | None = Field(description="largest share of one market in the cost of all positions")
    by_asset_usd: dict[str, float]


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


class StreamsView(BaseModel):
    """Who listens, and who was dropped."""

    open: int
    limit: int
    sent: int
    conflated: int
    dropped: dict[str, int] = Field(description="by reason")


class Problem(BaseModel):
    """An answer that is none: what is wrong, and how to mend it."""

    cause: str
    cure: str


class Given(BaseModel):
    """A command to the trading flow."""

    do: Literal[
        "pause", "resume", "kill", "release", "flatten", "close", "gate", "arm", "confirm", "disarm", "enable",
        "disable", "size",
    ]  # fmt: skip
    market: str = Field("", max_length=200, description="with close: the market's key")
    subject: str = Field("", max_length=200, description="what it is about: market, gate, phrase or instance")
    what: str = Field("kill", max_length=200, description="with release: kill, anomaly, or breaker:NAME")
    why: str = Field("", max_length=500, description="with release of an anomaly: its explanation")
    to: float | None = Field(None, ge=0, le=1, description="with size: of the full size")


class Acknowledged(BaseModel):
    """What the trading flow did with a command."""

    command: str
    what: str
    by: str
    verdict: str
    reason: str
    text: str
    time: Time


class Answers(BaseModel):
    """What the flow answered to operators, the latest first."""

    answers: list[Acknowledged]


class SignIn(BaseModel):
    """The operator's token, as the file ``operator.token`` has it."""

    token: str = Field(max_length=200)


class SessionView(BaseModel):
    signed_in: bool
    until: Time
