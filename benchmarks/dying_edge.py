"""A strategy whose edge dies half-way, replayed whole: is it made small before its drawdown passes the budget?

In the first half the simulated maker is late and errs, and the fair value earns; from then on each new window's maker
is exact and the strategy only pays. The trading line runs with allocator and breakers. The budget is the drawdown at
which the instance is stopped; it must be further from where the breaker reduces than one market may lose.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

import msgspec

from benchmarks.families import THIN, settings_for
from benchmarks.figures import Result
from benchmarks.options import Options
from connectors.simulator.exchange import Exchange, ExchangeParameters
from flows.trading_line.line import TradingLine
from models.contracts import Outcome, RiskEvent
from models.message import Message
from models.money import DOLLAR
from models.portfolio.sections import BreakerSettings
from models.settings import Settings
from models.topics import OUTCOMES, RISK
from tests.recordings import START, journal_of

NAME = "dying_edge"
STRATEGY: Final = "updown_fair_value"
SEEDS = 50
QUICK_SEEDS = 2
SECONDS = 4_212  # fourteen windows of five minutes
QUICK_SECONDS = 912
WORKERS = 2
REDUCE, BUDGET = 100.0, 320.0
QUARTER: Final = 0.25


class Life(msgspec.Struct, frozen=True):
    """One seed. ``peak``, ``fall``: dollars made at best, and the deepest drawdown; ``before``: the size in force when
    the drawdown passed the budget, of the full one; -1 where it never did. ``last``: the size at the end."""

    peak: float
    fall: float
    before: float
    last: float


def measure(options: Options) -> Result:
    """Sizes and drawdowns over the seeds."""
    result = Result(NAME)
    seeds, seconds = (QUICK_SEEDS, QUICK_SECONDS) if options.quick else (SEEDS, SECONDS)
    lives: list[Life] = []
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        for life in pool.map(live, range(seeds), [seconds] * seeds):
            lives.append(life)
            if len(lives) % 10 == 0:
                options.say(f"{len(lives)} of {seeds} seeds")
    result.add("made at best", "$", [each.peak for each in lives])
    result.add("deepest drawdown", "$", [each.fall for each in lives])
    result.add("size at the end, of the full one", "ratio", [each.last for each in lives])
    reduced = [each for each in lives if each.fall >= REDUCE]
    passed = [each for each in lives if each.before >= 0.0]
    late = [each for each in passed if each.before >= QUARTER]
    result.notes.append(f"{len(reduced)} of {len(lives)} fell by {REDUCE:.0f} dollars, {len(passed)} by {BUDGET:.0f}")
    result.notes.append(f"{len(late)} passed the budget at a quarter of the full size or more")
    return result


def live(seed: int, seconds: int) -> Life:
    """One seed from its good half to its end."""

    def watch(exchange: Exchange) -> None:
        if exchange.given.lag_s and exchange.now_ns >= (START + seconds // 2) * 10**9:
            exchange.given = dataclasses.replace(exchange.given, lag_s=0.0, maker_error=0.0)

    parameters = ExchangeParameters(**{**THIN, "seed": seed, "lag_s": 4.0, "maker_error": 0.08})
    events = journal_of(parameters, seconds, watch, START)
    chosen = settings()
    line = TradingLine(chosen)
    realised = chosen.allocation.floor
    breakers: dict[str, float] = {}
    factor = {"clear": 1.0, "reduced": chosen.breakers.factor, "stopped": 0.0}
    made = peak = fall = 0.0
    before = -1.0
    for event in events:
        for out in line.advance(event):
            if not isinstance(out, Message):
                continue
            if out.topic == OUTCOMES:
                made += Outcome.read(out.value).pnl.get(STRATEGY, 0) / DOLLAR
                peak = max(peak, made)
                fall = max(fall, peak - made)
                if before < 0.0 and fall >= BUDGET:
                    before = realised * min(breakers.values(), default=1.0)
            elif out.topic == RISK:
                change = RiskEvent.read(out.value)
                if change.kind == "multiplier" and change.name == STRATEGY:
                    realised = float(change.new)
                elif change.kind == "breaker":
                    breakers[f"{change.subject}:{change.name}"] = factor[change.new]
    return Life(peak, fall, before, realised * min(breakers.values(), default=1.0))


def settings() -> Settings:
    """The strategy alone, with a budget that one market's loss cannot skip."""
    chosen = settings_for(STRATEGY)
    wide = {"own_loss_reduce": 10_000, "own_loss_stop": 10_000, "streak_reduce": 1_000, "streak_stop": 1_000}
    breakers = BreakerSettings(own_drawdown_reduce=REDUCE, own_drawdown_stop=BUDGET, **wide)
    return chosen.model_copy(update={"breakers": breakers})
