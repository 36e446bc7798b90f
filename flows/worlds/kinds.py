"""The kinds of worlds: what the exchange is like in each, and the one instance that trades there.

All kinds share one thin exchange (one underlying, windows of five minutes, a step each quarter of a minute) and one
instance: the favourite near the end, bought whenever its own fair value is above the price by anything after costs. Its
own fair value errs, so it trades in every kind.

- ``null``: the maker is exact and quotes its fair value; only costs are on.
- ``edge``: near the end the maker quotes the favourite's lead over a half too small by half. Net of all costs the
  instance makes about twice what it pays.
- ``dying``: an edge until half-way, and from there on a null.
"""

from __future__ import annotations

import dataclasses
from typing import Final, Literal, get_args

import msgspec

from connectors.clock import NS
from connectors.simulator.archiving import START
from connectors.simulator.direct import Watch
from connectors.simulator.effects import NO_EFFECTS, Effects
from connectors.simulator.exchange import Exchange, ExchangeParameters
from models.failures import Failure
from models.overriding import overridden
from models.promotion.sections import PromotionSettings
from models.settings import Feeds, Settings
from models.strategies.instance import InstanceTable
from models.strategies.registry import STRATEGIES

WorldKind = Literal["null", "edge", "dying"]
KINDS: Final[tuple[WorldKind, ...]] = get_args(WorldKind)
#: Seeds below are for development and prove nothing; from here on they were never looked at before a proof.
PROOF_SEEDS: Final = 30_000
INSTANCE: Final = "carry"
STRATEGY: Final = "expiry_carry"
STAKE: Final = 20.0  # dollars a market
#: What the instance may lose from its peak once its edge is dead: ten stakes, as 10% of the default capital is ten
#: default orders, at which the portfolio's own breaker stops entries.
BUDGET: Final = 10 * STAKE
BIAS: Final = 0.5
#: The rules of promotion by their defaults; an instance falls a state at half its budget, as by default it does at half
#: of what stops it.
RULES: Final = PromotionSettings(drawdown=BUDGET / 2)
#: Seconds between two steps of the exchange, and two ticks of the recorder, which the settings do not allow: so much
#: less is to be done. Whatever is older than four of them is what these worlds call stale.
STEP_S: Final = 15
STALE_S: Final = 4 * STEP_S
FEEDS: Final = Feeds(assets=["BTC"], horizons=["5m"], ahead_s=5).model_copy(update={"clock_ms": STEP_S * 1_000})
THIN: Final = ExchangeParameters(
    assets=("BTC",),
    horizons=("5m",),
    lag_s=0.0,
    maker_error=0.0,
    frames_per_s=1 / STEP_S,
    resolution_delay_s=2.0,
    spread_ticks=10,
    steps_per_s=1,
    step_s=STEP_S,
    activity=0.05,
    ticker_s=STALE_S,
    heartbeat_s=3 * STEP_S,
)


class World(msgspec.Struct, frozen=True):
    """A world: its kind, its seed, and how many simulated hours it lasts at most."""

    kind: WorldKind
    seed: int
    hours: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.seed}"

    @property
    def begin(self) -> int:
        """Unix second at which it begins, on the hour."""
        return START

    @property
    def until(self) -> int:
        """Unix second at which it ends at the latest."""
        return self.begin + self.hours * 3600

    @property
    def dies(self) -> int | None:
        """Unix second at which its edge dies; None where it does not."""
        return self.begin + self.hours // 2 * 3600 if self.kind == "dying" else None


def kind_of(word: str) -> WorldKind:
    """Raises Failure for what is no kind."""
    for kind in KINDS:
        if word == kind:
            return kind
    raise Failure(f"there are no worlds of kind {word}.", f"There are {', '.join(KINDS)}.")


def exchange_of(world: World) -> ExchangeParameters:
    """The exchange of a world at its beginning."""
    effects = NO_EFFECTS if world.kind == "null" else Effects(favourite_bias=BIAS)
    return dataclasses.replace(THIN, seed=world.seed, effects=effects)


def watch_of(world: World) -> Watch | None:
    """What changes the exchange on the way: windows that are listed after the edge's death have none."""
    dies = world.dies
    if dies is None:
        return None

    def watch(exchange: Exchange) -> None:
        if exchange.given.effects is not NO_EFFECTS and exchange.now_ns >= dies * NS:
            exchange.given = dataclasses.replace(exchange.given, effects=NO_EFFECTS)

    return watch


#: One size a market, wide quotes allowed, and no book stale that is merely quiet.
_TRADING: Final[dict[str, float]] = {
    "portfolio.capital": 10_000_000,
    "portfolio.kelly_fraction": 1,
    "portfolio.cap_order": STAKE,
    "portfolio.cap_market": STAKE,
    "portfolio.cap_strategy": 1_000_000,
    "portfolio.cap_total": 1_000_000,
    "portfolio.max_spread": 0.5,
    "portfolio.stale_s": STALE_S,
    "checks.max_spread": 0.5,
    "checks.stale_feed_s": STALE_S,
    "checks.stale_book_s": STALE_S,
    "execution.max_slippage": 0.5,
    "allocation.enabled": 0,
}
#: Bounds that are never reached: what judges here are the rules of promotion alone.
_UNGUARDED: Final[dict[str, float]] = {
    **{f"concentration.{key}": 1_000_000 for key in ("cap_family", "cap_underlying", "cap_expiry")},
    **{f"breakers.{kind}_{what}": 1 for kind in ("daily_loss", "drawdown", "slippage") for what in ("reduce", "stop")},
    **{
        f"breakers.{kind}_{what}": 1_000_000
        for kind in ("own_loss", "own_drawdown", "streak")
        for what in ("reduce", "stop")
    },
    **{f"breakers.expectancy_{what}": 1e-12 for what in ("reduce", "stop")},
}


def settings() -> Settings:
    """One instance, a paper twin on an account of its own, at one size; allocator and breakers never step in."""
    eager: dict[str, bool | int | float | str] = {"haircut": 0.0, "min_edge": 0.0, "min_chance": 0.6, "give_up": 0.0}
    off = (InstanceTable(id=name, strategy=name, parameters={"enabled": False}) for name in STRATEGIES)
    only = InstanceTable(id=INSTANCE, strategy=STRATEGY, state="twin", parameters=eager)
    words = [f"{key}={value}" for key, value in (*_TRADING.items(), *_UNGUARDED.items())]
    return overridden(Settings(instances=(*off, only)), words).replayed()
