"""Expected failures: what went wrong and how to mend it, for people."""

from __future__ import annotations


class Failure(Exception):
    """A failure the user can act on: one line of cause, one of cure. The command line prints both and exits with 1."""

    def __init__(self, cause: str, cure: str) -> None:
        super().__init__(f"{cause} {cure}")
        self.cause = cause
        self.cure = cure
