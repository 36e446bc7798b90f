"""What stands on the output topics: the contracts that people and other programs read.

Times are Unix nanoseconds of event time. Money is micro-dollars, sizes micro-shares, token prices pips of 1e-4 $.
The canonical bytes of a record are its JSON in field order without blanks (``canonical``); digests are over those.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from models.reasons import Reason, Verdict
from models.record import Record

Number = int | float | str | bool | None
OutcomeName = Literal["Up", "Down"]
Action = Literal["enter", "exit", "block", "settle", "correct"]
PostingKind = Literal["capital", "reserve", "release", "buy", "sell", "settle", "correct", "repay"]
Status = Literal["starting", "running", "waiting", "warning", "stopped", "failed"]


class Span(Record, frozen=True):
    """What one module made of a trace, with the numbers it used."""

    module: str
    verdict: Verdict
    reason: Reason
    numbers: dict[str, Number] = msgspec.field(default_factory=dict)


class Source(Record, frozen=True):
    """Where an input came from: the journal event (-1 where it is not known), and the feed record behind it."""

    name: str  # "trigger", "book", "book_snapshot", "spot", "market"; a pair's also "other_book", "other_book_snapshot"
    journal: int
    topic: str
    partition: int
    offset: int


class Scan(Record, frozen=True):
    """One evaluation of one strategy on one market. A row goes out when verdict or reason changes and at least each
    second of event time; ``evaluations`` counts those since the last row, this one included. ``normalised``: the margin
    in robust scales of its metric family, at 0 it passes; ``rank``: the share of the family's last scores that are
    below; ``warming``: the family has too few scores for that yet. ``numbers``: of the span that decided: the
    strategy's declared detail, or what its data gate measured and the bound."""

    id: str
    journal: int
    timestamp: int
    strategy: str
    market_key: str
    score: float
    threshold: float
    margin: float
    unit: str
    metric_family: str
    normalised: float
    verdict: Verdict
    reason: Reason
    evaluations: int
    rank: float = 0.5
    warming: bool = False
    numbers: dict[str, Number] = msgspec.field(default_factory=dict)


class Decision(Record, frozen=True):
    """A choice to enter, to leave, to refuse or to settle, with everything it rests on."""

    id: str
    journal: int
    timestamp: int
    portfolio: str
    strategy: str
    market_key: str
    outcome: OutcomeName | Literal[""]
    action: Action
    verdict: Verdict
    reason: Reason
    price: int
    size: int
    order_ids: list[str]
    spans: list[Span]
    sources: list[Source]
    configuration: str
    model: str
    repeats: int = 0  # equal refusals since the last row that were counted and not sent


class Order(Record, frozen=True):
    """A state of an order. ``id`` is deterministic and is the client order id; ``number`` counts the order's rows from
    0: every partial fill has one. ``filled``: micro-shares so far; ``due``: when it reaches the venue, by estimate;
    ``expires``: 0 = never."""

    id: str
    decision: str
    journal: int
    timestamp: int
    strategy: str
    market_key: str
    token: str
    outcome: OutcomeName
    side: Literal["buy", "sell"]
    kind: Literal["FAK", "FOK", "GTC", "GTD", "SPLIT"]
    limit: int
    size: int
    filled: int
    due: int
    status: Literal["submitted", "accepted", "partly_filled", "filled", "cancelled", "expired", "rejected", "unknown"]
    reason: Reason
    number: int = 0
    post_only: bool = False
    expires: int = 0


class Fill(Record, frozen=True):
    """A fill of an order at one price. ``evidence``: what says that it would have been filled: ``book_cross`` (the
    displayed book ``book_journal`` stood there), ``trade_through`` or ``queue`` (exchange trades; ``book_journal`` is
    -1), ``split`` (a dollar was split into a share of each outcome; it met no book), or ``exchange`` (a real fill that
    the exchange confirmed). ``decision_mid``: pips, the token's mid when the order was decided; ``mid``, ``touch``:
    pips, the token's mid and best opposite price when a taker's order met the book; -1 where there was none."""

    id: str
    order: str
    decision: str
    journal: int
    book_journal: int
    timestamp: int
    strategy: str
    market_key: str
    outcome: OutcomeName
    side: Literal["buy", "sell"]
    price: int
    size: int
    gross: int  # micro-dollars for the shares alone
    fee: int
    evidence: Literal["book_cross", "trade_through", "queue", "split", "exchange"] = "book_cross"
    decision_mid: int = -1
    account: str = "main"  # whose money: "main" on paper, "live", or the paper twin's own
    mid: int = -1
    touch: int = -1


class Posting(Record, frozen=True):
    """One leg of a balanced transaction: the amounts of a ``transaction`` add up to zero."""

    id: str
    transaction: str
    journal: int
    timestamp: int
    kind: PostingKind
    account: str
    amount: int
    ref: str


class Outcome(Record, frozen=True):
    """A market's end: its payouts a share (pips; 5000/5000 is a split) and what it made for each strategy.
    ``corrects``: the id of the outcome that this one puts right; ``pnl`` is then what the market made in all."""

    id: str
    journal: int
    timestamp: int
    market_key: str
    payout_up: int
    payout_down: int
    source: str
    pnl: dict[str, int]  # strategy -> micro-dollars after costs; of real money "live/strategy"
    corrects: str = ""


class Answer(Record, frozen=True):
    """What the trading flow did with an operator's command, or why not. ``text`` is one sentence for people."""

    id: str
    journal: int
    timestamp: int
    command: str
    by: str
    what: str
    verdict: Verdict
    reason: Reason
    text: str


class RiskEvent(Record, frozen=True):
    """A change of a multiplier, cap, breaker or release gate. ``scope``: ``instance``, ``family``, ``underlying``,
    ``market``, ``expiry`` or ``portfolio``, of which ``name`` is one. ``old``, ``new``: as people read them.
    ``numbers``: what it rests on."""

    id: str
    journal: int
    timestamp: int
    kind: Literal["multiplier", "cap", "breaker", "gate", "instance"]
    subject: str  # which multiplier, cap, breaker or gate
    scope: str
    name: str
    old: str
    new: str
    reason: Reason
    text: str  # one sentence for people
    numbers: dict[str, Number] = msgspec.field(default_factory=dict)


class MarkOut(Record, frozen=True):
    """What a fill was worth a while later: one row a fill and horizon. ``horizon_s``: seconds after the fill, -1 for
    the settlement. ``mid``: the token's mid then, of the settlement its payout; pips, -1 where no sound book was there.
    ``gain``: pips a share in the fill's favour, fee apart; ``slippage``: pips a share that the fill was worse than the
    mid of its decision; ``predicted``: pips a share after fee that the strategy expected of it."""

    id: str
    journal: int
    timestamp: int
    fill: str
    strategy: str
    market_key: str
    outcome: OutcomeName
    side: Literal["buy", "sell"]
    evidence: Literal["book_cross", "trade_through", "queue", "split", "exchange"]
    horizon_s: int
    price: int
    size: int
    fee: int
    mid: int
    gain: int | None = None
    slippage: int | None = None
    predicted: float | None = None


class CriterionRow(Record, frozen=True):
    """Something that a promotion asks for. ``insufficient``: it cannot be judged yet, which is no pass.
    ``reachable_h``: hours until it could be met at today's rate and effect, None where it could not."""

    name: str
    value: float
    threshold: float
    verdict: Literal["pass", "fail", "insufficient"]
    reachable_h: float | None
    text: str  # one sentence for people


class PromotionDecision(Record, frozen=True):
    """What was decided on an instance's state, and on what: "hold" is a decision too. ``window_start``, ``window_end``:
    Unix ns of the first and the last thing it rests on, ``journal``: the last event read. ``e_value``: of the test that
    decides, ``e_threshold``: what it must reach, ``level``: of this instance, so that all together spend ``alpha`` at
    most, of which ``spent`` is gone; ``trials``: instances ever tried. ``bands``: what happened since the last step up
    against what was fixed then (``models.statistics.bands``); empty where none are in force."""

    id: str
    journal: int
    timestamp: int
    instance: str
    strategy: str
    old: Literal["shadow", "canary", "active", "reduced", "disabled"]
    new: Literal["shadow", "canary", "active", "reduced", "disabled"]
    verdict: Verdict
    reason: Reason
    text: str  # one sentence for people
    window_start: int
    window_end: int
    observations: int
    criteria: list[CriterionRow]
    e_value: float
    e_threshold: float
    level: float
    alpha: float
    spent: float
    trials: int
    forecast_e_value: float
    demotion_e_value: float
    code: str  # version of the program
    configuration: str
    bands: list[CriterionRow] = msgspec.field(default_factory=list)


class VenueCommand(Record, frozen=True):
    """What the trading flow asks of a live venue. ``gate``: the release gate under which it was given; ``order``: the
    client order id; ``limit`` pips, ``size`` micro-shares."""

    id: str
    journal: int
    timestamp: int
    do: Literal["send", "cancel", "query", "cancel_all"]
    gate: str
    order: str = ""
    condition: str = ""
    token: str = ""
    side: Literal["buy", "sell", ""] = ""
    kind: Literal["FAK", "FOK", "GTC", "GTD", ""] = ""
    limit: int = 0
    size: int = 0
    post_only: bool = False
    expires: int = 0


class Features(Record, frozen=True):
    """The numbers the strategies used for a market, sampled with the scans."""

    id: str
    journal: int
    timestamp: int
    market_key: str
    values: dict[str, Number]


class Quality(Record, frozen=True):
    """How often a reason was found in a window of event time. ``feed``: where, a feed's topic or the module that found
    it. Of a strategy's data gate, ``strategy`` names it, and ``evaluations`` counts all of that strategy in the market
    in the window: ``count / evaluations`` is the rate."""

    id: str
    window_start: int
    window_end: int
    feed: str
    market: str
    reason: Reason
    count: int
    strategy: str = ""
    evaluations: int = 0


class ModuleTelemetry(Record, frozen=True):
    """A module within a telemetry record. ``counts``: by ``verdict:reason``, or another name for what is no verdict.
    ``gauges``: any further numbers, all of them as they are now."""

    module: str
    status: Status
    counts: dict[str, int]
    last_reason: str
    gauges: dict[str, Number]


class Telemetry(Record, frozen=True):
    """A flow or process and all its modules, once an interval: all that are named here are alive at ``timestamp``.
    ``interval``: nanoseconds until the next record is due. ``modules``: those of which anything changed since the
    source's record before, with counts since that; ``resting``: the names of the others. ``standing``: in the first
    record, each sixtieth and the last, every module with its counts since the beginning, for who comes late."""

    id: str
    timestamp: int
    source: str
    interval: int
    modules: list[ModuleTelemetry]
    resting: list[str]
    standing: list[ModuleTelemetry]

    def named(self) -> list[str]:
        """Every module that it says is alive."""
        return [*dict.fromkeys([*(each.module for each in (*self.modules, *self.standing)), *self.resting])]


class DeadLetter(Record, frozen=True):
    """A record that could not be used, where it stands, and why. ``frame``: its first 4,096 bytes, as text."""

    id: str
    timestamp: int
    topic: str
    partition: int
    offset: int
    reason: Reason
    detail: str
    frame: str


CONTRACTS: dict[str, type[Record]] = {
    "scans": Scan,
    "decisions": Decision,
    "orders": Order,
    "fills": Fill,
    "ledger": Posting,
    "outcomes": Outcome,
    "answers": Answer,
    "risk": RiskEvent,
    "markouts": MarkOut,
    "venue": VenueCommand,
    "promotions": PromotionDecision,
    "features": Features,
    "quality": Quality,
    "telemetry": Telemetry,
    "dead-letter": DeadLetter,
}
