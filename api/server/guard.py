"""Who may ask, and what every answer carries.

A foreign page can make a browser ask this server by a name of its own that it lets point here (DNS rebinding),
and would read positions. So the name that was asked for has to be one of ours, and a request that says which page it
comes from has to come from ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.views import Problem

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
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::"})


class HostGuard:
    """``app`` behind the check of ``Host`` and ``Origin``. ``host``: where the server listens; ``allowed``: further
    names that it is known by."""

    def __init__(self, app: ASGIApp, host: str = "", allowed: Iterable[str] = ()) -> None:
        self._app = app
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

        refused = self._refusal(Headers(scope=scope))
        app = self._app if refused is None else JSONResponse(refused.model_dump(), 403)
        await app(scope, receive, guarded)

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


def _name_of(url: str) -> str:
    """The host in a URL, without its port; "" where there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
