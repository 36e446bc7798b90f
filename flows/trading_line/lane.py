"""A lane: the features, data gates and strategy instances of one underlying.

Lanes know nothing of each other and may run anywhere.
"""

from __future__ import annotations

from typing import Any

import msgspec

from flows.trading_line import data_gate
from flows.trading_line.features import Plan, UnderlyingFeatures
from flows.trading_line.items import Judged, Routed
from models.contracts import Number
from models.features.feature import Values
from models.journal import AnyEvent, Book, Clock, Input, Market, Spot, Trade
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.instance import Instance, instances
from models.strategies.view import Sibling, View
from models.timestamps import SECOND
from models.trace import Evaluation, Step

_FORGET_NS = 60 * SECOND
_WAKES: dict[str, type] = {"book": Book, "spot": Spot, "trade": Trade, "clock": Clock}
_FEATURES = Step("features", Verdict.PASS, Reason.OK)


class Asked(msgspec.Struct):
    """When an instance was last asked about a market and last sent a scan row (Unix ns), what that row said, and how
    many evaluations there were since."""

    asked: int = 0
    sent: int = 0
    verdict: str = ""
    reason: str = ""
    evaluations: int = 0


class Followed(msgspec.Struct):
    """A market under way: its definition, its latest books, and each instance's dealings with it."""

    market: Market
    book: Book | None = None
    by_instance: dict[str, Asked] = {}


class LaneState(msgspec.Struct):
    """What a lane remembers, apart from its settings."""

    followed: dict[str, Followed] = {}
    stale_feeds: list[str] = []
    stale_tokens: list[str] = []
    stale_spots: list[str] = []
    features: dict[str, Any] = {}


class _Runner:
    """An instance at work: its plan of features, and its spans that repeat."""

    __slots__ = ("_said", "instance", "plan", "siblings")

    def __init__(self, instance: Instance, plan: Plan) -> None:
        self.instance = instance
        self.plan = plan
        self.siblings = instance.limits.needs.siblings
        self._said: dict[str, Step] = {}

    def judge(self, view: View) -> Evaluation:
        """What the data gate says, and only where it passes the strategy too; its span comes first."""
        instance, key = self.instance, view.market.key
        gate = data_gate.check(view, instance.limits)
        step = gate.step
        if step.verdict != Verdict.PASS:
            return Evaluation(instance.id, key, step.verdict, step.reason, 0.0, instance.threshold, (step,))
        signal = instance.strategy.evaluate(view, instance.parameters, gate.outcomes)
        verdict, reason = signal.verdict, signal.reason
        features = _FEATURES
        if signal.numbers or verdict == Verdict.PASS:
            own = Step(instance.module, verdict, reason, signal.numbers)
        else:
            said = self._said.get(reason)
            if said is None or said.verdict != verdict:
                said = self._said[reason] = Step(instance.module, verdict, reason)
            own = said
        if self.plan.steps:
            if verdict == Verdict.PASS:
                features = Step("features", Verdict.PASS, Reason.OK, {**self.plan.row(view.values), **signal.used})
            steps: tuple[Step, ...] = (step, features, own)
        else:
            steps = (step, own)
        return Evaluation(
            instance.id,
            key,
            verdict,
            reason,
            signal.score,
            instance.threshold,
            steps,
            signal.intents,
            signal.fair,
        )


class Lane:
    """Features and instances of one underlying. ``judge`` is a function of the events it has been given, in order.

    ``state`` is plain data by name, without settings: ``Lane(settings, state)`` goes on from it, under whatever
    settings hold then."""

    SCHEMA = "lane/1"

    def __init__(self, settings: Settings, state: LaneState | None = None) -> None:
        state = state or LaneState()
        self._settings = settings
        self._features = UnderlyingFeatures(state.features)
        runners = [_Runner(each, self._features.plan_for(each)) for each in instances(settings)]
        self._runners: dict[type, list[_Runner]] = {
            kind: [each for each in runners if name in each.instance.limits.needs.wakes]
            for name, kind in _WAKES.items()
        }
        self._followed = state.followed
        self._stale_feeds = frozenset(state.stale_feeds)
        self._stale_tokens = frozenset(state.stale_tokens)
        self._stale_spots = frozenset(state.stale_spots)
        self._values: dict[str, dict[Plan, tuple[int, int, Values]]] = {}  # market -> plan -> when, and what it was

    def state(self) -> LaneState:
        """What it remembers, to be kept at once: it is not a copy."""
        return LaneState(
            self._followed,
            sorted(self._stale_feeds),
            sorted(self._stale_tokens),
            sorted(self._stale_spots),
            self._features.state(),
        )

    def __getstate__(self) -> dict[str, Any]:
        """What a snapshot holds: the rest follows from the settings, which are passed in when it is resumed."""
        return {"settings": self._settings, "state": self.state()}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        Lane.__init__(self, kept["settings"], kept["state"])

    def judge(self, routed: Routed) -> Judged:
        """Take one event in and evaluate the markets it concerns."""
        event = routed.event
        evaluations: list[Evaluation] = []
        rows: list[tuple[str, dict[str, Number]]] = []
        if routed.lane:
            for each in routed.standing:
                self._features.take(each)
            concerned = self._concerned(event)
            runners = self._runners.get(type(event)) if concerned else None
            if runners:
                for followed in concerned:
                    self._evaluate(followed, runners, event.t, evaluations, rows)
        return Judged(routed.lane, event.seq, routed.copies, event, tuple(evaluations), tuple(rows))

    def _concerned(self, event: AnyEvent) -> list[Followed]:
        """Update what is known by the event; the markets to evaluate."""
        t = event.t
        if isinstance(event, Book):
            followed = self._followed.get(event.key)
            if followed is None:
                return []
            followed.book = event
            self._features.take(event)
            return [followed]
        if isinstance(event, Spot):
            self._features.take(event)
            return self._active(t)
        if isinstance(event, Clock):
            self._stale_feeds = frozenset(event.stale_feeds)
            self._stale_tokens = frozenset(event.stale_books)
            self._stale_spots = frozenset(event.stale_spots)
            self._forget(t)
            self._features.take(event)
            return self._active(t)
        if isinstance(event, Trade):
            self._features.take(event)
            followed = self._followed.get(event.key)
            return [followed] if followed is not None else []
        if isinstance(event, Market):
            self._define(event)
        elif isinstance(event, Input):
            self._features.take(event)
        return []

    def _define(self, market: Market) -> None:
        known = self._followed.get(market.key)
        if known is not None:
            known.market = market
        elif market.payout_up is None and market.t < market.end + _FORGET_NS:
            self._followed[market.key] = Followed(market)
        else:
            return
        self._features.take(market)

    def _active(self, t: int) -> list[Followed]:
        return [each for each in self._followed.values() if each.market.start <= t < each.market.end]

    def _forget(self, t: int) -> None:
        for key in [key for key, each in self._followed.items() if t > each.market.end + _FORGET_NS]:
            del self._followed[key]
            self._values.pop(key, None)
            self._features.forget(key)

    def _evaluate(
        self,
        followed: Followed,
        runners: list[_Runner],
        t: int,
        evaluations: list[Evaluation],
        rows: list[tuple[str, dict[str, Number]]],
    ) -> None:
        views: dict[tuple[Plan, bool], View] = {}
        due = False
        for runner in runners:
            instance = runner.instance
            asked = followed.by_instance.get(instance.id)
            if asked is None:
                asked = followed.by_instance[instance.id] = Asked()
            every = instance.limits.every
            if every and asked.asked and t - asked.asked < every:
                continue
            asked.asked = t
            which = (runner.plan, runner.siblings)
            view = views.get(which)
            if view is None:
                view = views[which] = self._view(followed, runner, t)
            due |= _take(asked, t, runner.judge(view), evaluations)
        if due:
            row: dict[str, Number] = {}
            for (plan, _), view in views.items():
                row.update(plan.shared_row(view.values))
            if row:
                rows.append((followed.market.key, row))

    def _view(self, followed: Followed, runner: _Runner, t: int) -> View:
        history, market = self._features.history, followed.market
        as_of = min(history.as_of, t)
        return View(
            t,
            as_of,
            market,
            followed.book,
            history.latest,
            self._values_of(market, runner.plan, as_of),
            self._stale_feeds,
            self._stale_tokens,
            market.asset in self._stale_spots,
            self._siblings(followed, t) if runner.siblings else (),
        )

    def _values_of(self, market: Market, plan: Plan, as_of: int) -> Values:
        """The plan's values for a market: computed anew only when something they may depend on has changed."""
        if not plan.steps:
            return {}
        by_plan = self._values.setdefault(market.key, {})
        changes, known = self._features.changes, by_plan.get(plan)
        if known is not None and known[0] == changes and known[1] == as_of:
            return known[2]
        values = self._features.values(plan, market, as_of)
        by_plan[plan] = (changes, as_of, values)
        return values

    def _siblings(self, followed: Followed, t: int) -> tuple[Sibling, ...]:
        others = [each for each in self._followed.values() if each is not followed and t < each.market.end]
        others.sort(key=lambda each: (each.market.start, each.market.end, each.market.key))
        return tuple(Sibling(each.market, each.book) for each in others)


def _take(asked: Asked, t: int, evaluation: Evaluation, evaluations: list[Evaluation]) -> bool:
    """Note the evaluation; a scan row is due when verdict or reason changed, or a second has passed."""
    asked.evaluations += 1
    due = evaluation.verdict != asked.verdict or evaluation.reason != asked.reason or t - asked.sent >= SECOND
    if due:
        evaluation = msgspec.structs.replace(evaluation, emit=asked.evaluations)
        asked.sent, asked.evaluations = t, 0
        asked.verdict, asked.reason = evaluation.verdict, evaluation.reason
    evaluations.append(evaluation)
    return due
