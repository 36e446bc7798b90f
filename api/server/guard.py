"""Who may ask, and what every answer carries.

A foreign page can make a browser ask this server by a name of its own that it lets point here (DNS rebinding),
and would read positions. So the name that was asked for has to be one of ours, and a request that says which page it
comes from has to come from ours. Beyond this machine reading takes the operator's token (``api.server.access``), and
nobody may ask without end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.access import Access, Rate
from api.server.views.problem import Problem

#: Of this machine, as its own browser names it.
LOCAL: Final = frozenset({"127.0.0.1", "localhost", "::1"})
#: Nothing of the page comes from elsewhere, and nothing elsewhere may frame it.
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
#: Requests of one client: in the long run, and at once. A page takes a few a second; a proxy's clients are told apart
#: by the address that it passes on.
PER_S: Final = 200.0
BURST: Final = 2_000.0
#: What nobody needs a token for: the page itself, and whether the server is well.
_FREE: Final = ("/pages/", "/health", "/api/session", "/openapi.json")
_DATA: Final = ("/api/", "/stream", "/openapi.json")
_LARGEST: Final = 16_384
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})


class HostGuard:
    """``app`` behind the check of ``Host`` and ``Origin``. ``host``: where the server listens; ``allowed``: further
    names that it is known by."""

    def __init__(self, app: ASGIApp, host: str = "", allowed: Iterable[str] = (), access: Access | None = None) -> None:
        self._app = app
        self._access = access
        self._rate = Rate(PER_S, BURST)
        own = {host.lower()} - _EVERYWHERE
        self._names = LOCAL | own | {name.lower() for name in allowed}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        refused = self._refusal(headers)
        code = 403
        if refused is None:
            refused, code = self._limit(scope, headers)
        app = self._app if refused is None else JSONResponse(refused.model_dump(), code, _MORE.get(code))
        await app(scope, receive, guarded)

    def _limit(self, scope: Scope, headers: Headers) -> tuple[Problem | None, int]:
        """Too much, too often, or without the token: the refusal and its status."""
        size = headers.get("content-length", "0")
        if not (size.isascii() and size.isdecimal() and int(size) <= _LARGEST) or "transfer-encoding" in headers:
            return Problem(cause="the request is too large.", cure=f"Send at most {_LARGEST:,} bytes."), 413
        client = scope.get("client")
        if not self._rate.allows(client[0] if client else ""):
            return Problem(cause="too many requests.", cure="Wait a second, and ask less often."), 429
        path: str = scope["path"]
        if self._access is None or not path.startswith(_DATA) or path.startswith(_FREE):
            return None, 0
        # A proxy on this machine asks in the name of others: what it is known by tells it from this machine's browser.
        free = self._access.open_reading and _name_of(f"//{headers.get('host', '')}") in LOCAL
        if (free and not _FORWARDED.intersection(headers.keys())) or self._access.until(headers):
            return None, 0
        cure = "Sign in on the page, or send the operator's token: Authorization: Bearer …"
        return Problem(cause="reading takes the operator's token here.", cure=cure), 401

    def _refusal(self, headers: Headers) -> Problem | None:
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        host = hosts[0] if len(hosts) == 1 else ""
        name = _name_of(f"//{host}")
        if name not in self._names:
            return Problem(
                cause=f"this server is not known as {name or 'a host without a name'}.",
                cure="Ask for it by its address, or add the name to api.allowed_hosts (PROFIT_API_ALLOWED_HOSTS).",
            )
        for origin in origins:
            if urlsplit(origin).netloc.lower() != host.lower():
                return Problem(cause=f"a page of {origin[:200]} may not ask here.", cure="Use the page of this server.")
        return None


_MORE: Final = {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": "1"}}
_FORWARDED: Final = frozenset({"x-forwarded-for", "forwarded", "x-real-ip"})


def _name_of(url: str) -> str:
    """The host in a URL, without its port; "" where there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
