"""A lane: the features, data gates and strategies of one underlying.

Lanes know nothing of each other and may run anywhere.
"""

from __future__ import annotations

import msgspec

from flows.trading_line import data_gate
from flows.trading_line.features import UnderlyingFeatures
from flows.trading_line.items import Judged, Routed
from models.contracts import Number
from models.journal import AnyEvent, Book, Clock, Market, Spot
from models.money import DOLLAR
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.instance import Instance, instances
from models.strategies.view import View
from models.timestamps import SECOND
from models.trace import Evaluation, Step

_FORGET_NS = 60 * SECOND


class _Followed:
    """A market under way: its definition and latest books, and when each strategy last sent a scan row."""

    __slots__ = ("book", "market", "sent")

    def __init__(self, market: Market) -> None:
        self.market = market
        self.book: Book | None = None
        self.sent: dict[str, _LastRow] = {}


class _LastRow:
    __slots__ = ("evaluations", "reason", "t", "verdict")

    def __init__(self) -> None:
        self.t = 0
        self.verdict = ""
        self.reason = ""
        self.evaluations = 0


class Lane:
    """Features and strategies of one underlying. ``judge`` is a function of the events it has been given, in order."""

    def __init__(self, settings: Settings) -> None:
        self._instances = instances(settings)
        self._features = UnderlyingFeatures(settings.fair_value.half_life_s, settings.fair_value.sample_s)
        self._followed: dict[str, _Followed] = {}
        self._stale_feeds: frozenset[str] = frozenset()
        self._stale_tokens: frozenset[str] = frozenset()
        self._stale_spots: frozenset[str] = frozenset()

    def judge(self, routed: Routed) -> Judged:
        """Take one event in and evaluate the markets it concerns."""
        event = routed.event
        evaluations: list[Evaluation] = []
        rows: list[tuple[str, dict[str, Number]]] = []
        if routed.lane:
            for followed in self._concerned(event):
                self._evaluate(followed, event, evaluations, rows)
        return Judged(routed.lane, event.seq, routed.copies, event, tuple(evaluations), tuple(rows))

    def _concerned(self, event: AnyEvent) -> list[_Followed]:
        """Update what is known by the event; the markets to evaluate."""
        t = event.t
        if isinstance(event, Book):
            followed = self._followed.get(event.key)
            if followed is None:
                return []
            followed.book = event
            return [followed]
        if isinstance(event, Spot):
            self._features.on_spot(event)
            return self._active(t)
        if isinstance(event, Clock):
            self._stale_feeds = frozenset(event.stale_feeds)
            self._stale_tokens = frozenset(event.stale_books)
            self._stale_spots = frozenset(event.stale_spots)
            self._forget(t)
            return self._active(t)
        if isinstance(event, Market):
            known = self._followed.get(event.key)
            if known is not None:
                known.market = event
            elif event.payout_up is None and t < event.end + _FORGET_NS:
                self._followed[event.key] = _Followed(event)
        return []

    def _active(self, t: int) -> list[_Followed]:
        return [each for each in self._followed.values() if each.market.start <= t < each.market.end]

    def _forget(self, t: int) -> None:
        for key in [key for key, each in self._followed.items() if t > each.market.end + _FORGET_NS]:
            del self._followed[key]
            self._features.forget(key)

    def _evaluate(
        self,
        followed: _Followed,
        event: AnyEvent,
        evaluations: list[Evaluation],
        rows: list[tuple[str, dict[str, Number]]],
    ) -> None:
        t = event.t
        view = self._view(followed, t)
        due = False
        moved = isinstance(event, Spot)
        for each in self._instances:
            if moved and not each.limits.spot:
                continue  # it knows of books alone
            due |= self._take(followed, t, _judgement(each, view), evaluations)
        if due:
            rows.append((followed.market.key, _values(view)))

    def _take(self, followed: _Followed, t: int, evaluation: Evaluation, evaluations: list[Evaluation]) -> bool:
        """Note the evaluation; a scan row is due when verdict or reason changed, or a second has passed."""
        row = followed.sent.get(evaluation.instance)
        if row is None:
            row = followed.sent[evaluation.instance] = _LastRow()
        row.evaluations += 1
        due = evaluation.verdict != row.verdict or evaluation.reason != row.reason or t - row.t >= SECOND
        if due:
            evaluation = msgspec.structs.replace(evaluation, emit=row.evaluations)
            row.t, row.verdict, row.reason, row.evaluations = t, evaluation.verdict, evaluation.reason, 0
        evaluations.append(evaluation)
        return due

    def _view(self, followed: _Followed, t: int) -> View:
        features, market, book = self._features, followed.market, followed.book
        spot = features.latest
        variance = features.variance
        strike = features.strike(market, t)
        return View(
            t=t,
            as_of=min(features.as_of, t),
            market=market,
            book=book,
            spot=spot,
            variance=variance.value,
            returns=variance.count,
            history_s=variance.span,
            strike=strike.value if strike else None,
            strike_source=strike.source if strike else "",
            strike_gap_s=strike.gap_s if strike else 0.0,
            average=features.average(market),
            stale_feeds=self._stale_feeds,
            stale_tokens=self._stale_tokens,
            spot_stale=market.asset in self._stale_spots,
        )


def _judgement(instance: Instance, view: View) -> Evaluation:
    """What the data gate says, and only where it passes the strategy too; its span comes first."""
    gate = data_gate.check(view, instance.limits)
    step = gate.step
    key, bar = view.market.key, instance.threshold
    if step.verdict != Verdict.PASS:
        return Evaluation(instance.id, key, step.verdict, step.reason, 0.0, bar, (step,))
    signal = instance.strategy.evaluate(view, instance.parameters, gate.outcomes)
    steps = [step]
    if instance.limits.spot:
        steps.append(Step("features", Verdict.PASS, Reason.OK, signal.used))
    steps.append(Step(instance.module, signal.verdict, signal.reason, signal.numbers))
    return Evaluation(
        instance.id, key, signal.verdict, signal.reason, signal.score, bar, tuple(steps), signal.intents, signal.fair
    )


def _values(view: View) -> dict[str, Number]:
    return {
        "spot": view.spot.price / DOLLAR if view.spot else None,
        "strike": view.strike,
        "strike_source": view.strike_source,
        "strike_gap_s": view.strike_gap_s,
        "variance": view.variance,
        "returns": view.returns,
        "average": view.average,
        "time_left_s": max(view.market.end - view.as_of, 0) / SECOND,
    }
