"""An answer that is none."""

from __future__ import annotations

from pydantic import BaseModel


class Problem(BaseModel):
    """An answer that is none: what is wrong, and how to mend it."""

    cause: str
    cure: str
