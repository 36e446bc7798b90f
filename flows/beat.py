"""The clock tick by which a flow's windows close."""

from __future__ import annotations

import msgspec


class Beat(msgspec.Struct, frozen=True, gc=False):
    """A clock tick on its way to the windows: closes those that ended before ``t`` (Unix ns)."""

    t: int
