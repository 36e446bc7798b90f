"""The judge of a world: the promotion rules as they stand, given what the world's instance was filled.

The instance begins as a shadow beside a paper twin, as new ones do; what it buys is its twin's while it is a shadow and
its own after that, at the size of its state. A look follows every settlement.
"""

from __future__ import annotations

from typing import Final

import msgspec

from connectors.clock import NS
from flows.worlds.kinds import BUDGET, INSTANCE, STRATEGY
from models.contracts import Fill, Outcome
from models.money import DOLLAR
from models.promotion.candidate import Bought
from models.promotion.promoter import Promoter
from models.promotion.regimes import Regimes
from models.promotion.sections import PromotionSettings
from models.promotion.states import TWIN, factor
from models.promotion.terms import terms_of

UNDERLYING: Final = "BTC"
HOUR_NS: Final = 3_600 * NS
_DEMOTED: Final = ("reduced", "disabled")


class StateChange(msgspec.Struct, frozen=True):
    """A change of state at ``t``, Unix ns, and why."""

    t: int
    old: str
    new: str
    text: str


class Judge:
    """Feed it fills, settlements and the clock; ``steps`` are the decisions that changed the state. ``budget``:
    micro-dollars of drawdown. ``dwell``: ns that a state lasts at least before a step up."""

    budget: Final = round(BUDGET * DOLLAR)

    def __init__(self, chosen: PromotionSettings, t: int) -> None:
        self.steps: list[StateChange] = []
        self._canary = chosen.canary_factor
        self.dwell = round(chosen.dwell_h * HOUR_NS)
        self._promoter = Promoter(terms_of(chosen))
        self._promoter.register(INSTANCE, STRATEGY, "shadow", t, (UNDERLYING,))
        self._candidate = self._promoter.candidates[INSTANCE]
        self._regimes = Regimes()
        self._hour = -1
        self._regime = ""
        self._variance = 0.0  # of spot in this hour, from its moves of a minute
        self._price = 0.0

    def fill(self, fill: Fill) -> None:
        """A fill of the instance; it holds to settlement, so all of them buy."""
        if fill.side != "buy":
            raise ValueError("the worlds' instance holds to settlement")
        size, cost = round(fill.size * self.share), round((fill.gross + fill.fee) * self.share)
        if size > 0:
            holder = INSTANCE + TWIN if self._candidate.state == "shadow" else INSTANCE
            self._candidate.bought(
                Bought(
                    fill.timestamp,
                    holder,
                    fill.market_key,
                    fill.outcome,
                    UNDERLYING,
                    size,
                    min(cost, size),
                    fill.evidence,
                    self._regime,
                )
            )

    def settled(self, outcome: Outcome) -> None:
        """A market is over: its lots are closed, and the instance is looked at."""
        self._promoter.settled(outcome.timestamp, outcome.market_key, outcome.payout_up, outcome.payout_down)
        self._look(outcome.timestamp)

    def minute(self, t: int, price: float) -> None:
        """Each minute: it is ``t`` (Unix ns), and spot stands at ``price`` (0: unknown). Hours that are over are
        complete, and the variance of the hour before names the regime of the next."""
        if price > 0.0 and self._price > 0.0:
            move = round(price / self._price - 1.0, 12)
            self._variance += move * move
        self._price = price or self._price
        hour = t // HOUR_NS
        if hour != self._hour:
            if self._hour >= 0:
                self._regime = self._regimes.name(UNDERLYING, self._variance)
            self._hour, self._variance = hour, 0.0
        self._candidate.advance(t)

    def _look(self, t: int) -> None:
        look = self._promoter.look(INSTANCE, t)
        if look.new != look.old:
            self.steps.append(StateChange(t, look.old, look.new, look.text))

    @property
    def share(self) -> float:
        """Of the full size, what the instance trades in its state; a shadow's twin trades the full one."""
        state = self._candidate.state
        return factor("active" if state == "shadow" else state, self._canary)

    # -- what became of it --------------------------------------------------------------------------------------------

    def active_at(self) -> int | None:
        """When it first became active, Unix ns."""
        return next((each.t for each in self.steps if each.new == "active"), None)

    def earliest_active(self, t: int) -> int:
        """What it is not active before, Unix ns, as seen at ``t``: a state lasts its least hours before a step up, and
        from shadow it is two steps. Of any other state than shadow and canary: ``t``."""
        if self._candidate.state == "shadow":
            return t + self.dwell
        if self._candidate.state == "canary":
            return max(t, self.steps[-1].t + self.dwell)
        return t

    def demoted_since(self, t: int) -> int | None:
        """When it was first made smaller at ``t`` or later, Unix ns."""
        return next((each.t for each in self.steps if each.t >= t and self._is_demotion(each)), None)

    @staticmethod
    def _is_demotion(step: StateChange) -> bool:
        return (step.new in _DEMOTED and step.old in ("active", "reduced", "canary")) or step.new == "shadow"

    def observations(self) -> list[float]:
        """Net dollars a share of the scale, of each observation of the present trial."""
        return [round(each.x, 6) for each in self._candidate.record]

    def e_value(self) -> float:
        """The evidence of a gain, as of now."""
        return self._candidate.gain
