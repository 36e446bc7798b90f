"""How many threads a process that reads or writes archives gives to them."""

from __future__ import annotations

from typing import Final

#: Environment of such a process. The tables of polars are small here: a pool of threads takes more than it gives.
ONE_THREAD: Final = {"POLARS_MAX_THREADS": "1"}
