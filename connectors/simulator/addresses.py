"""Where a simulated exchange listens."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Urls:
    """The servers' addresses; the names are those of the ``feeds`` configuration, and ``clock``."""

    polymarket_ws: str
    clob_rest: str
    gamma_rest: str
    coinbase_ws: str
    clock: str

    def as_json(self) -> str:
        return json.dumps(asdict(self))
