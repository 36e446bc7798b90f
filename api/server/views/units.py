"""Units and words that many answers have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

Status = Literal["online", "degraded", "offline", "missing", "ended"]

Time = Annotated[str, Field(description="UTC, ISO 8601 with nanoseconds; empty for never")]
Usd = Annotated[float, Field(description="dollars")]
Price = Annotated[float, Field(description="dollars a share")]
Shares = Annotated[float, Field(description="shares")]
Seconds = Annotated[float, Field(description="seconds")]
MarketKey = Annotated[str, Field(description="key of the market, as on the topics")]
Title = Annotated[str, Field(description="the market in words")]
