"""What a filter names has to exist: nothing found by a name that nobody has is a wrong name, and not an empty list."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from fastapi import HTTPException

_MOST_TOLD = 12


def found_by(what: str, name: str, names: Iterable[str], found: Collection[object]) -> None:
    """Raises 404 where nothing was ``found`` by the filter ``name`` and it is none of ``names``, with those there are.
    ``what``: the singular of what they are, as "instance"."""
    if not name or found:
        return
    there = sorted(set(names))
    if name in there:
        return
    told = ", ".join(there[:_MOST_TOLD]) + (f" and {len(there) - _MOST_TOLD} more" if len(there) > _MOST_TOLD else "")
    raise HTTPException(404, f"there is no {what} {name[:80]}; there {'are ' + told if there else 'is none yet'}")
