"""One world, from its first frame to the last decision on its instance.

The exchange's frames go through the recorder's doors, the market line and the trading line, as in a run, in one
process and as fast as it goes; what comes out is judged after every settlement.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import msgspec

from connectors.clock import NS
from connectors.simulator.direct import DirectRecording
from connectors.venues.paper.venue import PaperVenue
from connectors.venues.routing import RoutingVenue
from flows.market_line.line import MarketLine
from flows.trading_line.line import TradingLine
from flows.trading_line.paper_rules import rules_of
from flows.worlds.judge import Judge, StateChange
from flows.worlds.kinds import FEEDS, STEP_S, World, exchange_of, settings, watch_of
from models.bounds import bounds_of
from models.contracts import Fill, Outcome
from models.journal import Spot, decode_event
from models.message import Message, Stored
from models.money import DOLLAR
from models.settings import Settings
from models.topics import FILLS, JOURNAL, OUTCOMES


class WorldResult(msgspec.Struct, frozen=True):
    """What became of a world. ``steps``: the instance's changes of state. ``observations``: the net dollars a share of
    each observation. ``promoted_h``, ``demoted_h``: hours from the beginning until it was active, and from the death of
    its edge until it was reduced or disabled; None where it never was. ``budget_h``: hours from the death until the
    drawdown budget was spent; None where it never was. ``drawdown``: from the peak since the death, dollars at the size
    that its state gave it, until it was demoted. ``hours`` lasted, in ``seconds`` of the processor. ``net``, ``fees``:
    dollars at the full size."""

    world: World
    steps: list[StateChange]
    observations: list[float]
    fills: int
    net: float
    fees: float
    e_value: float
    promoted_h: float | None
    demoted_h: float | None
    budget_h: float | None
    drawdown: float
    hours: float
    seconds: float = 0.0

    @property
    def state_at_death(self) -> str:
        """Its state when its edge died."""
        dies = self.world.dies
        before = [each.new for each in self.steps if dies is not None and each.t < dies * NS]
        return before[-1] if before else "shadow"


class _Life:
    """Hears what the exchange says, and carries it to the judge."""

    def __init__(self, world: World, judge: Judge) -> None:
        self.world = world
        self.judge = judge
        chosen = settings()
        self._market = MarketLine(bounds_of(chosen.checks), chosen.portfolio_name, chosen.telemetry.interval)
        self._trading = TradingLine(chosen, _venue(chosen))
        self._offsets: dict[str, int] = {}
        self.fills = self.fees = self.net = 0
        self.own = self.peak = self.drawdown = 0  # of the net at the size that it had
        self.budget: int | None = None  # Unix ns at which it was spent
        self.price = 0.0  # of spot, as last seen

    def put(self, message: Message) -> None:
        """A feed record, as a recorder hands it on."""
        offset = self._offsets.get(message.topic, 0)
        self._offsets[message.topic] = offset + 1
        stored = Stored(message.topic, 0, offset, message.key, message.value, message.t_ns, envelope=message.envelope)
        for out in self._market.advance(stored):
            if isinstance(out, Message) and out.topic == JOURNAL:
                self._hear(out.value)

    def _hear(self, event: bytes) -> None:
        decoded = decode_event(event)
        if isinstance(decoded, Spot):
            self.price = decoded.price
        for out in self._trading.advance(decoded):
            if not isinstance(out, Message):
                continue
            if out.topic == FILLS:
                fill = Fill.read(out.value)
                self.fills += 1
                self.fees += fill.fee
                self.judge.fill(fill)
            elif out.topic == OUTCOMES:
                outcome = Outcome.read(out.value)
                for made in outcome.pnl.values():
                    self._book(made, outcome.timestamp)
                self.judge.settled(outcome)

    def _book(self, made: int, t: int) -> None:
        self.net += made
        self.own += round(made * self.judge.share)
        self.peak = max(self.peak, self.own)
        dies = self.world.dies
        if dies is None or t < dies * NS or self.judge.demoted_since(dies * NS) is not None:
            return
        self.drawdown = max(self.drawdown, self.peak - self.own)
        if self.budget is None and self.drawdown >= self.judge.budget:
            self.budget = t


def _venue(chosen: Settings) -> RoutingVenue:
    """Paper, where what came within two ticks counts as observed, and ticks are as far apart as these worlds' are."""
    return RoutingVenue(PaperVenue(msgspec.structs.replace(rules_of(chosen), tick=STEP_S * NS)))


def play(world: World, judge: Judge, progress: Callable[[float], None] = lambda share: None) -> WorldResult:
    """Live a world until its question is answered, or its hours are over: a null and an edge until it is active, or
    cannot be in time; an edge that died until it is demoted or has spent its budget."""
    life = _Life(world, judge)
    begin, until = world.begin, world.until

    def each_second(second: int) -> bool:
        if second % 60:
            return True
        judge.minute(second * NS, life.price)
        progress((second - begin) / (until - begin))
        return not _answered(life, second)

    recording = DirectRecording(exchange_of(world), begin, FEEDS, life, "w", guarded=False, watch=watch_of(world))
    asyncio.run(recording.run(until, each_second))
    return _result(life, recording.core.now_ns // NS)


def _answered(life: _Life, second: int) -> bool:
    world, judge = life.world, life.judge
    if world.kind != "dying":
        return judge.active_at() is not None or _is_late(world, judge, second)
    dies = world.dies
    assert dies is not None
    if second < dies:
        return False
    return judge.demoted_since(dies * NS) is not None or life.budget is not None


def _is_late(world: World, judge: Judge, second: int) -> bool:
    """Whether it cannot become active any more before its hours are over. Those that never could are lived whole."""
    return world.hours * 3600 * NS > judge.dwell and judge.earliest_active(second * NS) > world.until * NS


def _result(life: _Life, ended: int) -> WorldResult:
    world, judge = life.world, life.judge
    dies = world.dies
    active = judge.active_at()
    demoted = judge.demoted_since(dies * NS) if dies is not None else None
    return WorldResult(
        world=world,
        steps=judge.steps,
        observations=judge.observations(),
        fills=life.fills,
        net=life.net / DOLLAR,
        fees=life.fees / DOLLAR,
        e_value=judge.e_value(),
        promoted_h=_hours(active, world.begin),
        demoted_h=_hours(demoted, dies),
        budget_h=_hours(life.budget, dies),
        drawdown=life.drawdown / DOLLAR,
        hours=(ended - world.begin) / 3600,
    )


def _hours(t: int | None, since: int | None) -> float | None:
    return None if t is None or since is None else math.floor((t - since * NS) / NS / 36) / 100
