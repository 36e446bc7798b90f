"""Polymarket over HTTP: GET with time-outs, and the server's word on when to come back obeyed."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from connectors.clock import Clock, patience

TOLD_TO_WAIT: Final = frozenset({425, 429, 503})
WAIT_DEFAULT_S: Final = 5.0
WAIT_MOST_S: Final = 300.0
TIMEOUT_S: Final = 10.0


class Refused(Exception):
    """No usable answer. ``missing``: the server does not know the thing (404)."""

    def __init__(self, why: str, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


class Rest:
    """A client that keeps to one host's limits: after 425, 429 or 503 every request waits for ``Retry-After``."""

    def __init__(self, base: str, user_agent: str, clock: Clock, transport: httpx.AsyncBaseTransport | None = None):
        self._clock = clock
        self._resume = 0.0
        self._client = httpx.AsyncClient(
            base_url=base,
            headers={"User-Agent": user_agent, "Accept": "application/json"},
            timeout=patience(clock, TIMEOUT_S, TIMEOUT_S),
            transport=transport,
        )

    async def get(self, path: str) -> bytes:
        """The body, verbatim. Raises Refused."""
        loop = asyncio.get_running_loop()
        wait = self._resume - loop.time()
        if wait > 0:
            await asyncio.sleep(wait)
        answer = await self._ask(path)
        if answer.status_code == 200:
            return answer.content
        if answer.status_code in TOLD_TO_WAIT:
            pause = retry_after(answer.headers.get("Retry-After", ""))
            self._resume = loop.time() + pause
            raise Refused(f"{path}: HTTP {answer.status_code}, again in {pause:g} s")
        raise Refused(f"{path}: HTTP {answer.status_code}", missing=answer.status_code == 404)

    async def _ask(self, path: str) -> httpx.Response:
        try:
            try:
                return await self._client.get(path)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                return await self._client.get(path)  # the server had closed the idle connection we reused
        except httpx.HTTPError as cause:
            raise Refused(f"{path}: {type(cause).__name__} {cause}".strip()) from None

    async def close(self) -> None:
        await self._client.aclose()


def retry_after(header: str) -> float:
    """Seconds from a ``Retry-After`` header, bounded; a date or nonsense counts as the default."""
    try:
        return min(max(float(header), 0.0), WAIT_MOST_S)
    except ValueError:
        return WAIT_DEFAULT_S
