"""What the simulated exchange answers over HTTP, whoever carries the answers."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote

from connectors.polymarket.rest import RequestRefused
from connectors.simulator.exchange import Exchange

_SLUG: Final = "/markets/slug/"
_MARKET: Final = "/markets/"
_BOOK: Final = "/book?token_id="


def gamma_market(core: Exchange, slug: str) -> bytes | None:
    """Gamma's ``/markets/slug/{slug}``; None where it knows no such market."""
    market = core.markets.get(slug)
    return market.gamma(core.now_ns) if market else None


def clob_market(core: Exchange, condition: str) -> bytes | None:
    """The CLOB's ``/markets/{condition}``; None where it knows no such market."""
    market = core.by_condition.get(condition)
    return market.clob() if market else None


def clob_book(core: Exchange, token: str) -> bytes | None:
    """The CLOB's ``/book``; None where it knows no such token."""
    found = core.by_token.get(token)
    return found[0].rest_book(found[1]) if found else None


class CalledGamma:
    """Gamma for a door in the exchange's own process."""

    def __init__(self, core: Exchange) -> None:
        self._core = core

    async def get(self, path: str) -> bytes:
        """The body. Raises RequestRefused for what Gamma does not have."""
        return _found(gamma_market(self._core, unquote(path.removeprefix(_SLUG))), path)


class CalledClob:
    """The CLOB for a door in the exchange's own process."""

    def __init__(self, core: Exchange) -> None:
        self._core = core

    async def get(self, path: str) -> bytes:
        """The body. Raises RequestRefused for what the CLOB does not have."""
        if path.startswith(_BOOK):
            return _found(clob_book(self._core, unquote(path.removeprefix(_BOOK))), path)
        return _found(clob_market(self._core, unquote(path.removeprefix(_MARKET))), path)


def _found(body: bytes | None, path: str) -> bytes:
    if body is None:
        raise RequestRefused(f"{path}: HTTP 404", missing=True)
    return body
