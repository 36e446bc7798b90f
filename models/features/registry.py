"""The features there are.

>>> FEATURES["strike"].events == {"second", "market"}
True
"""

from __future__ import annotations

from models.features import fair, settlement_average, spot_price, strike, time_left, variance
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
    )
}
