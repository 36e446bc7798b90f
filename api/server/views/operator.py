"""Commands of the operator, what the flow did with them, and signing in."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from api.server.views.units import Time


class Given(BaseModel):
    """A command to the trading flow."""

    do: Literal[
        "pause", "resume", "kill", "release", "flatten", "close", "gate", "arm", "confirm", "disarm", "enable",
        "disable", "size",
    ]  # fmt: skip
    market: str = Field("", max_length=200, description="with close: the market's key")
    subject: str = Field("", max_length=200, description="what it is about: market, gate, phrase or instance")
    what: str = Field("", max_length=200, description="with release: kill (default), anomaly, or breaker:NAME")
    why: str = Field("", max_length=500, description="with release: the explanation; an anomaly needs one")
    to: float | None = Field(None, ge=0, le=1, description="with size: of the full size")


class Acknowledged(BaseModel):
    """What the trading flow did with a command."""

    command: str
    what: str
    by: str
    verdict: str
    reason: str
    text: str
    time: Time


class Answers(BaseModel):
    """What the flow answered to operators, the latest first."""

    answers: list[Acknowledged]


class SignIn(BaseModel):
    """The operator's token, as the file ``operator.token`` has it."""

    token: str = Field(max_length=200)


class SessionView(BaseModel):
    signed_in: bool
    until: Time
