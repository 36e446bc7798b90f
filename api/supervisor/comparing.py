"""The comparison of a running run with its replay, as a process of its own: ``python -m api.supervisor.comparing
ARCHIVE``. It gives way to every other process, and ends with the one that started it. Prints the result as JSON."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from connectors.failures import explained, unforeseen
from connectors.lifeline import watch_parent
from flows.replay.again import compare_again

LEAST: Final = 19  # of priority


def main() -> None:
    watch_parent(lambda: os._exit(3))
    os.nice(LEAST)
    try:
        result = compare_again(Path(sys.argv[1]), running=True, owner=os.getpid())
    except Exception as error:
        failure = explained(error) or unforeseen(error)
        print(f"{failure.cause} {failure.cure}", file=sys.stderr)
        raise SystemExit(1) from None
    print(msgspec.json.encode(result).decode())


if __name__ == "__main__":
    main()
