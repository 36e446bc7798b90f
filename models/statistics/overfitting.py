"""How often choosing the best on one half of the past chose badly for the other half: PBO by CSCV.

The observations are cut into blocks; each half of the blocks in turn is what one chooses on, the rest what comes.
The probability of backtest overfitting is the share of these choices whose best ends below the median of the rest: 0.5
for choosing among worthless ones, near 0 where one is truly better. Bailey, Borwein, Lopez de Prado and Zhu, "The
probability of backtest overfitting", Journal of Computational Finance 2017, section 2. Observations whose holding
overlaps are to be joined first (``models.promotion.observations`` does so by hours).

>>> import numpy as np
>>> noise = np.random.default_rng(3).normal(size=(6, 240))
>>> noise[2] += 0.5
>>> backtest_overfitting(noise, blocks=8)
0.0
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt


def backtest_overfitting(returns: npt.ArrayLike, blocks: int = 16) -> float:
    """The share of overfitted choices. ``returns``: one row a strategy, one column an observation, in order of time.
    Raises ValueError for fewer than two rows, fewer columns than blocks, or an odd number of blocks."""
    table = np.asarray(returns, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] < 2:
        raise ValueError("at least two strategies are needed, one row each")
    if blocks < 2 or blocks % 2 or table.shape[1] < blocks:
        raise ValueError(f"{table.shape[1]} observations cannot be cut into {blocks} blocks, an even number")
    parts = np.array_split(np.arange(table.shape[1]), blocks)
    chosen, worse = 0, 0
    for picked in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[each] for each in picked])
        outside = np.concatenate([parts[each] for each in range(blocks) if each not in picked])
        best = int(np.argmax(_ratios(table[:, inside])))
        later = _ratios(table[:, outside])
        # the place of the chosen one among all, ties shared; below the middle is a bad choice
        place = 1.0 + float((later < later[best]).sum()) + 0.5 * (float((later == later[best]).sum()) - 1.0)
        worse += place / (table.shape[0] + 1) < 0.5
        chosen += 1
    return worse / chosen


def _ratios(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The Sharpe ratio of each row; 0 where nothing varies."""
    spread = rows.std(axis=1, ddof=1) if rows.shape[1] > 1 else np.zeros(rows.shape[0])
    varies = np.ptp(rows, axis=1) > 0.0
    return np.where(varies, rows.mean(axis=1) / np.where(varies, spread, 1.0), 0.0)
