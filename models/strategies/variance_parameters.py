"""What strategies that rest on the variance of spot may be set to.

>>> VarianceParameters().half_life_s
900.0
"""

from __future__ import annotations

from pydantic import Field

from models.section import Section


class VarianceParameters(Section):
    """The keys that all of them have; the features are computed once for instances that have the same values."""

    enabled: bool = True
    half_life_s: float = Field(900, gt=0, description="of the EWMA variance")
    sample_s: int = Field(5, ge=1, le=60, description="returns are taken over this long")
    warm_up_s: float = Field(60, ge=0, description="of spot before the first evaluation")
