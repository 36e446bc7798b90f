"""Why a market did not trade in the last minutes: evaluations, and where each of them ended.

Counts come from scan rows. A row goes out whenever verdict or reason changes, so of the evaluations it stands for all
but the last were like the row before it. What is wanted of an edge are entries: an evaluation of quotes wants one on
each side, some want none, and refusals that repeat the last one are told with the next.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, Literal

import msgspec

from api.server.views.markets import FunnelStep, FunnelView
from models.contracts import Decision, Fill, Scan
from models.reasons import Verdict
from models.timestamps import SECOND

MINUTES: Final = 60
_MINUTE_NS: Final = 60 * SECOND


class _Minute(msgspec.Struct):
    judged: dict[tuple[str, str], int] = {}  # (verdict, reason) -> evaluations
    refused: dict[tuple[str, str], int] = {}  # (module, reason) -> entries
    entered: int = 0
    filled: set[str] = set()  # decisions that bought something
    nearest: tuple[float, float, float, str, str] | None = None  # normalised, score, threshold, unit, strategy


class Funnel:
    """Minutes by market, and in each by strategy."""

    def __init__(self) -> None:
        self._minutes: dict[str, dict[int, dict[str, _Minute]]] = {}
        self._last: dict[tuple[str, str], tuple[str, str]] = {}

    def scan(self, scan: Scan) -> None:
        minute = self._minute(scan.market_key, scan.strategy, scan.timestamp)
        key = (scan.strategy, scan.market_key)
        now = (str(scan.verdict), str(scan.reason))
        before = self._last.get(key, now)
        self._last[key] = now
        if scan.evaluations > 1:
            minute.judged[before] = minute.judged.get(before, 0) + scan.evaluations - 1
        minute.judged[now] = minute.judged.get(now, 0) + 1
        if scan.verdict == Verdict.HOLD and scan.reason == "below_threshold":
            near = (scan.normalised, scan.score, scan.threshold, scan.unit, scan.strategy)
            if minute.nearest is None or near[0] > minute.nearest[0]:
                minute.nearest = near

    def decision(self, decision: Decision) -> None:
        minute = self._minute(decision.market_key, decision.strategy, decision.timestamp)
        if decision.action == "enter":
            minute.entered += 1
        elif decision.action == "block" and decision.spans and decision.spans[0].module != "exits":
            key = (decision.spans[-1].module, str(decision.reason))
            minute.refused[key] = minute.refused.get(key, 0) + 1 + decision.repeats

    def fill(self, fill: Fill) -> None:
        if fill.side == "buy":
            self._minute(fill.market_key, fill.strategy, fill.timestamp).filled.add(fill.decision)

    def view(self, market: str, title: str, minutes: int, now_ns: int, strategy: str = "") -> FunnelView:
        """Of one market; of one ``strategy`` there, or of all."""
        kept = self._of(market, minutes, now_ns, strategy)
        judged: Counter[tuple[str, str]] = Counter()
        refused: Counter[tuple[str, str]] = Counter()
        for each in kept:
            judged.update(each.judged)
            refused.update(each.refused)
        entered = sum(each.entered for each in kept)
        data = {r: n for (v, r), n in judged.items() if v == Verdict.BLOCK or (v == Verdict.HOLD and r in _WAITING)}
        edge = {r: n for (v, r), n in judged.items() if v == Verdict.HOLD and r not in _WAITING}
        passed = sum(n for (v, _), n in judged.items() if v == Verdict.PASS)
        gates = {f"{reason} ({module})": n for (module, reason), n in refused.items() if module != "sizing"}
        sized = {reason: n for (module, reason), n in refused.items() if module == "sizing"}
        total = sum(judged.values())
        fit = total - sum(data.values())
        steps = [
            _step("evaluations", total, {}),
            _step("data fit to judge", fit, data),
            _step("edge above the threshold", passed, edge),
            _step("entries wanted", entered + sum(refused.values()), {}, "entries"),
            _step("gates passed", entered + sum(sized.values()), gates, "entries"),
            _step("sized and ordered", entered, sized, "entries"),
            _step("of them bought", len(set[str]().union(*(each.filled for each in kept))), {}, "entries"),
        ]
        nearest = max((each.nearest for each in kept if each.nearest is not None), default=None)
        return FunnelView(market_key=market, market=title, minutes=minutes, steps=steps, nearest=_miss(nearest))

    def markets(self, minutes: int, now_ns: int, strategy: str = "") -> list[str]:
        """Markets that were evaluated in the last ``minutes``, by one ``strategy`` or any."""
        return sorted(key for key in self._minutes if self._of(key, minutes, now_ns, strategy))

    def _of(self, market: str, minutes: int, now_ns: int, strategy: str) -> list[_Minute]:
        first = now_ns // _MINUTE_NS - minutes + 1
        found = []
        for at, by_strategy in self._minutes.get(market, {}).items():
            if at >= first:
                found += [each for name, each in by_strategy.items() if strategy in ("", name)]
        return found

    def _minute(self, market: str, strategy: str, t: int) -> _Minute:
        minutes = self._minutes.setdefault(market, {})
        at = t // _MINUTE_NS
        known = minutes.get(at)
        if known is None:
            known = minutes[at] = {}
            for old in [each for each in minutes if each <= at - MINUTES]:
                del minutes[old]
            for key in [key for key, kept in self._minutes.items() if max(kept) <= at - MINUTES]:
                del self._minutes[key]
                for pair in [pair for pair in self._last if pair[1] == key]:
                    del self._last[pair]
        return known.setdefault(strategy, _Minute())


_Counted = Literal["evaluations", "entries"]
_WAITING: Final = frozenset({"not_started", "expired"})


def _step(name: str, count: int, lost: dict[str, int], of: _Counted = "evaluations") -> FunnelStep:
    return FunnelStep(step=name, count=count, lost=dict(sorted(lost.items(), key=lambda each: -each[1])), of=of)


def _miss(nearest: tuple[float, float, float, str, str] | None) -> str:
    if nearest is None:
        return ""
    _, score, threshold, unit, strategy = nearest
    per = "a pair" if "pair" in unit else "a share"
    needed = f"{threshold * 100:.2f}"
    had = f"{score * 100:+.2f}"
    if had.lstrip("+") == needed:  # a miss by less than what two digits show
        had = f"{score * 100:+.4f}"
    return f"nearest miss: {strategy} had {had} ¢ {per} after costs, needed more than {needed} ¢"
