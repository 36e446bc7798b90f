"""The same events through our trading line and through nautilus_trader's backtest engine, events a second side by side.

nautilus_trader is no dependency of ours: ``PEERS_PYTHON`` names a Python that has it (``pip install
nautilus_trader`` in a venv of its own). Where it is not set, the benchmark is skipped.

What both do at the same events is one function, the fair value against both asks (``benchmarks.peers_nautilus``); ours
goes the whole way besides: data gate, spans, refusals, telemetry, ledger. One strategy is on in ours.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.families import settings_for
from benchmarks.figures import Result, alternate
from benchmarks.options import Options
from benchmarks.recordings import journal_of, simulated
from connectors.simulator.exchange import ExchangeParameters
from flows.trading_line.line import TradingLine
from models.journal import AnyEvent, Book, Market, Spot, decode_event
from models.money import DOLLAR, PIP
from models.settings import Settings

NAME = "peers"
VARIABLE: Final = "PEERS_PYTHON"
SECONDS = 420
QUICK_SECONDS = 100
ROUNDS = 3
OURS, THEIRS = "our trading line", "nautilus_trader"


def measure(options: Options) -> Result:
    """Journal events of spot and books a second of processor time, and the ratio."""
    result = Result(NAME)
    python = os.environ.get(VARIABLE, "")
    if not python or subprocess.run([python, "-c", "import nautilus_trader"], capture_output=True).returncode:
        result.skipped = f"{VARIABLE} names no Python that has nautilus_trader"
        return result
    seconds, rounds = (QUICK_SECONDS, 1) if options.quick else (SECONDS, ROUNDS)
    options.say(f"simulating {seconds} s")
    settings = settings_for("updown_fair_value")
    records = simulated(seconds, ExchangeParameters(assets=("BTC",)))
    events = [decode_event(each.value) for each in journal_of(records, settings)]
    rows = rows_of(events, settings)
    count = len(rows["events"])
    with tempfile.TemporaryDirectory(prefix="profit-peers-") as place:
        file = Path(place) / "rows.json"
        file.write_text(json.dumps(rows))
        runs = alternate(rounds, {OURS: lambda: ours(events, settings), THEIRS: lambda: theirs(python, file)})
    for name, seconds_taken in runs.items():
        result.add(name, "events/s", [count / each for each in seconds_taken])
    pairs = zip(runs[OURS], runs[THEIRS], strict=True)
    result.add(f"{OURS} / {THEIRS}", "ratio", [other / own for own, other in pairs])
    result.notes.append(f"{count:,} spot prices and books; processor time of the run alone")
    return result


def rows_of(events: list[AnyEvent], settings: Settings) -> dict[str, Any]:
    """What another engine needs: markets whose strike is known, and each spot price and pair of sound books."""
    markets = {each.key: each for each in events if isinstance(each, Market) and each.strike is not None}
    rows: list[tuple[Any, ...]] = []
    for event in events:
        if isinstance(event, Spot) and event.ok:
            rows.append((event.t, "", event.price / DOLLAR))
        elif isinstance(event, Book) and event.key in markets:
            both = (event.up, event.down)
            if all(each is not None and each.bids and each.asks for each in both):
                best = [side[0][0] / PIP for each in both if each is not None for side in (each.bids, each.asks)]
                rows.append((event.t, event.key, *best))
    return {
        "threshold": settings.fair_value.min_edge + settings.fair_value.margin,
        "markets": [
            {
                "key": each.key,
                "start": each.start,
                "end": each.end,
                "strike": (each.strike or 0) / DOLLAR,
                "lookback": each.rule.lookback_s if each.rule is not None else 0,
                "rate": each.fee_rate / 1_000_000,
            }
            for each in markets.values()
        ],
        "events": rows,
    }


def ours(events: list[AnyEvent], settings: Settings) -> float:
    """Seconds of processor time of our line."""
    line = TradingLine(settings)
    gc.collect()
    begun = time.process_time()
    for event in events:
        line.advance(event)
    return time.process_time() - begun


def theirs(python: str, file: Path) -> float:
    """Seconds of processor time of the other engine's run."""
    root = Path(__file__).parents[1]
    words = [python, "-m", "benchmarks.peers_nautilus", str(file)]
    made = subprocess.run(words, cwd=root, capture_output=True, text=True, check=True)
    return float(json.loads(made.stdout.strip().splitlines()[-1])["seconds"])
