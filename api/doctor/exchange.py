"""The exchanges: whether each endpoint answers, whether our clock agrees with theirs, and whether they serve us here.

Every probe is what a door does first, and no more: nothing is sent that a door would not send.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from api.doctor.finding import Diagnosis, failed, ok, skipped, warning
from connectors.polymarket.windows import around
from connectors.recorder.recorder import Endpoints
from models.settings import Settings

TIMEOUT_S: Final = 10.0
CLOCK_WARN_S: Final = 0.5
_UNREACHABLE: Final = "Check the network, a proxy or firewall, and the address in profit.toml, section feeds."


@dataclass(frozen=True)
class Skew:
    """Their clock minus ours, seconds, and how far that may be off."""

    against: str
    offset_s: float
    uncertainty_s: float


def exchanges(
    settings: Settings, endpoints: Endpoints, geoblock: str, now: Callable[[], float] = time.time
) -> list[Diagnosis]:
    """Probe all endpoints at once. ``geoblock``: URL. ``now``: Unix seconds of the clock the doors would use."""
    return asyncio.run(_all(settings, endpoints, geoblock, now))


async def _all(settings: Settings, endpoints: Endpoints, geoblock: str, now: Callable[[], float]) -> list[Diagnosis]:
    skews: list[Skew] = []
    agent = {"User-Agent": settings.feeds.user_agent, "Accept": "application/json"}
    async with httpx.AsyncClient(headers=agent, timeout=TIMEOUT_S, follow_redirects=False) as http:
        probes: list[tuple[str, Coroutine[Any, Any, Diagnosis]]] = [
            ("gamma", _gamma(http, endpoints.gamma_rest, settings, now)),
            ("clob", _clob(http, endpoints.clob_rest, now, skews)),
            ("polymarket socket", _polymarket(endpoints.polymarket_ws, settings)),
            ("coinbase socket", _coinbase(endpoints.coinbase_ws, settings, now, skews)),
            ("geoblock", _geoblock(http, geoblock)),
        ]
        found = list(await asyncio.gather(*(_guarded(name, probe) for name, probe in probes)))
    if not skews:
        nobody = "not compared: neither the CLOB nor Coinbase stated its time"
        return [*_once(found), skipped("clock", nobody)]
    return [*_once(found), *(_clock(skew, settings) for skew in skews)]


def _once(found: list[Diagnosis]) -> list[Diagnosis]:
    """One cure for one cause: where no endpoint can be reached at all, it is the network, and said once."""
    if not all(finding.cure == _UNREACHABLE for finding in found):
        return found
    nothing = f"none of {len(found)} endpoints can be reached"
    return [*(replace(finding, cure="") for finding in found), failed("network", nothing, _UNREACHABLE)]


async def _guarded(name: str, probe: Coroutine[Any, Any, Diagnosis]) -> Diagnosis:
    try:
        return await asyncio.wait_for(probe, TIMEOUT_S + 5)
    except (TimeoutError, httpx.TimeoutException):
        return failed(name, f"no answer within {TIMEOUT_S:.0f} s", _UNREACHABLE)
    except (OSError, httpx.HTTPError, WebSocketException) as cause:
        return failed(name, f"{type(cause).__name__}: {cause}".strip(": "), _UNREACHABLE)
    except (ValueError, KeyError, TypeError) as cause:
        cure = "Something else answers at that address, or the exchange has changed: compare with its documentation."
        return failed(name, f"an answer that is not as expected: {cause}", cure)


async def _gamma(http: httpx.AsyncClient, base: str, settings: Settings, now: Callable[[], float]) -> Diagnosis:
    window = around(settings.feeds.assets[0], settings.feeds.horizons[0], now())[0]
    started = time.monotonic()
    answer = await http.get(f"{base}/markets/slug/{window.slug}")
    took = (time.monotonic() - started) * 1000
    if answer.status_code == 200 and "conditionId" in answer.json():
        return ok("gamma", f"knows {window.slug}, {took:.0f} ms")
    if answer.status_code == 404:
        cure = f"Nothing trades for {window.asset} {window.horizon} now, or slugs have changed: look on polymarket.com."
        return warning("gamma", f"answers, but does not know {window.slug}", cure)
    return _status("gamma", answer)


async def _clob(http: httpx.AsyncClient, base: str, now: Callable[[], float], skews: list[Skew]) -> Diagnosis:
    before = now()
    answer = await http.get(f"{base}/time")
    after = now()
    if answer.status_code != 200:
        return _status("clob", answer)
    theirs = float(answer.text.strip().strip('"'))
    # whole seconds, cut off: the true time is half a second later on average, and as far from that as half a second
    skews.append(Skew("the CLOB's time", theirs + 0.5 - (before + after) / 2, 0.5 + (after - before) / 2))
    return ok("clob", f"answers, {(after - before) * 1000:.0f} ms")


async def _polymarket(url: str, settings: Settings) -> Diagnosis:
    started = time.monotonic()
    async with connect(url, user_agent_header=settings.feeds.user_agent, open_timeout=TIMEOUT_S) as socket:
        await socket.send("PING")
        async with asyncio.timeout(TIMEOUT_S):
            while await socket.recv() != "PONG":
                pass
    return ok("polymarket socket", f"PING answered, {(time.monotonic() - started) * 1000:.0f} ms with the handshake")


async def _coinbase(url: str, settings: Settings, now: Callable[[], float], skews: list[Skew]) -> Diagnosis:
    product = f"{settings.feeds.assets[0]}-USD"
    asked = {"type": "subscribe", "channel": "ticker", "product_ids": [product]}
    started = time.monotonic()
    async with connect(
        url, user_agent_header=settings.feeds.user_agent, open_timeout=TIMEOUT_S, max_size=32 * 1024 * 1024
    ) as socket:
        await socket.send(json.dumps(asked))
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                message = json.loads(await socket.recv())
                if message.get("type") == "error":
                    cure = "Coinbase does not sell it, or names it otherwise: correct feeds.assets."
                    return failed("coinbase socket", f"{product}: {message.get('message')}", cure)
                if message["channel"] == "ticker":
                    break
    theirs = datetime.fromisoformat(message["timestamp"][:26].rstrip("Z") + "+00:00").timestamp()
    way = time.monotonic() - started
    skews.append(Skew("Coinbase's time", theirs - now(), way))
    price = message["events"][0]["tickers"][0]["price"]
    return ok("coinbase socket", f"{product} at {price}, {way * 1000:.0f} ms with the handshake")


async def _geoblock(http: httpx.AsyncClient, url: str) -> Diagnosis:
    answer = await http.get(url)
    if answer.status_code != 200:
        return _status("geoblock", answer)
    body = answer.json()
    place = " ".join(str(body[key]) for key in ("country", "region") if body.get(key))
    if body["blocked"]:
        cure = "Market data and paper trading work. Real orders must not be sent from here: obey it."
        return warning("geoblock", f"Polymarket takes no orders from {place}", cure)
    return ok("geoblock", f"not blocked ({place})")


def _status(name: str, answer: httpx.Response) -> Diagnosis:
    status = answer.status_code
    if status in (425, 429, 503):
        wait = answer.headers.get("Retry-After", "a while")
        return warning(name, f"HTTP {status}: it wants us to wait", f"Wait {wait} s; connections do so by themselves.")
    if status in (401, 403, 451):
        return failed(
            name, f"HTTP {status}: it refuses us", "Access is barred from this place or address: see geoblock."
        )
    return failed(name, f"HTTP {status}", _UNREACHABLE)


def _clock(skew: Skew, settings: Settings) -> Diagnosis:
    """Frames from a clock this far ahead of ours, or behind it, would be refused by the market flow."""
    check = "clock"
    seen = f"{skew.against} is {skew.offset_s:+.2f} s from ours, within {skew.uncertainty_s:.2f} s"
    certain = max(abs(skew.offset_s) - skew.uncertainty_s, 0.0)
    bound = settings.checks.ahead_ms / 1000 if skew.offset_s > 0 else settings.checks.old_ms / 1000
    cure = "Set the clock by a time server: timedatectl set-ntp true."
    if certain > bound:
        return failed(check, f"{seen}: frames would be refused as out of time", cure)
    if certain > CLOCK_WARN_S:
        return warning(check, seen, cure)
    return ok(check, seen)
