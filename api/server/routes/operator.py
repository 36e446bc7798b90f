"""The operator: signing in, commands, and what the trading flow answered."""

from __future__ import annotations

import getpass
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from pydantic import BaseModel

from api.commanding import instruction
from api.server import presenting
from api.server.access import COOKIE, SESSION_S, Rate
from api.server.alerting import Alert
from api.server.formats import iso
from api.server.problems import COMMANDS
from api.server.state import ServerState
from api.server.views.operator import Acknowledged, Answers, Given, SessionView, SignIn
from models.failures import Failure
from models.timestamps import SECOND

#: Tries of a token, and commands, of all clients together: nobody types faster.
_PER_S = 2.0
_BURST = 20.0


class AlertsView(BaseModel):
    """What people were told of, the latest first."""

    alerts: list[Alert]


def router(state: ServerState) -> APIRouter:
    made = APIRouter(prefix="/api", tags=["operator"])
    rate = Rate(_PER_S, _BURST)

    @made.get("/session")
    async def session(request: Request) -> SessionView:
        """Whether this client may command."""
        until = state.access.until(request.headers)
        return SessionView(signed_in=bool(until), until=iso(until * SECOND))

    @made.post("/session", responses=COMMANDS)
    def sign_in(given: SignIn, request: Request, response: Response) -> SessionView:
        """Change the operator's token for a cookie of half a day."""
        _slowly(rate)
        if not state.access.is_token(given.token):
            raise HTTPException(401, "this is not the operator's token")
        value, until = state.access.session()
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, value, max_age=SESSION_S, httponly=True, samesite="strict", secure=secure)
        return SessionView(signed_in=True, until=iso(until * SECOND))

    @made.delete("/session")
    async def sign_out(response: Response) -> SessionView:
        """Forget the cookie."""
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return SessionView(signed_in=False, until="")

    # Not async: it waits for the flow's answer, in a thread.
    @made.post("/control", responses=COMMANDS)
    def control(given: Given, request: Request) -> Acknowledged:
        """Command the trading flow. Answered by the flow and not by this server: what it did, or why not. Takes the
        operator's token (``Authorization: Bearer …``) or a session made with it."""
        _slowly(rate)
        if not state.access.until(request.headers):
            raise HTTPException(401, "a command takes the operator's token")
        asked = instruction(given.do, given.subject or given.market, given.what, given.why, given.to)
        if state.give is None:
            raise Failure("nothing runs here that could obey: this run is finished.", "Open the page of a running one.")
        return presenting.answer(state.give(asked, getpass.getuser()))

    @made.get("/answers")
    async def answers(limit: Annotated[int, Query(ge=1, le=100)] = 20) -> Answers:
        """What the flow answered to commands, the latest first."""
        found = state.hub.board.answer_records(limit)
        return Answers(answers=[presenting.answer(each) for each in found])

    @made.get("/alerts")
    async def alerts() -> AlertsView:
        """Kill, pause, loss of a feed, anomaly, stop-loss since the server's start."""
        return AlertsView(alerts=list(reversed(state.alerting.kept)))

    return made


def _slowly(rate: Rate) -> None:
    if not rate.allows("all"):
        raise HTTPException(429, "too many commands or tries of a token: wait some seconds", {"Retry-After": "5"})
