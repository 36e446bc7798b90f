"""The features there are.

>>> FEATURES["strike"].events == {"second", "market"}
True
"""

from __future__ import annotations

from models.features import (
    fair,
    fair_move,
    flow,
    mid_move,
    settlement_average,
    spot_move,
    spot_price,
    strike,
    strikes,
    time_left,
    variance,
)
from models.features.feature import Feature

FEATURES: dict[str, Feature] = {
    each.name: each
    for each in (
        spot_price.FEATURE,
        strike.FEATURE,
        variance.FEATURE,
        settlement_average.FEATURE,
        time_left.FEATURE,
        fair.FEATURE,
        spot_move.FEATURE,
        fair_move.FEATURE,
        mid_move.FEATURE,
        flow.FEATURE,
        strikes.FEATURE,
    )
}
