"""How a simulated market is described: its announcement, and its objects at Gamma and the CLOB."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from connectors.polymarket.windows import NAMES, NEW_YORK, MarketWindow
from connectors.simulator.fairvalue import FairValue
from connectors.simulator.ladder import ONE, Ladder
from connectors.simulator.resolution import SimulatedResolution
from connectors.simulator.texts import compact, price_text

STRIKE_SHOWS_S: Final = 3.0
FEE_RATE: Final = 0.07


class Described(Protocol):
    """What of a market its descriptions state."""

    window: MarketWindow
    fair: FairValue
    number: int
    condition: str
    question_id: str
    tokens: tuple[str, str]
    tick: int
    ladder: Ladder
    open: bool
    resolution: SimulatedResolution
    quoted: float

    @property
    def resolved_ns(self) -> int | None: ...

    @property
    def up_won(self) -> bool | None: ...


def question(market: Described) -> str:
    """The title, in New York time as people read it."""
    start = datetime.fromtimestamp(market.window.start, UTC).astimezone(NEW_YORK)
    end = datetime.fromtimestamp(market.window.end, UTC).astimezone(NEW_YORK)
    name = NAMES[market.window.asset]
    name = name.upper() if name in ("xrp", "bnb") else name.capitalize()
    day = f"{start.strftime('%B')} {start.day}"
    if market.window.horizon == "1h":
        return f"{name} Up or Down - {day}, {_clock_text(start, False)} ET"
    return f"{name} Up or Down - {day}, {_clock_text(start)}-{_clock_text(end)} ET"


def description(market: Described) -> str:
    """The rule in words."""
    kind = "price" if market.fair.count == 1 else f"{market.fair.count}-second time-weighted average price"
    return (
        f'Simulated market. It resolves to "Up" if the {kind} of {market.window.asset} at the end of the window is '
        f'greater than or equal to the one at its beginning, otherwise to "Down".'
    )


def announcement(market: Described, ms: int) -> bytes:
    """The frame ``new_market``."""
    slug, tokens = market.window.slug, list(market.tokens)
    return compact(
        {
            "id": str(market.number),
            "question": question(market),
            "market": market.condition,
            "slug": slug,
            "description": description(market),
            "assets_ids": tokens,
            "outcomes": ["Up", "Down"],
            "event_message": {
                "id": str(market.number + 500_000),
                "ticker": slug,
                "slug": slug,
                "title": question(market),
                "description": description(market),
            },
            "timestamp": str(ms),
            "event_type": "new_market",
            "tags": [],
            "condition_id": market.condition,
            "active": False,
            "clob_token_ids": tokens,
            "sports_market_type": "",
            "line": "",
            "game_start_time": "",
            "order_price_min_tick_size": price_text(market.tick),
            "group_item_title": "",
            "taker_base_fee": "1000",
            "fees_enabled": True,
            "fee_schedule": {"exponent": "1", "rate": "0.07", "taker_only": True, "rebate_rate": "0.2"},
        }
    )


def gamma(market: Described, t_ns: int) -> bytes:
    """The answer of Gamma ``/markets/slug/{slug}`` at ``t_ns``."""
    window, fair, slug = market.window, market.fair, market.window.slug
    resolved = market.resolved_ns is not None
    metadata: dict[str, float] = {}
    if fair.strike is not None and t_ns >= round((window.start + STRIKE_SHOWS_S) * 1e9):
        metadata["priceToBeat"] = fair.strike
    if resolved:
        metadata["finalPrice"] = fair.final()
    mid = market.quoted if market.open else 0.5
    prices = [price_text(round(mid * 1000) * 10), price_text(ONE - round(mid * 1000) * 10)]
    if market.up_won is not None:
        prices = ["1", "0"] if market.up_won else ["0", "1"]
    elif resolved:
        prices = ["0.5", "0.5"]
    proposed = market.resolution.proposed_up
    if proposed is not None:
        prices = ["1", "0"] if proposed else ["0", "1"]
    event: dict[str, Any] = {
        "id": str(market.number + 500_000),
        "ticker": slug,
        "slug": slug,
        "title": question(market),
        "active": True,
        "closed": resolved,
        "startTime": _iso(window.start),
        "endDate": _iso(window.end),
        "seriesSlug": f"{window.asset.lower()}-up-or-down-{'hourly' if window.horizon == '1h' else window.horizon}",
    }
    if metadata:
        event["eventMetadata"] = metadata
    bid, ask = market.ladder.best_bid, market.ladder.best_ask
    body: dict[str, Any] = {
        "id": str(market.number),
        "slug": slug,
        "question": question(market),
        "description": description(market),
        "conditionId": market.condition,
        "questionID": market.question_id,
        "outcomes": json.dumps(["Up", "Down"]),
        "outcomePrices": json.dumps(prices),
        "clobTokenIds": json.dumps(list(market.tokens)),
        "startDate": _iso(window.start - 86_400),
        "eventStartTime": _iso(window.start),
        "endDate": _iso(window.end),
        "endDateIso": _iso(window.end)[:10],
        "active": True,
        "closed": resolved or proposed is not None,
        "archived": False,
        "acceptingOrders": market.open,
        "enableOrderBook": True,
        "negRisk": False,
        "restricted": True,
        "orderMinSize": 5,
        "orderPriceMinTickSize": market.tick / ONE,
        "feesEnabled": True,
        "feeType": "crypto_fees_v2",
        "feeSchedule": {"rate": FEE_RATE, "exponent": 1, "takerOnly": True, "rebateRate": 0.2},
        "makerBaseFee": 1000,
        "takerBaseFee": 1000,
        "bestBid": 0 if bid is None else bid / ONE,
        "bestAsk": 1 if ask is None else ask / ONE,
        "resolutionSource": resolution_source(window.asset, fair.count, window.horizon),
        "automaticallyResolved": resolved,
        "version": "v1",
        "events": [event],
    }
    if window.horizon != "1h":
        body["cryptoMarketConfig"] = {
            "id": f"{window.asset.lower()}-{window.horizon}-" + (f"twap-{fair.count}" if fair.count > 1 else "spot"),
            "asset": window.asset,
            "duration": window.horizon,
            "twapEnabled": fair.count > 1,
            "twapLookbackSeconds": fair.count if fair.count > 1 else 0,
        }
    if proposed is not None:
        body["umaResolutionStatus"] = "proposed"
    if market.resolved_ns is not None:
        moment = datetime.fromtimestamp(market.resolved_ns // 1_000_000_000, UTC)
        body["closedTime"] = moment.strftime("%Y-%m-%d %H:%M:%S+00")
        body["umaResolutionStatus"] = "resolved"
    return compact(body)


def clob(market: Described) -> bytes:
    """The answer of CLOB ``/markets/{conditionId}``."""
    tokens = []
    for index, outcome in enumerate(("Up", "Down")):
        won = market.up_won is not None and market.up_won == (index == 0)
        price = market.quoted if index == 0 else 1.0 - market.quoted
        if market.up_won is not None:
            price = 1.0 if won else 0.0
        elif market.resolved_ns is not None:
            price = 0.5
        tokens.append({"token_id": market.tokens[index], "outcome": outcome, "price": round(price, 4), "winner": won})
    return compact(
        {
            "enable_order_book": True,
            "active": True,
            "closed": market.resolved_ns is not None,
            "archived": False,
            "accepting_orders": market.open,
            "minimum_order_size": 5,
            "minimum_tick_size": market.tick / ONE,
            "condition_id": market.condition,
            "question_id": market.question_id,
            "question": question(market),
            "description": description(market),
            "market_slug": market.window.slug,
            "end_date_iso": _iso(market.window.end),
            "game_start_time": _iso(market.window.start),
            "seconds_delay": 0,
            "maker_base_fee": 1000,
            "taker_base_fee": 1000,
            "neg_risk": False,
            "is_50_50_outcome": market.resolved_ns is not None and market.up_won is None,
            "tokens": tokens,
            "tags": ["Crypto"],
        }
    )


def resolution_source(asset: str, count: int, horizon: str) -> str:
    """Where the price that settles a market is to be read."""
    if horizon == "1h":
        return f"https://www.binance.com/en/trade/{asset}_USDT"
    feed = f"{asset.lower()}-usd" + (f"-twap-{count}s" if count > 1 else "")
    return f"https://data.chain.link/streams/{feed}" + ("-streams" if count > 1 else "")


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _clock_text(moment: datetime, minutes: bool = True) -> str:
    hour = moment.hour % 12 or 12
    half = "AM" if moment.hour < 12 else "PM"
    return f"{hour}:{moment.minute:02d}{half}" if minutes else f"{hour}{half}"
