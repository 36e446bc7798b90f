"""The numbers that decisions on promotion go by, and what a look at an instance found.

>>> from models.promotion.sections import PromotionSettings
>>> terms_of(PromotionSettings(alpha=0.01)).alpha
0.01
"""

from __future__ import annotations

import msgspec

from models.contracts import CriterionRow
from models.promotion.sections import PromotionSettings
from models.promotion.states import PromotionState
from models.reasons import Reason, Verdict


class PromotionTerms(msgspec.Struct, frozen=True):
    """The numbers of ``[promotion]`` that decisions go by, as plain data."""

    alpha: float
    canary_alpha: float
    canary_hours: int
    hours: int
    lots: int
    dwell_h: float
    stable_share: float
    cell: int
    credible_share: float
    clean_h: float
    reduce_alpha: float
    disable_alpha: float
    patience: int
    canary_factor: float
    drawdown: float
    band_horizon: int
    band_rate: float
    band_haircut: float


def terms_of(settings: PromotionSettings) -> PromotionTerms:
    """The terms of the settings."""
    return PromotionTerms(**{name: getattr(settings, name) for name in PromotionTerms.__struct_fields__})


class SeenEvidence(msgspec.Struct, frozen=True):
    """What a look rests on, before anything began anew: as in ``models.contracts.PromotionDecision``. ``window``: Unix
    ns of the first and last of it."""

    window: tuple[int, int]
    observations: int
    e_value: float
    e_threshold: float
    level: float
    forecast: float
    loss: float


class PromotionLook(msgspec.Struct, frozen=True):
    """What was found at a look. ``rows``: all that was asked; ``bands``: those in force, and what happened."""

    old: PromotionState
    new: PromotionState
    verdict: Verdict
    reason: Reason
    text: str
    rows: tuple[CriterionRow, ...]
    seen: SeenEvidence
    bands: tuple[CriterionRow, ...] = ()
