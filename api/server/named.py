"""What a request names has to exist. Nothing found by a name that nobody has is a wrong name, and not an empty list; a
parameter or a place in a list that is none is not passed over."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import get_origin

from fastapi import HTTPException, Request
from fastapi.routing import APIRoute

_MOST_TOLD = 12


def only_parameters(request: Request) -> None:
    """Raises 422 for a parameter that the address does not take: misspelt, it would be as if it were not there. So for
    one that is given twice and holds one value: one of them would be."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    fields = route.dependant.query_params
    there = [each.alias for each in fields]
    several = {each.alias for each in fields if get_origin(each.field_info.annotation) is list}
    for name in request.query_params:
        if name not in there:
            told = f"there are {', '.join(there)}" if there else "it takes none"
            raise HTTPException(422, f"there is no parameter {name[:80]}; {told}")
        if name not in several and len(request.query_params.getlist(name)) > 1:
            raise HTTPException(422, f"{name} is given more than once: it takes one value")


def place_of(pattern: re.Pattern[str], before: str) -> tuple[int, str] | None:
    """The place that ``before`` names, None where it is empty. Raises 422 where it is no ``next`` of a page."""
    match = pattern.fullmatch(before)
    if before and match is None:
        raise HTTPException(422, "before: that is not the next of a page")
    return (int(match[1]), match[2]) if match else None


def found_by(what: str, name: str, names: Callable[[], Iterable[str]], found: Collection[object]) -> None:
    """Raises 404 where nothing was ``found`` by the filter ``name`` and it is none of ``names()``, with those that
    there are. ``what``: the singular of what they are, as "instance"."""
    if not name or found:
        return
    there = set(names())
    if name in there:
        return
    told = f"are {listed(there)}" if there else "is none yet"
    raise HTTPException(404, f"there is no {what} {name[:80]}; there {told}")


def listed(names: Iterable[str]) -> str:
    """The names in order, the first of many."""
    there = sorted(names)
    more = len(there) - _MOST_TOLD
    return ", ".join(there[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
