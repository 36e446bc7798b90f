"""How well the fair value that a run stated came true: from its sampled features and its outcomes alone.

`profit report --model` scores forecasts at exact times and beside the market's mid; this is the quick picture that
every run's report can have, made of the samples that the run published.
"""

from __future__ import annotations

from typing import Final

from connectors.archive.reader import ArchiveReader
from models.contracts import Features, Outcome
from models.money import PIP
from models.scores import Bin, reliability
from models.topics import FEATURES, OUTCOMES

HORIZONS_S: Final = (1_800, 600, 240, 120, 60)
_NEAR_S: Final = 30.0  # a sample this far from the horizon stands for it


def stated_reliability(reader: ArchiveReader) -> dict[str, list[Bin]]:
    """By seconds left, the bins of a reliability diagram: the sample of each market nearest to that time. Markets that
    were split or have no outcome are left out."""
    won = {}
    for record in reader.read(OUTCOMES):
        outcome = Outcome.read(record.value)
        won[outcome.market_key] = outcome.payout_up
    best: dict[tuple[int, str], tuple[float, float]] = {}  # (horizon, market) -> (how far off, forecast)
    for record in reader.read(FEATURES):
        row = Features.read(record.value)
        left, fair = row.values.get("time_left_s"), row.values.get("fair")
        if won.get(row.market_key) not in (0, PIP) or not isinstance(left, int | float) or not isinstance(fair, float):
            continue
        for horizon in HORIZONS_S:
            off = abs(left - horizon)
            if off <= _NEAR_S and off < best.get((horizon, row.market_key), (_NEAR_S + 1.0, 0.0))[0]:
                best[horizon, row.market_key] = (off, fair)
    found: dict[str, list[Bin]] = {}
    for horizon in HORIZONS_S:
        pairs = [(fair, won[market] == PIP) for (at, market), (_, fair) in best.items() if at == horizon]
        if pairs:
            found[str(horizon)] = reliability([fair for fair, _ in pairs], [up for _, up in pairs])
    return found
