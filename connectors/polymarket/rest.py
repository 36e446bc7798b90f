"""Polymarket over HTTP: GET with time-outs, below the documented limits, and the server's word on when to come back
obeyed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Final, Protocol

import httpx

from connectors.clock import FeedClock, patience
from connectors.recorder.pacing import RateLimiter

RETRY_LATER: Final = frozenset({425, 429, 503})
WAIT_LEAST_S: Final = 1.0  # bounds of the wait where the server does not say how long
WAIT_MOST_S: Final = 300.0  # never longer, whatever the server says
PATIENCE_S: Final = 1.0  # a longer wait is the caller's business: it has other things to look after
TIMEOUT_S: Final = 10.0
AT_ONCE: Final = 8  # requests under way to one host

#: Requests a second and at once, by the beginning of the path; the longest that fits counts. At most half of what is
#: documented for ten seconds: Gamma 300 on /markets and 4,000 in all, CLOB 1,500 on /book and 9,000 in all.
GAMMA_LIMITS: Final[Mapping[str, tuple[float, int]]] = MappingProxyType({"/markets": (10.0, 50), "": (100.0, 200)})
CLOB_LIMITS: Final[Mapping[str, tuple[float, int]]] = MappingProxyType({"/book": (50.0, 100), "": (100.0, 200)})


class RequestRefused(Exception):
    """No usable answer. ``missing``: the server does not know the thing (404)."""

    def __init__(self, why: str, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


class RestAnswers(Protocol):
    """Who answers a GET."""

    async def get(self, path: str) -> bytes:
        """The body, verbatim. Raises RequestRefused."""
        ...


class Rest:
    """A client that keeps to one host's limits. After 425, 429 or 503 nothing is sent for as long as ``Retry-After``
    says, or for a random part of a growing wait where it says nothing.

    ``counts``: answers by status (``http_200``), ``no_answer``, ``told_to_wait`` (requests not sent because of that)
    and ``paced`` (requests that waited for their turn)."""

    def __init__(
        self,
        base: str,
        user_agent: str,
        clock: FeedClock,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: Mapping[str, tuple[float, int]] = CLOB_LIMITS,
        at_once: int = AT_ONCE,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._resume = 0.0
        self._refusals = 0
        self._uniform = uniform
        # The limits are those of real time; a simulated exchange that runs faster has more of it.
        faster = max(1.0, clock.speed)
        self._paces = {
            start: RateLimiter(limits[start][0] * faster, limits[start][1])
            for start in sorted(limits, key=len, reverse=True)
        }
        self._room = asyncio.Semaphore(at_once)
        self._client = httpx.AsyncClient(
            base_url=base,
            headers={"User-Agent": user_agent, "Accept": "application/json"},
            timeout=patience(clock, TIMEOUT_S, TIMEOUT_S),
            transport=transport,
        )

    async def get(self, path: str) -> bytes:
        """The body, verbatim. Raises RequestRefused."""
        pace = next((pace for start, pace in self._paces.items() if path.startswith(start)), None)
        if pace is not None and await pace.wait():
            self.counts["paced"] += 1
        async with self._room:
            await self._wait_until_allowed(path)
            answer = await self._ask(path)
        status = answer.status_code
        self.counts[f"http_{status}"] += 1
        if status in RETRY_LATER:
            pause = self._pause(answer)
            self._resume = max(self._resume, asyncio.get_running_loop().time() + pause)
            raise RequestRefused(f"{path}: HTTP {status}, again in {pause:.3g} s")
        self._refusals = 0
        if status == 200:
            return answer.content
        raise RequestRefused(f"{path}: HTTP {status}", missing=status == 404)

    async def _wait_until_allowed(self, path: str) -> None:
        loop = asyncio.get_running_loop()
        while (wait := self._resume - loop.time()) > 0:
            if wait > PATIENCE_S:
                self.counts["told_to_wait"] += 1
                raise RequestRefused(f"{path}: not asked, the server wants no request for another {wait:.0f} s")
            await asyncio.sleep(wait)

    def _pause(self, answer: httpx.Response) -> float:
        said = retry_after(answer.headers.get("Retry-After", ""), answer.headers.get("Date", ""))
        if said is not None:
            return said
        self._refusals += 1
        most = min(WAIT_MOST_S, WAIT_LEAST_S * 2.0 ** min(self._refusals, 30))
        return self._uniform(most / 2, most)

    async def _ask(self, path: str) -> httpx.Response:
        try:
            try:
                return await self._client.get(path)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                return await self._client.get(path)  # the server had closed the idle connection we reused
        except httpx.HTTPError as cause:
            self.counts["no_answer"] += 1
            raise RequestRefused(f"{path}: {type(cause).__name__} {cause}".strip()) from None

    async def close(self) -> None:
        await self._client.aclose()


def retry_after(header: str, date: str = "", now_s: float | None = None) -> float | None:
    """Seconds from a ``Retry-After`` header (a number, or a date to be read against the answer's own ``Date``, else
    against ``now_s``), bounded; None where it says nothing that can be read."""
    try:
        seconds = float(header)
    except ValueError:
        until = _moment(header)
        if until is None:
            return None
        since = _moment(date)
        seconds = until - (since if since is not None else time.time() if now_s is None else now_s)
    if seconds != seconds:  # not a number
        return None
    return min(max(seconds, 0.0), WAIT_MOST_S)


def _moment(text: str) -> float | None:
    """Unix seconds of an HTTP date."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
