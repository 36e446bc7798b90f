"""Every family of strategies on simulated worlds: what it earns where its effect is planted, and loses where it is not.

Each seed is one asset's ten minutes through the market line, the trading line and the paper venue, with the
family alone on its account. Worth is not the windows' chance result but its mean given the prices so far: each fill is
valued by the exact fair value at that moment, which is a martingale, so that the mean is the same as at settlement and
needs fewer seeds; what settlement gave is told beside it. Costs are taker fees and the way to the price from
the mid that the order met: an order is filled when the price did not run away meanwhile, so the mid it was decided on
flatters.
"""

from __future__ import annotations

import bisect
import math
import statistics
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Final

import msgspec

from benchmarks.figures import Result
from benchmarks.options import Options
from connectors.simulator.effects import Effects
from connectors.simulator.exchange import Exchange, ExchangeParameters
from flows.trading_line.line import TradingLine
from models.contracts import Fill, Outcome
from models.journal import AnyEvent
from models.message import Message
from models.money import DOLLAR, PIP, SHARE
from models.settings import Settings
from models.strategies.instance import InstanceTable
from models.strategies.registry import STRATEGIES
from models.topics import FILLS, OUTCOMES
from tests.recordings import START, journal_of

NAME = "families"
SEEDS = 40
QUICK_SEEDS = 2
QUICK_SECONDS = 100
WORKERS = 2


class World(msgspec.Struct, frozen=True):
    """What is planted, and the families that are tried there. ``planted``: whether their effects are; ``begin``: where
    it begins, seconds after a quarter of an hour does; ``seconds``: how long it is."""

    name: str
    planted: bool
    families: tuple[str, ...]
    exchange: dict[str, Any]
    begin: int = 0
    seconds: int = 612  # two windows of five minutes and their resolutions


#: A world with few updates a second, so that many are had in minutes. Its maker is exact.
THIN: Final[dict[str, Any]] = {
    "lag_s": 0.0, "horizons": ("5m",), "frames_per_s": 2.0, "resolution_delay_s": 2.0, "steps_per_s": 5,
}  # fmt: skip
_ALL_BUT_TWO: Final = tuple(each for each in STRATEGIES if each not in ("quote_fair", "window_consistency"))
#: ``parity`` has no effect of its own: the simulated books mirror each other, as the real ones do.
WORLDS: Final = (
    World(
        "a maker that is late and errs",
        True,
        ("updown_fair_value", "parity"),
        {"lag_s": 4.0, "maker_error": 0.08},
    ),
    World(
        "a maker that errs in each window apart",
        True,
        ("window_consistency",),
        {"maker_error": 0.08, "horizons": ("5m", "15m")},
        begin=530,  # only the last window of five minutes ends with the one of fifteen
        seconds=382,
    ),
    World(
        "a late maker whose depth leans to where it goes",
        True,
        ("lead_lag", "book_imbalance"),
        {"lag_s": 4.0, "effects": Effects(imbalance=0.85)},
    ),
    World("quotes that jump and come back", True, ("overreaction",), {"effects": Effects(overreaction=0.15)}),
    World("a favourite that is too cheap", True, ("expiry_carry",), {"effects": Effects(favourite_bias=0.1)}),
    World(
        "a wide spread and many takers who know nothing",
        True,
        ("quote_fair",),
        {"spread_ticks": 8, "activity": 5.0},
    ),
    World("exact quotes", False, _ALL_BUT_TWO, {}),
    World(
        "exact quotes in both windows",
        False,
        ("window_consistency",),
        {"horizons": ("5m", "15m")},
        begin=530,
        seconds=382,
    ),
    World(
        "takers who know better than the maker",
        False,
        ("quote_fair",),
        {"lag_s": 1.0, "effects": Effects(toxic=2.0)},
    ),
)


class Made(msgspec.Struct, frozen=True):
    """Dollars of one seed. ``net``: by the exact fair value, after fees; ``settled``: by the results; ``costs``: fees
    and the way from the mid that was met."""

    fills: int
    net: float
    settled: float
    costs: float


def measure(options: Options) -> Result:
    """Dollars a seed, for every family, with its effect and without."""
    result = Result(NAME)
    seeds = QUICK_SEEDS if options.quick else SEEDS
    jobs = [(number, seed, options.quick) for number in range(len(WORLDS)) for seed in range(seeds)]
    made: dict[tuple[int, str], list[Made]] = {}
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        for (number, seed, _), found in zip(jobs, pool.map(_run, jobs), strict=True):
            for name, each in found.items():
                made.setdefault((number, name), []).append(each)
            if seed == seeds - 1:
                options.say(f"{WORLDS[number].name}: {seeds} seeds")
    for name in STRATEGIES:
        for number, world in enumerate(WORLDS):
            if name in world.families:
                _add(result, f"{name}, {world.name}", made[number, name])
    return result


def _add(result: Result, where: str, made: list[Made]) -> None:
    net, costs = [each.net for each in made], [each.costs for each in made]
    result.add(f"{where}: net", "$ a seed", net)
    before = [each.net + each.costs for each in made]
    fills = math.fsum(each.fills for each in made) / len(made)
    result.notes.append(
        f"{where}: net {interval(net)}, costs {statistics.fmean(costs):.2f}, before costs {interval(before)}, "
        f"settled {interval([each.settled for each in made])}, {fills:.1f} fills a seed"
    )


def _run(job: tuple[int, int, bool]) -> dict[str, Made]:
    number, seed, is_quick = job
    return play(WORLDS[number], seed, QUICK_SECONDS if is_quick else WORLDS[number].seconds)


def play(world: World, seed: int, seconds: int) -> dict[str, Made]:
    """One seed of a world: what each of its families made, each alone on the same journal."""
    exact = _Exact()
    parameters = ExchangeParameters(**{**THIN, "seed": seed, **world.exchange})
    events = journal_of(parameters, seconds, exact.watch, START + world.begin)
    return {name: _trade(name, events, exact) for name in world.families}


def _trade(name: str, events: list[AnyEvent], exact: _Exact) -> Made:
    line = TradingLine(settings_for(name))
    fills: list[Fill] = []
    paid: dict[str, Outcome] = {}
    for event in events:
        for out in line.advance(event):
            if isinstance(out, Message) and out.topic == FILLS:
                fills.append(Fill.read(out.value))
            elif isinstance(out, Message) and out.topic == OUTCOMES:
                outcome = Outcome.read(out.value)
                paid[outcome.market_key] = outcome
    return _sum([fill for fill in fills if fill.market_key in paid], paid, exact)


def settings_for(name: str) -> Settings:
    """The family alone, active, by its defaults."""
    return Settings(
        instances=tuple(
            InstanceTable(id=each, strategy=each, state="active", parameters={"enabled": each == name})
            for each in STRATEGIES
        )
    ).replayed()


class _Exact:
    """The exact fair value of Up by market and time."""

    def __init__(self) -> None:
        self._times: dict[str, list[int]] = {}
        self._fair: dict[str, list[float]] = {}

    def watch(self, exchange: Exchange) -> None:
        for slug, market in exchange.markets.items():
            if market.open and market.window.start * 10**9 <= exchange.now_ns:
                self._times.setdefault(slug, []).append(exchange.now_ns)
                self._fair.setdefault(slug, []).append(market.exact)

    def of(self, fill: Fill) -> float:
        """A share's worth when it was filled, dollars."""
        place = bisect.bisect_right(self._times[fill.market_key], fill.timestamp) - 1
        up = self._fair[fill.market_key][place]
        return up if fill.outcome == "Up" else 1.0 - up


def _sum(fills: list[Fill], paid: dict[str, Outcome], exact: _Exact) -> Made:
    net, settled, costs = [], [], []
    for fill in fills:
        sign = 1.0 if fill.side == "buy" else -1.0
        shares, fee = fill.size / SHARE, fill.fee / DOLLAR
        price = fill.gross / fill.size  # micro-dollars a micro-share
        outcome = paid[fill.market_key]
        payout = (outcome.payout_up if fill.outcome == "Up" else outcome.payout_down) / PIP
        net.append(sign * shares * (exact.of(fill) - price) - fee)
        settled.append(sign * shares * (payout - price) - fee)
        met = fill.mid if fill.mid >= 0 else fill.decision_mid  # a quote does not meet a book
        way = sign * (price - met / PIP) if met >= 0 else 0.0
        costs.append(shares * way + fee)
    return Made(len(fills), math.fsum(net), math.fsum(settled), math.fsum(costs))


def interval(values: list[float]) -> str:
    """The mean with its 95% interval, for people."""
    mean = statistics.fmean(values)
    half = 1.96 * statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{mean:+.2f} [{mean - half:+.2f}, {mean + half:+.2f}]"
