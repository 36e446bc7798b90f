"""Whether the best of several strategies beats doing nothing, counting how many were looked at: SPA and StepM.

Hansen, "A test for superior predictive ability", Journal of Business and Economic Statistics 2005; Romano and Wolf,
"Stepwise multiple testing as formalized data snooping", Econometrica 2005. Both through the package `arch`, which
compares losses, so returns are negated; it comes with the extra ``evidence`` and is imported only when asked.

>>> import numpy as np
>>> noise = np.random.default_rng(1).normal(size=(3, 200))
>>> found = superior({"a": noise[0], "b": noise[1], "good": noise[2] + 0.5}, seed=1, paths=200)
>>> found.p_value < 0.05, found.better
(True, ['good'])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from models.failures import Failure
from models.statistics.bootstrap import block_length


class Superior(msgspec.Struct, frozen=True):
    """``p_value``: of SPA (consistent), that none is better than nothing; ``better``: those that StepM calls better, at
    the level that was asked for, all together."""

    p_value: float
    better: list[str]


def superior(
    returns: Mapping[str, Sequence[float] | Any], level: float = 0.05, seed: int = 0, paths: int = 1_000
) -> Superior:
    """Test the strategies' returns, all of one length, against returns of 0. Raises Failure where `arch` is not
    installed, ValueError without strategies."""
    if not returns:
        raise ValueError("there are no returns to compare")
    try:
        from arch.bootstrap import SPA, StepM
    except ImportError:
        raise Failure(
            "the package arch, which SPA and StepM need, is not installed.",
            "Install the extra: .venv/bin/pip install -e .[evidence]",
        ) from None
    names = list(returns)
    losses = -np.column_stack([np.asarray(returns[name], dtype=np.float64) for name in names])
    nothing = np.zeros(losses.shape[0])
    block = block_length(losses.shape[0])
    test = SPA(nothing, losses, block_size=block, reps=paths, seed=seed)
    test.compute()
    steps = StepM(nothing, losses, size=level, block_size=block, reps=paths, seed=seed)
    steps.compute()
    better = [names[int(str(each))] for each in steps.superior_models]
    return Superior(float(test.pvalues["consistent"]), better)
