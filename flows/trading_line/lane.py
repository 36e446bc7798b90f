"""A lane: the features, data gates and strategy instances of one underlying.

Lanes know nothing of each other and may run anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from flows.trading_line import data_gate
from flows.trading_line.features import FeaturePlan, UnderlyingFeatures
from flows.trading_line.items import Judged, Routed
from models.contracts import Number
from models.features.feature import Values
from models.journal import Book, Clock, Input, Market, Spot, Trade
from models.middle import sound_middle
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.detail import numbers_of
from models.strategies.instance import Instance, instances
from models.strategies.signal import Signal
from models.strategies.view import Sibling, View
from models.timestamps import SECOND
from models.trace import Evaluation, Step

_FORGET_NS = 60 * SECOND
_WAKES: dict[str, type] = {"book": Book, "spot": Spot, "trade": Trade, "clock": Clock}
_PASS = Verdict.PASS
_FEATURES = Step("features", _PASS, Reason.OK)


class Asked(msgspec.Struct):
    """When an instance was last asked about a market and last sent a scan row (Unix ns), what that row said, and how
    many evaluations there were since."""

    asked: int = 0
    sent: int = 0
    verdict: str = ""
    reason: str = ""
    evaluations: int = 0


class FollowedMarket(msgspec.Struct):
    """A market under way: its definition, its latest books, and each instance's dealings with it."""

    market: Market
    book: Book | None = None
    by_instance: dict[str, Asked] = {}


class _Refusal(NamedTuple):
    """What the data gate refused an instance, while it holds: up to ``until``, for this book, this spot where the
    instance needs it, and these stale feeds; where it rests on features for these ``changes`` of them, else -1."""

    evaluation: Evaluation
    until: int
    book: Book | None
    spot: Spot | None
    stale: int
    changes: int


class _Window:
    """A market that is followed; the values of its features by plan, while they are good: until another change of the
    features, and by the same clock; what the data gate refuses its instances, and says of its books."""

    __slots__ = ("as_of", "books", "changes", "end", "refusals", "start", "state", "values")

    def __init__(self, state: FollowedMarket) -> None:
        self.state = state
        self.values: dict[int, Values] = {}
        self.refusals: dict[str, _Refusal] = {}
        self.books: dict[str, data_gate.KnownBooks] = {}
        self.define(state.market)

    def define(self, market: Market) -> None:
        """Go by this definition: nothing that was kept holds any more."""
        self.state.market = market
        self.start, self.end = market.start, market.end
        self.changes = self.as_of = -1
        self.refusals.clear()
        self.books.clear()


class LaneState(msgspec.Struct):
    """What a lane remembers, apart from its settings."""

    followed: dict[str, FollowedMarket] = {}
    stale_feeds: list[str] = []
    stale_tokens: list[str] = []
    stale_spots: list[str] = []
    features: dict[str, Any] = {}


class _Runner:
    """An instance at work: its plan of features, and its spans that repeat."""

    __slots__ = (
        "_evaluate",
        "_held",
        "_module",
        "_parameters",
        "_shows",
        "_threshold",
        "every",
        "id",
        "limits",
        "plan",
        "siblings",
        "view",
        "wakes",
    )

    def __init__(self, instance: Instance, plan: FeaturePlan) -> None:
        self.id = instance.id
        self.every = instance.limits.every
        self.wakes = instance.limits.needs.wakes
        self.plan = plan
        self.siblings = instance.limits.needs.siblings
        self.view = 2 * plan.number + self.siblings  # instances with the same number share a view
        self._module = instance.module
        self.limits = instance.limits
        self._threshold = instance.threshold
        self._evaluate = instance.strategy.evaluate
        self._parameters = instance.parameters
        self._shows = bool(plan.keys)
        self._held: dict[str, tuple[Step, ...]] = {}

    def judge(self, view: View, books: data_gate.KnownBooks) -> Evaluation:
        """What the data gate says, and only where it passes the strategy too; its span comes first.

        Numbers are put on the spans only where somebody will see them: on what passed, of which a decision comes."""
        key, threshold = view.market.key, self._threshold
        verdict, reason, outcomes = data_gate.judge(view, self.limits, None, books)
        if not outcomes:
            step = Step(self.limits.module, verdict, reason)
            return Evaluation(self.id, key, verdict, reason, 0.0, threshold, (step,))
        signal = self._evaluate(view, self._parameters, outcomes)
        verdict, reason = signal.verdict, signal.reason
        if verdict is _PASS or signal.detail is not None or signal.intents:
            steps = self._spans(view, signal)
        else:
            held = self._held.get(reason)
            steps = held if held is not None and held[-1].verdict is verdict else self._hold(verdict, reason)
        return Evaluation(self.id, key, verdict, reason, signal.score, threshold, steps, signal.intents, signal.fair)

    def _spans(self, view: View, signal: Signal) -> tuple[Step, ...]:
        gate = data_gate.check(view, self.limits).step
        own = Step(self._module, signal.verdict, signal.reason, numbers_of(signal.detail))
        if not self._shows:
            return (gate, own)
        if signal.verdict is not _PASS:
            return (gate, _FEATURES, own)
        return (gate, Step("features", _PASS, Reason.OK, self.plan.row(view.values)), own)

    def _hold(self, verdict: Verdict, reason: Reason) -> tuple[Step, ...]:
        """Spans without numbers, of which there need be only one set."""
        gate, own = Step(self.limits.module, _PASS, Reason.OK), Step(self._module, verdict, reason)
        steps = self._held[reason] = (gate, _FEATURES, own) if self._shows else (gate, own)
        return steps


class Lane:
    """Features and instances of one underlying. ``judge`` is a function of the events it has been given, in order.

    ``state`` is plain data by name, without settings: ``Lane(settings, state)`` goes on from it, under whatever
    settings hold then."""

    SCHEMA = "lane/1"

    def __init__(self, settings: Settings, state: LaneState | None = None) -> None:
        state = state or LaneState()
        self._settings = settings
        self._costs = settings.costs.model
        self._interval = settings.telemetry.interval
        self._features = UnderlyingFeatures(state.features)
        runners = [_Runner(each, self._features.plan_for(each)) for each in instances(settings)]
        self._runners: dict[type, list[_Runner]] = {
            kind: [each for each in runners if name in each.wakes] for name, kind in _WAKES.items()
        }
        self._followed = {key: _Window(each) for key, each in state.followed.items()}
        self._stale_feeds = frozenset(state.stale_feeds)
        self._stale_tokens = frozenset(state.stale_tokens)
        self._stale_spots = frozenset(state.stale_spots)
        self._stale = 0  # rises whenever one of them changes

    def state(self) -> LaneState:
        """The state, to be written at once: it is not a copy."""
        return LaneState(
            {key: window.state for key, window in self._followed.items()},
            sorted(self._stale_feeds),
            sorted(self._stale_tokens),
            sorted(self._stale_spots),
            self._features.state(),
        )

    def __getstate__(self) -> dict[str, Any]:
        """What a snapshot holds: the rest follows from the settings, which are passed in when it is resumed."""
        return {"settings": self._settings, "state": self.state()}

    def __setstate__(self, stored: dict[str, Any]) -> None:
        Lane.__init__(self, stored["settings"], stored["state"])

    def judge(self, routed: Routed) -> Judged:
        """Take one event in and evaluate the markets it concerns."""
        event = routed.event
        evaluations: list[Evaluation] = []
        rows: list[tuple[str, dict[str, Number]]] = []
        if routed.lane:
            if routed.standing:
                for each in routed.standing:
                    self._features.take(each)
            kind = type(event)
            hear = _HEAR.get(kind)
            if hear is not None:
                for window in hear(self, event):
                    self._evaluate(window, self._runners[kind], event.t, evaluations, rows)
        return Judged(routed.lane, event.seq, routed.copies, event, tuple(evaluations), tuple(rows))

    # Each takes one kind of event in, and says which markets it concerns.

    def _on_book(self, book: Book) -> Sequence[_Window]:
        window = self._followed.get(book.key)
        if window is None:
            return ()
        window.state.book = book
        self._features.take(book)
        return (window,)

    def _on_spot(self, spot: Spot) -> Sequence[_Window]:
        self._features.take(spot)
        return self._active(spot.t)

    def _on_clock(self, clock: Clock) -> Sequence[_Window]:
        feeds, tokens = frozenset(clock.stale_feeds), frozenset(clock.stale_books)
        spots = frozenset(clock.stale_spots)
        if feeds != self._stale_feeds or tokens != self._stale_tokens or spots != self._stale_spots:
            self._stale_feeds, self._stale_tokens, self._stale_spots = feeds, tokens, spots
            self._stale += 1
        self._forget(clock.t)
        self._features.take(clock)
        return self._active(clock.t)

    def _on_trade(self, trade: Trade) -> Sequence[_Window]:
        self._features.take(trade)
        window = self._followed.get(trade.key)
        return (window,) if window is not None else ()

    def _on_market(self, market: Market) -> Sequence[_Window]:
        known = self._followed.get(market.key)
        if known is not None:
            known.define(market)
        elif market.payout_up is None and market.t < market.end + _FORGET_NS:
            self._followed[market.key] = _Window(FollowedMarket(market))
        else:
            return ()
        self._features.take(market)
        return ()

    def _on_input(self, said: Input) -> Sequence[_Window]:
        self._features.take(said)
        return ()

    def _active(self, t: int) -> list[_Window]:
        return [each for each in self._followed.values() if each.start <= t < each.end]

    def _forget(self, t: int) -> None:
        for key in [key for key, each in self._followed.items() if t > each.end + _FORGET_NS]:
            del self._followed[key]
            self._features.forget(key)

    def _evaluate(
        self,
        window: _Window,
        runners: list[_Runner],
        t: int,
        evaluations: list[Evaluation],
        rows: list[tuple[str, dict[str, Number]]],
    ) -> None:
        """Ask the instances whose turn it is about a market; note what they say, and the features' row where one of
        their scan rows is due: when its verdict or reason changed, or an interval has passed."""
        views: dict[int, View] = {}
        asked_now: list[_Runner] = []
        state, refusals = window.state, window.refusals
        by_instance, book = state.by_instance, state.book
        features = self._features
        spot = features.history.latest
        any_due = False
        for runner in runners:
            name = runner.id
            asked = by_instance.get(name)
            if asked is None:
                asked = by_instance[name] = Asked()
            if runner.every and asked.asked and t - asked.asked < runner.every:
                continue
            asked.asked = t
            asked_now.append(runner)
            refusal = refusals.get(name)
            if (
                refusal is not None
                and t <= refusal.until
                and refusal.book is book
                and refusal.stale == self._stale
                and (refusal.spot is spot or not runner.limits.spot)
                and (refusal.changes == -1 or refusal.changes == features.changes)
            ):
                evaluation = refusal.evaluation
            else:
                view = views.get(runner.view)
                if view is None:
                    view = views[runner.view] = self._view(window, runner, t)
                books = window.books.get(name)
                if books is None:
                    books = window.books[name] = data_gate.KnownBooks()
                evaluation = runner.judge(view, books)
                if len(evaluation.steps) == 1:
                    self._remember(window, runner, evaluation, t)
                elif refusal is not None:
                    del refusals[name]
            asked.evaluations += 1
            if (
                evaluation.reason != asked.reason
                or t - asked.sent >= self._interval
                or evaluation.verdict != asked.verdict
            ):
                any_due = True
                evaluation = msgspec.structs.replace(evaluation, emit=asked.evaluations)
                if len(evaluation.steps) == 1:  # a row shows what the data gate measures now, and the bound
                    view = views.get(runner.view)
                    if view is None:
                        view = views[runner.view] = self._view(window, runner, t)
                    measured = (data_gate.check(view, runner.limits).step,)
                    evaluation = msgspec.structs.replace(evaluation, steps=measured)
                asked.sent, asked.evaluations = t, 0
                asked.verdict, asked.reason = evaluation.verdict, evaluation.reason
            evaluations.append(evaluation)
        if any_due:
            row: dict[str, Number] = {}
            seen: set[int] = set()
            for runner in asked_now:
                if runner.view not in seen:
                    seen.add(runner.view)
                    view = views.get(runner.view) or self._view(window, runner, t)
                    row.update(runner.plan.shared_row(view.values))
            if row:
                row["mid"] = sound_middle(book)
                rows.append((state.market.key, row))

    def _remember(self, window: _Window, runner: _Runner, evaluation: Evaluation, t: int) -> None:
        """Keep what the data gate refused: most evaluations say the same again each second."""
        book, spot = window.state.book, self._features.history.latest
        changes = -1
        if evaluation.reason in data_gate.OF_FEATURES:
            if self._features.history.as_of > t:  # by a clock that runs ahead of ours: values change with every moment
                window.refusals.pop(runner.id, None)
                return
            changes = self._features.changes
        until = data_gate.stands_until(window.state.market, book, spot, t, runner.limits)
        window.refusals[runner.id] = _Refusal(evaluation, until, book, spot, self._stale, changes)

    def _view(self, window: _Window, runner: _Runner, t: int) -> View:
        features, market = self._features, window.state.market
        history, plan = features.history, runner.plan
        as_of = history.as_of
        if as_of > t:
            as_of = t
        if window.changes != features.changes or window.as_of != as_of:
            window.changes, window.as_of = features.changes, as_of
            window.values = {}
        values = window.values.get(plan.number)
        if values is None:
            values = window.values[plan.number] = features.values(plan, market, as_of)
        return View(
            t,
            as_of,
            market,
            window.state.book,
            history.latest,
            values,
            self._stale_feeds,
            self._stale_tokens,
            market.asset in self._stale_spots,
            self._siblings(window, t) if runner.siblings else (),
            self._costs,
        )

    def _siblings(self, window: _Window, t: int) -> tuple[Sibling, ...]:
        others = [each.state for each in self._followed.values() if each is not window and t < each.state.market.end]
        others.sort(key=lambda each: (each.market.start, each.market.end, each.market.key))
        return tuple(Sibling(each.market, each.book) for each in others)


_HEAR: dict[type, Callable[[Lane, Any], Sequence[_Window]]] = {
    Book: Lane._on_book,
    Spot: Lane._on_spot,
    Clock: Lane._on_clock,
    Trade: Lane._on_trade,
    Market: Lane._on_market,
    Input: Lane._on_input,
}
