"""The states of an instance, what each lets it do, and which steps there are.

    shadow ──▶ canary ──▶ active ──▶ reduced ──▶ disabled
      ◀──────────┘           ◀───────────┘            (out of disabled by the operator alone)

``shadow``: judged and not entered. ``canary``: entered at a small part of its size. ``active``: at full size.
``reduced``: at half of it, after its expectancy turned. ``disabled``: not entered any more.

>>> "active" in STEPS["shadow"], "active" in STEPS["canary"], STEPS["disabled"]
(False, True, ())
>>> [factor(each, canary=0.25) for each in PROMOTION_STATES]
[0.0, 0.25, 1.0, 0.5, 0.0]
"""

from __future__ import annotations

from typing import Final, Literal

PromotionState = Literal["shadow", "canary", "active", "reduced", "disabled"]
PROMOTION_STATES: Final[tuple[PromotionState, ...]] = ("shadow", "canary", "active", "reduced", "disabled")
#: What may follow each. Nothing follows ``disabled``: there the operator says that it begins anew.
STEPS: Final[dict[PromotionState, tuple[PromotionState, ...]]] = {
    "shadow": ("canary", "disabled"),
    "canary": ("active", "shadow", "disabled"),
    "active": ("reduced", "disabled"),
    "reduced": ("active", "disabled"),
    "disabled": (),
}
#: What stands behind an instance's id in that of its paper twin.
TWIN: Final = "-twin"
#: Of the size, by how much it risks: a state with more is a step up and needs evidence.
_FACTORS: Final[dict[str, float]] = {"shadow": 0.0, "active": 1.0, "reduced": 0.5, "disabled": 0.0}


def factor(state: str, canary: float) -> float:
    """What a state's sizes are multiplied with; ``canary``: at that state. 1 for what is no state of a promotion."""
    return canary if state == "canary" else _FACTORS.get(state, 1.0)
