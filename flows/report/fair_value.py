"""How good is the fair value? Its forecasts at fixed times before the end, scored against the true outcomes.

The forecasts are those of the trading flow: feed records go through the market line, spot through the same features,
and the probability through the same formula, at the moment the feed's own clock passes the time. Next to it stand the
constant 0.5, the sign of the move so far, and a plain Gaussian digital: spot against strike, EWMA variance of
one-second returns with a half-life of 15 minutes, no averaging.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import msgspec

from connectors.archive.source import feed_batches
from flows.market_line.line import MarketLine
from flows.trading_line.features import UnderlyingFeatures
from models.bounds import bounds_of
from models.failures import Failure
from models.fair_value import normal_cdf
from models.journal import AnyEvent, Book, Market, Spot, decode_event
from models.message import Message
from models.middle import sound_middle
from models.money import PIP
from models.scores import Bin, Score, reliability, score
from models.settings import Settings
from models.statistics.bootstrap import mean_interval
from models.strategies.updown_fair_value import NEEDS
from models.timestamps import SECOND
from models.topics import JOURNAL

HORIZONS_S = (240, 120, 60, 30)
MODELS = ("fair_value", "constant", "sign", "gaussian")
BASELINE_HALF_LIFE_S = 900.0
_LATE_S = 2.0  # a forecast that could only be made later than this is left out: the feed had a gap


class AgainstMarket(msgspec.Struct):
    """The fair value and the market's mid on the same ``n`` markets. ``ahead``: mean Brier score of the mid less that
    of the fair value, above zero where the fair value is better, with its interval by the bootstrap over markets in the
    order of their ends, so wide that those of all horizons hold together at 95%; None for too few."""

    n: int
    fair_value: Score
    market: Score
    ahead: float
    low: float | None
    high: float | None


class FairValueReport(msgspec.Struct):
    """``horizons``: seconds before the end -> model -> score. ``against_market``: the same by horizon, where the market
    had a sound book with two sides. ``left_out``: reason -> markets and horizons without a forecast."""

    markets: int
    resolved: int
    horizons: dict[str, dict[str, Score]]
    reliability: dict[str, list[Bin]]
    left_out: dict[str, int]
    against_market: dict[str, AgainstMarket] = {}


class _Forecasts:
    """One market's forecasts by horizon, each by model."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.made: dict[int, dict[str, float]] = {}
        self.missed: dict[int, str] = {}
        self.mid: float | None = None  # of Up, dollars, as its book stands
        self.mids: dict[int, float] = {}


class _Asset:
    """The features of an underlying: those of the strategy, and the variance of the baseline."""

    def __init__(self, settings: Settings) -> None:
        self.features = UnderlyingFeatures()
        self.plan = self.features.plan(NEEDS.features, settings.fair_value.model_dump(), "fair_value")
        self.baseline = self.features.plan(
            ("variance",), {"half_life_s": BASELINE_HALF_LIFE_S, "sample_s": 1}, "baseline"
        )


def fair_value_report(archive: Path, settings: Settings) -> FairValueReport:
    """Score the fair value on an archive of feed topics. Raises Failure when it holds no resolved market with spot."""
    assets: dict[str, _Asset] = {}
    markets: dict[str, _Forecasts] = {}
    under_way: dict[str, _Forecasts] = {}
    for event in _events(archive, settings):
        if isinstance(event, Market):
            known = markets.get(event.key)
            if known is None:
                known = markets[event.key] = under_way[event.key] = _Forecasts(event)
            known.market = event
            if event.payout_up is not None:
                under_way.pop(event.key, None)
            _asset(assets, event.asset, settings).features.take(event)
        elif isinstance(event, Book):
            priced = under_way.get(event.key)
            if priced is not None:
                priced.mid = sound_middle(event)
        elif isinstance(event, Spot):
            asset = _asset(assets, event.lane, settings)
            asset.features.take(event)
            for forecasts in under_way.values():
                if forecasts.market.asset == event.lane:
                    _forecast(forecasts, asset, settings)
    return _score(markets)


def _asset(assets: dict[str, _Asset], name: str, settings: Settings) -> _Asset:
    asset = assets.get(name)
    if asset is None:
        asset = assets[name] = _Asset(settings)
    return asset


def _events(archive: Path, settings: Settings) -> Iterator[AnyEvent]:
    line = MarketLine(bounds_of(settings.checks), settings.portfolio_name)
    for records in feed_batches(archive):
        for record in records:
            for out in line.advance(record):
                if isinstance(out, Message) and out.topic == JOURNAL:
                    yield decode_event(out.value)


def _forecast(forecasts: _Forecasts, asset: _Asset, settings: Settings) -> None:
    market, as_of = forecasts.market, asset.features.history.as_of
    left = (market.end - as_of) / SECOND
    for horizon in HORIZONS_S:
        if left > horizon or horizon in forecasts.made or horizon in forecasts.missed:
            continue
        values = asset.features.values(asset.plan, market, as_of)
        spot, strike, fair = values["spot_price"], values["strike"], values["fair"]
        if left < horizon - _LATE_S:
            forecasts.missed[horizon] = "gap in the feed"
        elif strike is None or spot is None or market.rule is None:
            forecasts.missed[horizon] = "no strike"
        elif fair is None:
            forecasts.missed[horizon] = "average unknown"
        elif values["variance"].history_s < settings.fair_value.warm_up_s:
            forecasts.missed[horizon] = "warming up"
        else:
            if forecasts.mid is not None:
                forecasts.mids[horizon] = forecasts.mid
            variance = asset.features.values(asset.baseline, market, as_of)["variance"]
            forecasts.made[horizon] = {
                "fair_value": fair,
                "constant": 0.5,
                "sign": 1.0 if spot >= strike.value else 0.0,
                "gaussian": _gaussian(spot, strike.value, variance.value * left),
            }


def _gaussian(spot: float, strike: float, variance: float) -> float:
    move = math.log(spot / strike)
    return normal_cdf(move / math.sqrt(variance)) if variance > 0.0 else float(move >= 0.0)


def _score(markets: dict[str, _Forecasts]) -> FairValueReport:
    left_out: dict[str, int] = {}
    horizons: dict[str, dict[str, Score]] = {}
    diagrams: dict[str, list[Bin]] = {}
    against: dict[str, AgainstMarket] = {}
    resolved = [each for each in markets.values() if each.market.payout_up in (0, PIP)]
    for horizon in HORIZONS_S:
        outcomes: list[bool] = []
        made: list[dict[str, float]] = []
        for each in resolved:
            forecast = each.made.get(horizon)
            if forecast is None:
                why = each.missed.get(horizon, "no spot")
                left_out[why] = left_out.get(why, 0) + 1
            else:
                made.append(forecast)
                outcomes.append(each.market.payout_up == PIP)
        if made:
            name = str(horizon)
            horizons[name] = {model: score([each[model] for each in made], outcomes) for model in MODELS}
            compared = _against_market(resolved, horizon)
            if compared is not None:
                against[name] = compared
            diagrams[name] = reliability([each["fair_value"] for each in made], outcomes)
    if not horizons:
        raise _nothing_scored(len(markets), len(resolved), left_out)
    return FairValueReport(len(markets), len(resolved), horizons, diagrams, dict(sorted(left_out.items())), against)


def _against_market(resolved: list[_Forecasts], horizon: int) -> AgainstMarket | None:
    """None where no market had both a forecast and a price."""
    both = [each for each in resolved if horizon in each.made and horizon in each.mids]
    if not both:
        return None
    both.sort(key=lambda each: (each.market.end, each.market.key))
    outcomes = [each.market.payout_up == PIP for each in both]
    stated = [each.made[horizon]["fair_value"] for each in both]
    mids = [each.mids[horizon] for each in both]
    ahead = [(m - y) ** 2 - (p - y) ** 2 for p, m, y in zip(stated, mids, outcomes, strict=True)]
    low, high = mean_interval(ahead, 1.0 - 0.05 / len(HORIZONS_S))
    return AgainstMarket(
        len(both),
        score(stated, outcomes),
        score(mids, outcomes),
        round(math.fsum(ahead) / len(ahead), 6),
        round(low, 6) if math.isfinite(low) else None,
        round(high, 6) if math.isfinite(high) else None,
    )


#: Why forecasts were left out -> what would help.
_CURES = {
    "gap in the feed": f"Name an archive whose spot price comes at least every {_LATE_S:g} s while a market is open.",
    "no spot": "Name an archive that holds spot prices of the markets' underlyings while they are open.",
    "no strike": "Name an archive that states the strikes, or holds spot around each window's start.",
    "warming up": "Name an archive whose spot begins earlier, or lower fair_value.warm_up_s.",
}


def _nothing_scored(markets: int, resolved: int, left_out: dict[str, int]) -> Failure:
    """Why there is no score, by what kept most forecasts from being made."""
    if not resolved:
        what = f"none of {markets} markets resolved Up or Down" if markets else "there is no market definition in it"
        return Failure(f"no forecast could be scored: {what}.", "Name an archive with definitions and resolutions.")
    reasons = sorted(left_out, key=lambda why: (-left_out[why], why))
    reported = ", ".join(f"{why} {left_out[why]:,}" for why in reasons)
    horizons = ", ".join(map(str, HORIZONS_S))
    return Failure(
        f"no forecast could be scored. {resolved} of {markets} markets resolved, and none of their "
        f"{resolved * len(HORIZONS_S):,} forecasts ({horizons} s before the end) could be made: {reported}.",
        _CURES[reasons[0]],
    )
