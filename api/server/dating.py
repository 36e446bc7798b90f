"""How old an answer is: the headers ``Profit-As-Of`` and ``Profit-Age`` of everything under ``/api/``."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.server.formats import iso
from api.server.hub import Hub


class Dated:
    """``app`` with the age of the newest record (seconds since it came, 0 for a finished run) on its answers."""

    def __init__(self, app: ASGIApp, hub: Hub, finished: bool) -> None:
        self._app, self._hub, self._finished = app, hub, finished

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/"):
            await self._app(scope, receive, send)
            return

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                board = self._hub.board
                age = 0.0 if self._finished else board.age_s(self._hub.now())
                headers = MutableHeaders(scope=message)
                headers["Profit-As-Of"] = iso(board.newest_ns)
                headers["Profit-Age"] = "" if age is None else f"{age:.3f}"
            await send(message)

        await self._app(scope, receive, dated)
