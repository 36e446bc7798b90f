"""From what the two trading lines publish to what the promoter hears: lots, settlements, forecasts, anomalies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from models.contracts import Features, Fill, Outcome, RiskEvent
from models.journal import AnyEvent, Market
from models.message import Message
from models.money import DOLLAR
from models.promotion.candidate import Bought
from models.promotion.observations import HOUR_NS
from models.promotion.promoter import Promoter
from models.promotion.regimes import Regimes
from models.promotion.states import PROMOTION_STATES
from models.strategies.registry import STRATEGIES
from models.topics import FEATURES, FILLS, OUTCOMES, RISK


class EvidenceFeed:
    """Feed it each event, then what either line made of it."""

    def __init__(self) -> None:
        self._assets: dict[str, str] = {}  # market -> underlying
        self._regimes = Regimes()
        self._regime: dict[str, tuple[int, str]] = {}  # underlying -> hour and its regime
        self._made: dict[str, int] = {}  # instance or twin -> micro-dollars in settled markets

    def event(self, event: AnyEvent) -> None:
        """Hear what a market is."""
        if isinstance(event, Market):
            self._assets[event.key] = event.asset

    def made(self, holder: str) -> float:
        """Dollars after costs that an instance or twin made in the markets that are settled."""
        return self._made.get(holder, 0) / DOLLAR

    def own(self, outputs: Iterable[object], promoter: Promoter) -> bool:
        """What the instances themselves did; whether a market was settled."""
        settled = False
        for message in _messages(outputs):
            if message.topic == FILLS:
                self._fill(Fill.read(message.value), promoter)
            elif message.topic == OUTCOMES:
                settled = True
                self._outcome(Outcome.read(message.value), promoter)
            elif message.topic == RISK:
                self._risk(RiskEvent.read(message.value), promoter)
        return settled

    def beside(self, outputs: Iterable[object], promoter: Promoter) -> bool:
        """What the twins did; whether a market was settled."""
        settled = False
        for message in _messages(outputs):
            if message.topic == FILLS:
                self._fill(Fill.read(message.value), promoter)
            elif message.topic == OUTCOMES:
                settled = True
                self._results(Outcome.read(message.value))
            elif message.topic == FEATURES:
                self._features(Features.read(message.value), promoter)
        return settled

    def _fill(self, fill: Fill, promoter: Promoter) -> None:
        candidate = promoter.candidate_of(fill.strategy)
        if candidate is None:
            return
        if fill.side == "sell":
            candidate.sold(
                fill.timestamp, fill.strategy, fill.market_key, fill.outcome, fill.size, fill.gross - fill.fee
            )
            return
        asset = self._assets.get(fill.market_key, "")
        hour, regime = self._regime.get(asset, (-1, ""))
        candidate.bought(
            Bought(
                t=fill.timestamp,
                holder=fill.strategy,
                market=fill.market_key,
                outcome=fill.outcome,
                underlying=asset,
                size=fill.size,
                cost=fill.gross + fill.fee,
                kind=fill.evidence,
                regime=regime if hour == fill.timestamp // HOUR_NS else "",
            )
        )

    def _outcome(self, outcome: Outcome, promoter: Promoter) -> None:
        """Of the two lines' outcomes one settles the lots of both; a correction finds none left, and is an anomaly."""
        self._results(outcome)
        if outcome.corrects:
            promoter.anomaly(outcome.timestamp)
        else:
            promoter.settled(outcome.timestamp, outcome.market_key, outcome.payout_up, outcome.payout_down)

    def _results(self, outcome: Outcome) -> None:
        for holder, amount in outcome.pnl.items():
            self._made[holder] = self._made.get(holder, 0) + amount

    def _features(self, row: Features, promoter: Promoter) -> None:
        """The first stated probability of a window beside the market's; and the regime of an hour, once."""
        asset = self._assets.get(row.market_key, "")
        variance, fair, mid = row.values.get("variance"), row.values.get("fair"), row.values.get("mid")
        hour = row.timestamp // HOUR_NS
        if isinstance(variance, float) and self._regime.get(asset, (-1, ""))[0] != hour:
            self._regime[asset] = (hour, self._regimes.name(asset, variance))
        if not isinstance(fair, int | float) or not isinstance(mid, int | float):
            return
        for candidate in promoter.candidates.values():
            if "fair" in STRATEGIES[candidate.strategy].needs.features:
                candidate.forecasts.state(row.timestamp, row.market_key, asset, float(fair), float(mid))

    def _risk(self, event: RiskEvent, promoter: Promoter) -> None:
        """What became of a promotion at the desk, an operator's word that lets a disabled instance begin anew, and
        anomalies of the books and of fills: each goes with a breaker."""
        candidate = promoter.candidates.get(event.name)
        if event.kind == "instance" and event.subject == "promotion" and candidate is not None:
            for state in PROMOTION_STATES:
                if event.new == state != candidate.state:  # it was refused: the instance is what it was
                    candidate.enter(state, event.timestamp)
        elif event.kind == "instance" and event.subject == "entries" and candidate is not None:
            if candidate.state == "disabled" and event.new.startswith("on"):
                promoter.reopen(event.name, event.timestamp)
        elif event.kind == "breaker" and event.subject in ("fill_anomaly", "reconciliation") and event.new != "clear":
            promoter.anomaly(event.timestamp, event.name if event.scope == "instance" else "")


def _messages(outputs: Iterable[object]) -> Iterator[Message]:
    for each in outputs:
        if isinstance(each, Message):
            yield each
