"""The whole fuzzing run: `python -m tests.fuzz.run --frames 1000000 --workers 2`.

Each worker draws from a generator of its own, so that the same seed and number of workers give the same frames. Fails
with the frame that broke a rule; prints what became of all of them otherwise, as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutation import Mutator
from tests.fuzz.seeds import Seeds, seeds
from tests.fuzz.subjects import Decoders, Doors, Line, Markets, Order

ROOT = Path(__file__).parents[2]
#: share of each kind of frame in the whole; what is left goes to the market channel's "book"
SHARES: dict[str, float] = {
    "price_change": 0.16, "best_bid_ask": 0.04, "last_trade_price": 0.05, "tick_size_change": 0.03,
    "market_resolved": 0.03, "new_market": 0.03, "rest": 0.06, "gamma": 0.07, "clob": 0.03, "coinbase_l2_data": 0.12,
    "coinbase_ticker": 0.05, "coinbase_market_trades": 0.05, "coinbase_heartbeats": 0.01,
    "coinbase_subscriptions": 0.01, "coinbase_exchange_2021": 0.02, "own": 0.04, "envelope": 0.02, "event": 0.03,
    "input": 0.01,
}  # fmt: skip
DOORS = 0.12  # of the frames of the sockets and of REST, go to the doors and not to the line
MARKETS = 0.10  # of the market objects, likewise


def recordings() -> Path | None:
    folder = Path(os.environ.get("PROFIT_TEST_DATA", ROOT.parent / "shared" / "data"))
    return folder if folder.is_dir() else None


def fuzz(frames: int, seed: int, given: Seeds | None = None) -> dict[str, Any]:
    """Run ``frames`` mutated frames through everything; what became of them. Raises Broken."""
    made = given if given is not None else seeds(recordings())
    random = Random(seed)
    mutators = {kind: Mutator(several, random) for kind, several in made.kinds.items()}
    line, doors, decoders, order = Line(made, random), Doors(made, random), Decoders(), Order(made, random)
    markets = Markets(made, random)
    kinds = [kind for kind in SHARES if kind in mutators]
    weights = [SHARES[kind] for kind in kinds]
    kinds.append("book")
    weights.append(max(0.0, 1.0 - sum(weights)))
    by_kind: Counter[str] = Counter()
    sizes: list[int] = []
    begun, used = time.monotonic(), time.process_time()
    for number, kind in enumerate(random.choices(kinds, weights, k=frames)):
        frame = mutators[kind].draw()
        by_kind[kind] += 1
        chance = random.random()
        if kind in ("envelope", "event") or (kind == "own" and chance < 0.3):
            decoders.take(kind, frame)
            if kind != "event":
                order.take(kind, frame)
        elif kind in ("gamma", "clob") and chance < MARKETS:
            markets.take(kind, frame)
        elif chance < DOORS and kind not in ("own", "input"):
            doors.take(kind, frame)
        else:
            line.take(kind, frame)
        if (number + 1) % max(1, frames // 8) == 0:
            sizes.append(line.state_size())
    return {
        "frames": frames,
        "kinds": dict(by_kind.most_common()),
        "line": {
            "frames": line.frames,
            "decoded": line.decoded,
            "dead_lettered": dict(line.dead),
            "dead_letters_by_detail": dict(line.details.most_common(40)),
            "events": dict(line.events.most_common()),
            "findings": dict(line.found.most_common()),
            "sound_books": line.ok_books,
        },
        "doors": {"frames": doors.frames, "undecodable": doors.undecodable, "gave_up": dict(doors.faults)},
        "markets_door": {"frames": markets.frames, **markets.outcomes},
        "decoders": {"frames": decoders.frames, "decoded": decoders.decoded, "refused": dict(decoders.refused)},
        "order": {"frames": order.frames, "losses": order.lost},
        "snapshot_bytes": sizes,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "seconds": round(time.monotonic() - begun, 1),
        "processor_seconds": round(time.process_time() - used, 1),
    }


def merge(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Counts added up; lists and sizes side by side."""
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if isinstance(value, dict):
                whole[name] = merge([whole.get(name, {}), value])
            elif isinstance(value, list):
                whole.setdefault(name, []).append(value)
            elif name in ("seconds", "memory_mb"):
                whole[name] = max(whole.get(name, 0), value)
            else:
                whole[name] = whole.get(name, 0) + value
    return whole


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--frames", type=int, default=1_000_000)
    asked.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    asked.add_argument("--seed", type=int, default=1, help="0 = the day's: days since 1970")
    given = asked.parse_args()
    seed = given.seed or int(time.time() // 86_400)
    print(f"seed {seed}, {given.workers} workers", file=sys.stderr, flush=True)
    share = -(-given.frames // given.workers)
    if given.workers == 1:
        parts = [fuzz(share, seed)]
    else:
        with ProcessPoolExecutor(given.workers) as pool:
            parts = list(pool.map(fuzz, [share] * given.workers, range(seed, seed + given.workers)))
    print(json.dumps(merge(parts), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
