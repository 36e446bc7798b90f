"""The core of the simulated exchange: everything that happens, on a fixed grid of simulated time. Pure and seeded.

Two cores with the same parameters and start emit the same frames, whoever listens. The servers only carry them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from connectors.polymarket.windows import SECONDS, window
from connectors.simulator.effects import NO_EFFECTS, Effects
from connectors.simulator.emission import Emission
from connectors.simulator.fairvalue import FairValue, sample_count
from connectors.simulator.latent import START_PRICE, LatentPrice, VariancePath
from connectors.simulator.spotbook import SpotBook, heartbeat
from connectors.simulator.standing import ExchangeStanding
from connectors.simulator.updown import Maker, UpDownMarket
from models.settings import Feeds, Simulator

NS: Final = 1_000_000_000
_NOTED_S: Final = 120  # of its prices: as many as any average of a start or an end asks for
PRE_ROLL_S: Final = 120  # latent prices before the oldest open window, for its strike
EARLY_S: Final = 150  # a market is announced this long before the window before it opens
KEEP_S: Final = 1800  # a resolved market can be asked for this much longer
FORGET_S: Final = 4 * 3600  # and one that never resolves for this long after its end


@dataclass(frozen=True)
class ExchangeParameters:
    """Everything the core depends on besides its start. ``steps_per_s``: the grid; with one a second, ``step_s`` makes
    each step last so many. ``activity``: how often the market's depth changes and takers come, of what is usual;
    ``ticker_s``, ``heartbeat_s``: between two of Coinbase's."""

    seed: int = 7
    assets: tuple[str, ...] = ("BTC",)
    horizons: tuple[str, ...] = ("5m", "15m")
    lag_s: float = 0.4
    maker_error: float = 0.0
    volatility: float = 0.5
    frames_per_s: float = 40.0
    resolution_delay_s: float = 20.0
    spread_ticks: int = 1
    steps_per_s: int = 20
    step_s: int = 1
    effects: Effects = NO_EFFECTS
    activity: float = 1.0
    ticker_s: int = 1
    heartbeat_s: int = 1

    def __post_init__(self) -> None:
        if self.step_s > 1 and self.steps_per_s > 1:
            raise ValueError("step_s is for one step a second")

    @property
    def grid_s(self) -> float:
        """Seconds from one step to the next."""
        return self.step_s / self.steps_per_s


def parameters(simulator: Simulator, feeds: Feeds) -> ExchangeParameters:
    """The core's parameters from the configuration."""
    return ExchangeParameters(
        seed=simulator.seed,
        assets=tuple(feeds.assets),
        horizons=tuple(feeds.horizons),
        lag_s=simulator.lag_s,
        maker_error=simulator.maker_error,
        volatility=simulator.volatility,
        frames_per_s=simulator.frames_per_s,
        resolution_delay_s=simulator.resolution_delay_s,
        spread_ticks=simulator.spread_ticks,
        effects=Effects(
            imbalance=simulator.imbalance,
            overreaction=simulator.overreaction,
            favourite_bias=simulator.favourite_bias,
            toxic=simulator.toxic,
        ),
    )


class Exchange:
    """Latent prices, Coinbase books and up/down markets from Unix second ``start`` on; ``before``: where the exchange
    stood that it goes on from."""

    def __init__(self, given: ExchangeParameters, start: int, before: ExchangeStanding | None = None) -> None:
        self.given = given
        self.start = start
        self.second = start
        self.part = given.steps_per_s
        self.now_ns = start * NS  # end of the last step, Unix nanoseconds
        self.heartbeats = 0
        longest = max(SECONDS[horizon] for horizon in given.horizons)
        first = start // longest * longest - PRE_ROLL_S
        self._keep = 2 * longest + PRE_ROLL_S + KEEP_S
        self.latents: dict[str, LatentPrice] = {}
        self.spots: dict[str, SpotBook] = {}
        self.markets: dict[str, UpDownMarket] = {}
        self.by_token: dict[str, tuple[UpDownMarket, int]] = {}
        self.by_condition: dict[str, UpDownMarket] = {}
        self._before = before or ExchangeStanding(start, {}, {}, {})
        self._number = max(self._before.numbers.values(), default=5_000_000)
        for asset in given.assets:
            seed = f"{given.seed}/{asset}"
            path = VariancePath(Random(f"{seed}/variance"), given.volatility, first)
            latent = LatentPrice(Random(f"{seed}/price"), path, START_PRICE[asset], first)
            while latent.second < start:
                latent.step(1, 1)
            if known := self._before.prices.get(asset):
                latent.go_on(known, self._before.second)
            self.latents[asset] = latent
            book = SpotBook(str(given.seed), asset, latent, given.frames_per_s, given.grid_s, given.ticker_s)
            self.spots[book.product] = book
        self._list_markets(self.now_ns)

    @property
    def next_ns(self) -> int:
        """End of the next step."""
        parts = self.given.steps_per_s
        if self.part == parts:
            return (self.second + self.given.step_s - 1) * NS + NS // parts
        return (self.second - 1) * NS + (self.part + 1) * NS // parts

    def step(self) -> list[Emission]:
        """One grid step; what it makes the exchanges say, in order."""
        parts = self.given.steps_per_s
        if self.part == parts:
            self.part = 0
            self.second += self.given.step_s
        self.part += 1
        t_ns = self.now_ns = (self.second - 1) * NS + self.part * NS // parts
        for latent in self.latents.values():
            for _ in range(self.given.step_s):
                latent.step(self.part, parts)
        out: list[Emission] = []
        for market in self.markets.values():
            out += market.step(t_ns)
        for spot in self.spots.values():
            out += spot.step(t_ns)
        if self.part == parts:
            if self.second % self.given.heartbeat_s == 0:
                self.heartbeats += 1
                out.append(Emission(t_ns, "coinbase", "heartbeats", (), heartbeat(t_ns, self.heartbeats)))
            out += self._list_markets(t_ns)
            if self.second % 60 == 0:
                self._forget()
        return out

    def standing(self) -> ExchangeStanding:
        """Where it stands now."""
        second = min(latent.samples.end for latent in self.latents.values()) - 1
        prices = {
            asset: latent.samples.slice(max(second + 1 - _NOTED_S, latent.samples.first), second + 1)
            for asset, latent in self.latents.items()
        }
        strikes = {key: each.fair.strike for key, each in self.markets.items() if each.fair.strike is not None}
        return ExchangeStanding(second, prices, strikes, {key: each.number for key, each in self.markets.items()})

    def run(self, until_s: int) -> Iterator[Emission]:
        """Everything up to Unix second ``until_s``."""
        while self.now_ns < until_s * NS:
            yield from self.step()

    def _list_markets(self, t_ns: int) -> list[Emission]:
        """Announce every window that is due: the open one and those that follow soon."""
        out: list[Emission] = []
        given = self.given
        maker = Maker(given.lag_s, given.maker_error, given.spread_ticks, given.effects, given.activity)
        for asset in given.assets:
            for horizon in given.horizons:
                length = SECONDS[horizon]
                start = self.second // length * length
                while start - length - EARLY_S <= self.second:
                    each = window(asset, horizon, start)
                    start += length
                    if each.slug in self.markets:
                        continue
                    count = sample_count(horizon, each.start)
                    fair = FairValue(self.latents[asset], each.start, each.end, count)
                    fair.strike = self._before.strikes.get(each.slug)
                    number = self._before.numbers.get(each.slug)
                    if number is None:
                        number = self._number = self._number + 1
                    market = UpDownMarket(
                        str(given.seed),
                        each,
                        fair,
                        maker,
                        given.grid_s,
                        number,
                        given.resolution_delay_s,
                    )
                    self.markets[each.slug] = market
                    self.by_condition[market.condition] = market
                    for index, token in enumerate(market.tokens):
                        self.by_token[token] = (market, index)
                    out += market.create(t_ns)
        return out

    def _forget(self) -> None:
        for slug, market in list(self.markets.items()):
            ended = market.closes_ns + FORGET_S * NS if market.resolved_ns is None else market.resolved_ns + KEEP_S * NS
            if self.now_ns > ended:
                del self.markets[slug]
                del self.by_condition[market.condition]
                for token in market.tokens:
                    del self.by_token[token]
        for latent in self.latents.values():
            latent.samples.forget(self.second - self._keep)
            latent.path.forget(self.second - self._keep)
