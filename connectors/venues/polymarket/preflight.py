"""What must hold before real orders are thought of: the live venue's check of itself."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

import httpx

from connectors.venues.polymarket.exchange import ExchangeWaits, LiveExchange, NoAnswer, OrderRefused
from models.inputs import Preflight
from models.money import DOLLAR
from models.settings import Settings

FAILED: Final = "failed: "
_CLOCK_S: Final = 2.0
_TIMEOUT_S: Final = 10.0


async def preflight(exchange: LiveExchange, settings: Settings, now: Callable[[], int] = time.time_ns) -> Preflight:
    """Clock, place, account, money and operator, each looked at on its own; nothing is sent that changes anything."""

    balance = -1

    async def clock() -> str:
        before = now()
        off = await exchange.time() + 0.5 - (before + now()) / 2 / 1e9  # it states whole seconds, cut off
        return _said(abs(off) <= _CLOCK_S, f"the exchange's clock is {off:+.1f} s from ours, allowed {_CLOCK_S:g}")

    async def place() -> str:
        agent = {"User-Agent": settings.feeds.user_agent}
        async with httpx.AsyncClient(headers=agent, timeout=_TIMEOUT_S) as http:
            said = (await http.get(settings.feeds.geoblock)).json()
        where = " ".join(str(said[key]) for key in ("country", "region") if said.get(key))
        return _said(said["blocked"] is False, f"orders from {where or 'here'}: blocked is {said['blocked']}")

    async def account() -> str:
        closed = await exchange.closed_only()
        return _said(not closed, "it may only close positions" if closed else "it may trade")

    async def money() -> str:
        nonlocal balance
        seen, needed = await exchange.money(), settings.live.cap_order
        balance = seen.balance
        enough = min(seen.balance, seen.allowance) >= needed * DOLLAR
        allowed = min(seen.allowance / DOLLAR, 1e9)
        text = f"{seen.balance / DOLLAR:.2f} $, of which the exchange may move {allowed:.2f}; an order may take"
        return _said(enough, f"{text} {needed:.2f}")

    async def operator() -> str:
        known = bool(settings.operator.public_key)
        return _said(known, "the operator's public key is known" if known else "there is no operator's public key")

    looks: dict[str, Callable[[], Awaitable[str]]] = {
        "clock": clock,
        "place": place,
        "account": account,
        "money": money,
        "operator": operator,
    }
    checks = {name: await _looked(look) for name, look in looks.items()}
    return Preflight(now(), not any(text.startswith(FAILED) for text in checks.values()), checks, balance)


def _said(holds: bool, text: str) -> str:
    return text if holds else FAILED + text


async def _looked(look: Callable[[], Awaitable[str]]) -> str:
    try:
        return await look()
    except (NoAnswer, ExchangeWaits, OrderRefused) as cause:
        return f"{FAILED}{type(cause).__name__}: {cause}"
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as cause:
        return f"{FAILED}no answer that can be understood ({type(cause).__name__})"
