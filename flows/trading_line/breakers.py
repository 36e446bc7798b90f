"""The breakers of the desk: what they measure, and whom they stop (``models.portfolio.breakers``).

Each looks at one instance, at a family of instances, or at the portfolio, whose paper (``main``) and real money
(``live``) are measured apart; what stops one of the two stops both. One that reduces makes sizes smaller, one that
stops blocks entries; exits go on. It is released by its own condition or by the operator, who then begins its
measure anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from flows.trading_line.known import MarketCache
from flows.trading_line.members import Announcer, Entry, RiskChange
from flows.trading_line.positions import Account, account_of
from flows.trading_line.reconciliation import Reconciliation
from flows.trading_line.reply import Reply, done, refused, unknown
from flows.trading_line.valuation import equity
from models.accounts import LIVE, MAIN
from models.contracts import Number
from models.control import Command, Release
from models.happenings import Corrected, Filled, Happening, Irregular, RoundClosed
from models.money import DOLLAR, PIP
from models.portfolio.breakers import Breaker, BreakerBounds, Level, Scope, breaker_id
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.statistics.betting import NegativeMean
from models.strategies.instance import all_instances
from models.timestamps import SECOND
from models.trace import Step

MODULE = "gate.breakers"
_OK = Step(MODULE, Verdict.PASS, Reason.OK)
_DAY = 86_400 * SECOND
_IRREGULAR_NS = 600 * SECOND
_SOUND_S = 300
_FILLS = 20  # over which slippage is averaged
_FEWEST_FILLS = 5
_REASONS = {
    "daily_loss": Reason.DAILY_LOSS,
    "drawdown": Reason.DRAWDOWN,
    "loss_streak": Reason.LOSS_STREAK,
    "negative_expectancy": Reason.NEGATIVE_EXPECTANCY,
    "slippage": Reason.SLIPPAGE,
    "fill_anomaly": Reason.FILL_ANOMALY,
    "feed_health": Reason.FEED_HEALTH,
    "reconciliation": Reason.ANOMALY,
}


class Realised(msgspec.Struct):
    """Dollars after costs that an instance, a family or the portfolio came to: on this day, in all, and at its best."""

    day: float = 0.0
    total: float = 0.0
    peak: float = 0.0


class Breakers(Announcer):
    """Hears everything, and objects to entries."""

    module = MODULE

    def __init__(
        self,
        settings: Settings,
        known: MarketCache,
        accounts: Mapping[str, Account],
        reconciliation: Reconciliation,
    ) -> None:
        super().__init__()
        self._known = known
        self._accounts = accounts
        self._reconciliation = reconciliation
        self._breakers: dict[str, Breaker] = {}
        self._families: dict[str, str] = {}
        self._feeds: dict[str, frozenset[str]] = {}
        self._realised: dict[str, Realised] = {}  # "instance:x", "family:y"
        self._streaks: dict[str, int] = {}
        self._tests: dict[str, NegativeMean] = {}
        self._slips: dict[str, list[int]] = {}
        self._irregular: list[int] = []
        self._stale: dict[str, list[int]] = {}  # feed -> seconds at which it was stale
        self._trusted: dict[str, int] = {}  # instance -> second at which its operator released feed_health
        self._day = -1
        self._second = -1
        self._opened: dict[str, int] = {}  # account -> equity at the day's beginning
        self._peak: dict[str, int] = {}
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        self._settings = settings.breakers
        self._capital = settings.portfolio.capital
        for name, each in all_instances(settings).items():
            self._families[name] = each.strategy.family
            self._feeds[name] = each.limits.needs.feeds

    # --- what they measure ---------------------------------------------------------------------------------------

    def on(self, happening: Happening) -> Iterable[Step]:
        if isinstance(happening, RoundClosed):
            return self._on_round(happening)
        if isinstance(happening, Corrected):
            dollars = (happening.payout - happening.paid) / DOLLAR
            return self._on_result(happening.instance, happening.account, dollars, happening.t)
        if isinstance(happening, Filled):
            return self._on_fill(happening)
        if isinstance(happening, Irregular):
            self._irregular.append(happening.t)
            return self._observe("fill_anomaly", "portfolio", MAIN, float(len(self._irregular)), happening.t)
        return ()

    def on_clock(self, t: int) -> Iterable[Step]:
        """Once a second: the day, the portfolio's worth, feeds, and what has grown old."""
        if t // SECOND == self._second:
            return ()
        self._second = t // SECOND
        steps: list[Step] = []
        if t // _DAY != self._day:
            self._day, self._opened = t // _DAY, {}
            for name, realised in self._realised.items():
                realised.day = 0.0
                scope, _, whose = name.partition(":")
                steps.extend(self._observe("daily_loss", _scope(scope), whose, 0.0, t))
        for name in (MAIN, LIVE):
            if name in self._accounts:
                steps.extend(self._on_worth(self._accounts[name], t))
        steps.extend(self._on_feeds(t))
        if self._irregular:
            self._irregular = [each for each in self._irregular if t - each < _IRREGULAR_NS]
            steps.extend(self._observe("fill_anomaly", "portfolio", MAIN, float(len(self._irregular)), t))
        found = float(len(self._reconciliation.differences))
        steps.extend(self._observe("reconciliation", "portfolio", MAIN, found, t))
        for breaker in self._breakers.values():
            expires = self._bounds(breaker).expires
            if expires and breaker.level != "clear" and t - breaker.since >= expires:
                self._begin_anew(breaker)
                steps.extend(self._observe(breaker.kind, breaker.scope, breaker.name, 0.0, t))
        return steps

    def _on_worth(self, account: Account, t: int) -> list[Step]:
        """What the day and the way from the peak have cost an account of the portfolio."""
        name, worth = account.name, equity(account, self._known)
        peak = self._peak[name] = max(self._peak.get(name, 0), worth)
        capital = self._capital if name == MAIN else account.capital / DOLLAR
        loss = (self._opened.setdefault(name, worth) - worth) / DOLLAR / capital if capital > 0 else 0.0
        fall = (peak - worth) / peak if peak > 0 else 0.0
        return [
            *self._observe("daily_loss", "portfolio", name, round(loss, 6), t),
            *self._observe("drawdown", "portfolio", name, round(fall, 6), t),
        ]

    def paid_in(self, account: str, amount: int) -> None:
        """Micro-dollars that an account got from outside, or gave: no gain and no loss."""
        for measure in (self._opened, self._peak):
            if account in measure:
                measure[account] += amount

    def _on_round(self, closed: RoundClosed) -> list[Step]:
        name, t = closed.instance, closed.t
        steps = list(self._on_result(name, closed.account, closed.result / DOLLAR, t))
        if closed.result < 0:
            self._streaks[name] = self._streaks.get(name, 0) + 1
        elif closed.result > 0:
            self._streaks[name] = 0
        steps.extend(self._observe("loss_streak", "instance", name, float(self._streaks.get(name, 0)), t))
        test = self._tests.setdefault(name, NegativeMean())
        test.take(min(closed.per_share, 1.0))
        steps.extend(self._observe("negative_expectancy", "instance", name, test.capital, t))
        return steps

    def _on_result(self, instance: str, account: str, dollars: float, t: int) -> list[Step]:
        """A result of an instance counts for itself and, of what is the portfolio's, for its family."""
        steps: list[Step] = []
        subjects: list[tuple[Scope, str]] = [("instance", instance)]
        if account in (MAIN, LIVE):
            subjects.append(("family", self._families.get(instance, "")))
        for scope, name in subjects:
            realised = self._realised.setdefault(f"{scope}:{name}", Realised())
            realised.day = round(realised.day + dollars, 6)
            realised.total = round(realised.total + dollars, 6)
            realised.peak = max(realised.peak, realised.total)
            steps.extend(self._observe("daily_loss", scope, name, max(-realised.day, 0.0), t))
            fall = round(realised.peak - realised.total, 6)
            steps.extend(self._observe("drawdown", scope, name, fall, t))
        return steps

    def _on_fill(self, filled: Filled) -> list[Step]:
        order, price = filled.order, filled.execution.price
        if order.mid < 0 or order.post_only:
            return []
        worse = price - order.mid if order.side == "buy" else order.mid - price
        slips = self._slips.setdefault(order.instance, [])
        slips.append(worse)
        del slips[:-_FILLS]
        if len(slips) < _FEWEST_FILLS:
            return []
        total = 0
        for each in slips:
            total += each
        mean = round(total / len(slips) / PIP, 6)
        return list(self._observe("slippage", "instance", order.instance, max(mean, 0.0), filled.t))

    def _on_feeds(self, t: int) -> list[Step]:
        """Seconds of the last five minutes at which a feed that an instance needs was stale."""
        second = t // SECOND
        for feed in sorted(self._known.stale_feeds):
            self._stale.setdefault(feed, []).append(second)
        for feed in [feed for feed, seconds in self._stale.items() if seconds[-1] <= second - _SOUND_S]:
            del self._stale[feed]
        for seconds in self._stale.values():
            while seconds and seconds[0] <= second - _SOUND_S:
                del seconds[0]
        steps: list[Step] = []
        for name, feeds in self._feeds.items():
            since = self._trusted.get(name, -1)
            value = max((_later(self._stale.get(feed, ()), since) for feed in feeds), default=0)
            if value or breaker_id("feed_health", "instance", name) in self._breakers:
                steps.extend(self._observe("feed_health", "instance", name, float(value), t))
        return steps

    def _bounds(self, breaker: Breaker) -> BreakerBounds:
        return self._settings.bounds(breaker.kind, own=breaker.scope != "portfolio")

    def _observe(self, kind: str, scope: Scope, name: str, value: float, t: int) -> Iterable[Step]:
        bounds = self._settings.bounds(kind, own=scope != "portfolio")
        key = breaker_id(kind, scope, name)
        breaker = self._breakers.get(key)
        if breaker is None:
            if bounds.level(value) == "clear":
                return ()
            breaker = self._breakers[key] = Breaker(kind, scope, name)
        before = breaker.observe(value, t, bounds)
        if before is None:
            return ()
        reason = _REASONS[kind] if breaker.level != "clear" else Reason.RELEASED
        return (self._changed(breaker, before, reason, {"value": value, "reduce": bounds.reduce, "stop": bounds.stop}),)

    def _changed(self, breaker: Breaker, before: Level, reason: Reason, numbers: dict[str, Number]) -> Step:
        what = {"clear": "at full size again", "reduced": "at reduced size", "stopped": "stopped"}[breaker.level]
        text = f"{breaker.kind.replace('_', ' ')} of {breaker.scope} {breaker.name}: entries {what}."
        self.announce(
            RiskChange(
                "breaker", breaker.kind, breaker.scope, breaker.name, before, breaker.level, reason, text, numbers
            )
        )
        verdict = Verdict.PASS if breaker.level == "clear" else Verdict.BLOCK
        return Step(MODULE, verdict, reason, {"breaker": breaker.id, "level": breaker.level, **numbers})

    # --- what follows from it ------------------------------------------------------------------------------------

    def gates(self, entry: Entry) -> Iterable[Step]:
        for breaker in self._over(entry.instance.id):
            if breaker.level == "stopped":
                numbers: dict[str, Number] = {
                    "breaker": breaker.id,
                    "value": breaker.value,
                    "bound": self._bounds(breaker).release,
                    "since": breaker.since,
                }
                return (Step(MODULE, Verdict.BLOCK, _REASONS[breaker.kind], numbers),)
        return (_OK,)

    def multiplier(self, instance: str) -> float:
        least = 1.0
        for breaker in self._over(instance):
            least = min(least, {"clear": 1.0, "reduced": self._settings.factor, "stopped": 0.0}[breaker.level])
        return least

    def stopped(self) -> bool:
        """Whether a breaker of the whole portfolio stops entries."""
        return any(each.level == "stopped" and each.scope == "portfolio" for each in self._breakers.values())

    def obey(self, command: Command, t: int) -> Reply | None:
        do = command.do
        if not isinstance(do, Release) or not do.what.startswith("breaker:"):
            return None
        asked = do.what.removeprefix("breaker:")
        breaker = self._breakers.get(asked)
        if breaker is None or breaker.level == "clear":
            standing = [each.id for each in self._breakers.values() if each.level != "clear"]
            if asked in self._ids():
                return refused(MODULE, command, Reason.NOTHING_TO_DO, f"the breaker {asked} does not stand.")
            return unknown(MODULE, command, "breaker", asked, standing)
        before = breaker.level
        self._begin_anew(breaker)
        breaker.release(t)
        breaker.value = 0.0
        self._changed(breaker, before, Reason.RELEASED, {"by": command.by, "why": do.why})
        return done(MODULE, command, f"the breaker {breaker.id} is released, its measure begins anew.")

    def _ids(self) -> frozenset[str]:
        """Every breaker that there could be."""
        subjects: list[tuple[Scope, str]] = [("portfolio", MAIN), ("portfolio", LIVE)]
        subjects.extend(("instance", name) for name in sorted(self._families))
        subjects.extend(("family", name) for name in sorted(set(self._families.values())))
        return frozenset(breaker_id(kind, scope, name) for kind in _REASONS for scope, name in subjects)

    def _begin_anew(self, breaker: Breaker) -> None:
        name = breaker.name
        if breaker.scope == "portfolio":
            if breaker.kind == "daily_loss":
                self._opened[name] = equity(self._accounts[name], self._known)
            elif breaker.kind == "drawdown":
                self._peak[name] = equity(self._accounts[name], self._known)
            elif breaker.kind == "fill_anomaly":
                self._irregular = []
            return
        realised = self._realised.setdefault(f"{breaker.scope}:{name}", Realised())
        if breaker.kind == "daily_loss":
            realised.day = 0.0
        elif breaker.kind == "drawdown":
            realised.peak = realised.total
        elif breaker.kind == "loss_streak":
            self._streaks[name] = 0
        elif breaker.kind == "negative_expectancy":
            self._tests[name] = NegativeMean()
        elif breaker.kind == "slippage":
            self._slips[name] = []
        elif breaker.kind == "feed_health":
            self._trusted[name] = self._second

    def gauges(self) -> dict[str, Number]:
        """By breaker that stands or was near: its level, with its value beside it."""
        numbers: dict[str, Number] = {}
        for each in self._breakers.values():
            numbers[f"level:{each.id}"] = each.level
            numbers[f"value:{each.id}"] = each.value
            if each.level != "clear":
                numbers[f"since:{each.id}"] = each.since
        return numbers

    def _over(self, instance: str) -> Iterable[Breaker]:
        """The breakers that an entry of the instance has to ask; a paper twin's money is not the portfolio's."""
        family = self._families.get(instance, "")
        is_twin = account_of(self._accounts, instance) is not self._accounts[MAIN]
        for each in self._breakers.values():
            if each.level == "clear":
                continue
            if each.scope == "instance":
                if each.name == instance:
                    yield each
            elif not is_twin and (each.scope == "portfolio" or each.name == family):
                yield each


def _later(seconds: Sequence[int], since: int) -> int:
    """How many of them, which are in order, are after ``since``."""
    return len(seconds) - bisect_right(seconds, since)


def _scope(text: str) -> Scope:
    return "family" if text == "family" else "instance"
