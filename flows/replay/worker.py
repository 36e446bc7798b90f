"""One process of a replay's cluster: ``python -m flows.replay.worker RUN STAGE PROCESS [HOST:PORT …]``.

It dies with its parent: the pipe that is its standard input ends then.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import cast

from connectors.failures import explained, unforeseen
from connectors.lifeline import watch_parent
from flows.engine import run
from flows.replay.plan import Stage, flow_of, load_plan

ORPHANED = 3


def main() -> None:
    folder, stage, process, *addresses = sys.argv[1:]
    watch_parent(lambda: os._exit(ORPHANED))
    plan = load_plan(Path(folder))
    name = cast(Stage, stage)
    cluster = addresses if len(addresses) > 1 else None
    try:
        run(
            flow_of(plan, name),
            plan.recovery(name),
            plan.snapshot_s,
            int(process) if cluster else None,
            cluster,
        )
    except Exception as error:
        if os.environ.get("PROFIT_TEST_TRACEBACK"):
            raise
        failure = explained(error) or unforeseen(error)
        print(f"{failure.cause}\n{failure.cure}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
