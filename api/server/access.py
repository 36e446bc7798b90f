"""Who may read and who may command: the operator's token, sessions made with it, and how often anyone may ask.

Reading is free on this machine alone. Where the server listens beyond it, or is asked by another name (a proxy), it
takes the operator's token, as does every command. A browser changes the token for a cookie that lasts half a day; the
cookie is made of the token, so that it outlives a restart of the server and dies with the token.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers

from connectors.operator.token import read_token
from models.failures import Failure

COOKIE: Final = "profit_session"
SESSION_S: Final = 12 * 3_600
_CLIENTS: Final = 10_000


class Access:
    """``token_file``: the operator's token. ``open_reading``: whether reading needs none."""

    def __init__(self, token_file: Path, open_reading: bool, clock: Callable[[], float] = time.time) -> None:
        self._file = token_file
        self.open_reading = open_reading
        self._clock = clock

    def token(self) -> str:
        """The operator's token. Raises Failure where there is none, or others may read it."""
        return read_token(self._file)

    def is_token(self, given: str) -> bool:
        """Whether ``given`` is the operator's token. Raises Failure as ``token`` does."""
        return hmac.compare_digest(given.strip().encode(), self.token().encode())

    def session(self) -> tuple[str, int]:
        """A cookie's value, and when it ends (Unix seconds). Raises Failure as ``token`` does."""
        until = int(self._clock()) + SESSION_S
        return f"{until}.{self._seal(until)}", until

    def until(self, headers: Headers) -> int:
        """Until when (Unix seconds) the one who asks is the operator; 0 for nobody. A token in ``Authorization`` is
        good for this one request."""
        try:
            scheme, _, given = headers.get("authorization", "").partition(" ")
            if scheme.lower() == "bearer":
                return int(self._clock()) + 1 if self.is_token(given) else 0
            return self._of_cookie(headers)
        except Failure:
            return 0

    def _of_cookie(self, headers: Headers) -> int:
        for part in headers.get("cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            end, _, seal = value.partition(".")
            if name != COOKIE or not (end.isascii() and end.isdecimal() and len(end) < 15):
                continue
            until = int(end)
            if until > self._clock() and hmac.compare_digest(seal.encode(), self._seal(until).encode()):
                return until
        return 0

    def _seal(self, until: int) -> str:
        key = hashlib.sha256(b"profit session " + self.token().encode()).digest()
        return hmac.new(key, str(until).encode(), hashlib.sha256).hexdigest()


class Rate:
    """At most ``per_s`` requests a second of one client in the long run, ``burst`` at once."""

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, client: str) -> bool:
        now = self._clock()
        left, at = self._left.pop(client, (self._burst, now))
        left = min(left + (now - at) * self._per_s, self._burst)
        allowed = left >= 1.0
        self._left[client] = (left - 1.0 if allowed else left, now)
        while len(self._left) > _CLIENTS:
            del self._left[next(iter(self._left))]
        return allowed
