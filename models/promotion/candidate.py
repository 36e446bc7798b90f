"""What is kept of an instance that is judged: its lots, its wagers, its bands, and since when it is what it is.

>>> candidate = Candidate(name="fair", strategy="updown_fair_value", state="canary", since=0, trial="fair")
>>> bought = Bought(5, "fair", "m", "Up", "BTC", 10_000_000, 5_000_000, "book_cross")
>>> candidate.bought(bought)
>>> candidate.settled(6, "m", 10_000, 0)
>>> candidate.advance(3_600 * 10**9), candidate.lots
([], 1)
"""

from __future__ import annotations

import msgspec

from models.money import PIP
from models.promotion.forecasts import ForecastBook
from models.promotion.observations import HourObservation, LotBook
from models.promotion.states import TWIN, PromotionState
from models.promotion.wagers import Detector, Wager
from models.statistics.bands import Bands, Watch

#: Observations that are remembered for stability and bands.
_RECORD = 2_000
#: Markets that are over and whose payouts are remembered, for fills that are told late.
_PAID = 256
#: Fills whose evidence is a model of the queue alone.
SOFT = "queue"


class Bought(msgspec.Struct, frozen=True):
    """A fill that bought, at ``t`` (Unix ns): ``size`` micro-shares for ``cost`` micro-dollars, fee included.
    ``holder``: the instance or its twin; ``kind``: the fill's evidence; ``regime``: of the hour, known before it."""

    t: int
    holder: str
    market: str
    outcome: str
    underlying: str
    size: int
    cost: int
    kind: str
    regime: str = ""


class Candidate(msgspec.Struct, kw_only=True):
    """Give it every fill, settlement and forecast in order of time, then ``advance``. ``trial``: the hypothesis under
    test, a new one after each demotion. Times are Unix ns."""

    name: str
    strategy: str
    state: PromotionState
    configured: PromotionState = "shadow"
    since: int  # of the state
    trial: str
    generation: int = 1
    begun: int = 0  # when evidence of this trial began, 0 = with its first fill
    last: int = 0
    book: LotBook = msgspec.field(default_factory=LotBook)
    gains: Wager = msgspec.field(default_factory=Wager)
    losses: Detector = msgspec.field(default_factory=Detector)
    underlyings: tuple[str, ...] = ()  # where they are known before
    forecasts: ForecastBook = msgspec.field(default_factory=ForecastBook)
    paid: dict[str, tuple[int, int]] = {}  # market -> pips of Up and Down
    record: list[HourObservation] = []  # of this trial
    lots: int = 0  # of this trial
    filled: dict[str, int] = {}  # kind of evidence -> micro-shares, of this trial
    bands: Bands | None = None
    watch: Watch = msgspec.field(default_factory=Watch)
    anomaly: int = 0  # when something was last not in order
    irregular: int = 0  # fills that were not, so far
    in_state: int = 0  # observations in this state
    net_in_state: float = 0.0  # their sum
    peak: int = 0  # micro-dollars: the most that it had realised in this state
    fall: int = 0  # and how far it fell from there at most
    fall_rate: float = -1.0  # of records that go on as before, how many fall as far as is allowed; below 0: not known

    def bought(self, fill: Bought) -> None:
        """A fill that bought. What its twin bought counts while it is a shadow, what it bought itself after that."""
        self.last = max(self.last, fill.t)
        counts = (fill.holder == self.name) is (self.state != "shadow")
        market = f"{fill.holder}/{fill.market}"
        if counts:
            self.begun = self.begun or fill.t
            self.lots += 1
            self.filled[fill.kind] = self.filled.get(fill.kind, 0) + fill.size
        key = self.book.buy(
            fill.t, market, fill.outcome, fill.underlying, fill.size, fill.cost, fill.regime, counts=counts
        )
        if key is not None:
            self.gains.stake(key)
            self.losses.stake(key)
        paid = self.paid.get(fill.market)
        if paid is not None:  # the fill was told after the market's end
            self.book.settle(market, fill.outcome, paid[0] if fill.outcome == "Up" else paid[1])
            self._fell()

    def sold(self, t: int, holder: str, market: str, outcome: str, size: int, proceeds: int) -> None:
        """A fill that sold ``size`` micro-shares, for ``proceeds`` micro-dollars after its fee."""
        self.last = max(self.last, t)
        self.book.sell(f"{holder}/{market}", outcome, size, proceeds)
        self._fell()

    def settled(self, t: int, market: str, payout_up: int, payout_down: int) -> None:
        """A market is over: its outcomes pay so many pips a share."""
        self.last = max(self.last, t)
        self.paid[market] = (payout_up, payout_down)
        for old in list(self.paid)[:-_PAID]:
            del self.paid[old]
        for holder in (self.name, self.name + TWIN):
            self.book.settle(f"{holder}/{market}", "Up", payout_up)
            self.book.settle(f"{holder}/{market}", "Down", payout_down)
        self.forecasts.resolve(market, payout_up / PIP)
        self._fell()

    def _fell(self) -> None:
        self.peak = max(self.peak, self.book.realised)
        self.fall = max(self.fall, self.peak - self.book.realised)

    def advance(self, t: int) -> list[HourObservation]:
        """Complete what is over at ``t``."""
        seen = self.book.advance(t)
        if self.book.irregular > self.irregular:
            self.irregular, self.anomaly = self.book.irregular, t
        for each in seen:
            self.losses.take(each)
            if not self.gains.take(each):
                continue  # of an hour that began before this trial
            self.record.append(each)
            self.in_state += 1
            self.net_in_state += each.x
            if self.bands is not None:
                self.watch.take(each.x, self.bands)
        del self.record[:-_RECORD]
        self.forecasts.advance(t)
        return seen

    @property
    def credible(self) -> float:
        """The share of what it was filled that rests on more than a model of the queue."""
        total = hard = 0
        for kind, size in self.filled.items():
            total += size
            hard += size if kind != SOFT else 0
        return hard / total if total else 0.0

    @property
    def gain(self) -> float:
        """The e-value against "it does not gain"."""
        return self.gains.value(self.book)

    @property
    def loss(self) -> float:
        """The e-value against "it does not lose"."""
        return self.losses.value(self.book)

    def enter(self, state: PromotionState, t: int) -> None:
        """Be in another state from now on; losses are watched for anew, but for those of a reduced one."""
        if state not in ("reduced", "disabled"):
            self.losses = Detector(
                every=self.losses.every, beginnings=self.losses.beginnings, wagers=[Wager(-1, self.underlyings)]
            )
        self.state, self.since = state, t
        self.in_state, self.net_in_state = 0, 0.0
        self.watch = Watch()
        self.peak, self.fall = self.book.realised, 0

    def begin_anew(self) -> None:
        """Forget what speaks for it: a new trial."""
        self.generation += 1
        self.trial = f"{self.name}#{self.generation}"
        self.begun = self.lots = 0
        self.gains = Wager(known=self.underlyings)
        wager = Wager(known=self.underlyings)
        self.forecasts = ForecastBook(book=self.forecasts.book, wager=wager, said=self.forecasts.said)
        self.record = []
        self.filled = {}
        self.bands = None
        self.fall_rate = -1.0
