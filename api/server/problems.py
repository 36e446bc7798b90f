"""What an answer looks like that is none: its cause, its cure, and where the document says so."""

from __future__ import annotations

from typing import Any, Final

from fastapi.responses import JSONResponse

from api.server.views.problem import Problem

Responses = dict[int | str, dict[str, Any]]
_PROBLEM: Final = {"model": Problem}
CONFLICT: Final[Responses] = {409: _PROBLEM}
NOT_FOUND: Final[Responses] = {404: _PROBLEM, **CONFLICT}
COMMANDS: Final[Responses] = {401: _PROBLEM, 429: _PROBLEM, **CONFLICT}
#: What any address may answer.
ANYWHERE: Final[Responses] = dict.fromkeys((400, 401, 403, 413, 422, 429), _PROBLEM)
_CURES: Final = {
    401: "Sign in with the token in operator.token of the data folder, or send it: Authorization: Bearer …",
    404: "See the list that it should be in; /docs has all addresses.",
    405: "See /docs for what may be asked how.",
    429: "Wait some seconds.",
}


def problem(code: int, cause: str) -> JSONResponse:
    """An HTTP error as the contract of problems has it."""
    return JSONResponse(Problem(cause=cause, cure=_CURES.get(code, "Correct the request.")).model_dump(), code)
