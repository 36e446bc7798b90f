"""Decides on the state of every instance, from what each has shown: promotion that luck cannot pass.

**Up.** ``canary``: the mean of two e-values, of lots and of forecasts, is 1 over ``canary_alpha``: of instances without
an edge at most that share ever becomes one, each for itself. ``active``: the e-value of lots reaches the e-LOND
threshold of this instance among all ever tried (``models.statistics.elond``), and all other criteria hold at the same
look. More criteria can only make a false promotion rarer: the look at which all hold is one more stopping time.

**Down.** The test for losses at ``reduce_alpha``, a live band that was left, or a drawdown of so many dollars:
``reduced`` (a canary: back to shadow). At ``disable_alpha``, when a reduced one falls as far again, or gained nothing
in ``patience`` observations: ``disabled``. Downwards nothing waits, upwards each state lasts ``dwell_h`` at least, and
what was demoted begins its evidence anew as a further trial with a threshold of its own: that is the hysteresis.

Out of ``disabled`` nothing comes back by itself: a new instance id is a new trial, and the operator may let the old one
begin anew as it is configured (``reopen``), which is a new trial as well.

>>> from models.promotion.sections import PromotionSettings
>>> from models.promotion.terms import terms_of
>>> promoter = Promoter(terms_of(PromotionSettings()))
>>> promoter.register("fair", "updown_fair_value", "shadow", t=0)
>>> look = promoter.look("fair", t=1)
>>> look.old, look.new, [each.verdict for each in look.rows][:2]
('shadow', 'shadow', ['insufficient', 'insufficient'])
"""

from __future__ import annotations

import msgspec

from models.contracts import PromotionDecision
from models.money import DOLLAR
from models.promotion.asked import asked_of
from models.promotion.candidate import Candidate
from models.promotion.criteria import within_bands, within_drawdown
from models.promotion.forecasts import ForecastBook
from models.promotion.states import STEPS, TWIN, PromotionState, factor
from models.promotion.terms import PromotionLook, PromotionTerms, SeenEvidence
from models.promotion.wagers import Detector, Wager
from models.reasons import Reason, Verdict
from models.statistics.bands import Watch, bands, drawdown_rate
from models.statistics.elond import Trials

_BAND_RECORD = 20
_EVERY = 24  # observations between two beginnings of the test for losses


class Promoter(msgspec.Struct):
    """All instances and trials. Plain data: a snapshot is its encoding. ``register`` each instance once, give each fill
    to the ``candidate_of`` its holder, say what is ``settled``, and ``look``."""

    terms: PromotionTerms
    candidates: dict[str, Candidate] = {}
    trials: Trials = msgspec.field(default_factory=lambda: Trials(alpha=1.0))
    decisions: int = 0

    def __post_init__(self) -> None:
        self.trials.alpha = self.terms.alpha

    def register(
        self, name: str, strategy: str, state: PromotionState, t: int, underlyings: tuple[str, ...] = ()
    ) -> None:
        """Judge an instance from ``t`` (Unix ns) on; ``state``: that it is configured with; ``underlyings``: all that
        it may trade, where that is known. A known instance goes on as it is."""
        if name in self.candidates:
            return
        self.candidates[name] = Candidate(
            name=name,
            strategy=strategy,
            state=state,
            configured=state,
            since=t,
            trial=name,
            underlyings=underlyings,
            gains=Wager(known=underlyings),
            losses=Detector(
                every=_EVERY,
                beginnings=max(1, round(self.terms.band_horizon / _EVERY)),
                wagers=[Wager(-1, underlyings)],
            ),
            forecasts=ForecastBook(wager=Wager(known=underlyings)),
        )
        self.trials.add(name)

    def candidate_of(self, holder: str) -> Candidate | None:
        """Whose evidence the fills of this instance or twin are; None for nobody's."""
        return self.candidates.get(holder) or self.candidates.get(holder.removesuffix(TWIN))

    def settled(self, t: int, market: str, payout_up: int, payout_down: int) -> None:
        """A market is over: its outcomes pay so many pips a share, whoever holds them."""
        for candidate in self.candidates.values():
            candidate.settled(t, market, payout_up, payout_down)

    def anomaly(self, t: int, instance: str = "") -> None:
        """Books, reconciliation or fills were not in order at ``t``; "" concerns all."""
        for name, each in self.candidates.items():
            if instance in ("", name):
                each.anomaly = max(each.anomaly, t)

    def reopen(self, name: str, t: int) -> None:
        """The operator lets a disabled instance begin anew, as it is configured. Raises ValueError for one that is
        not disabled."""
        candidate = self.candidates[name]
        if candidate.state != "disabled":
            raise ValueError(f"{name} is {candidate.state}, not disabled")
        self._begin_anew(candidate)
        candidate.enter(candidate.configured, t)

    def threshold(self, name: str) -> float:
        """The e-value that the instance needs to become active."""
        return self.trials.threshold(self.candidates[name].trial)

    # --- looking -------------------------------------------------------------------------------------------------

    def look(self, name: str, t: int) -> PromotionLook:
        """Judge an instance at ``t`` (Unix ns), and move it."""
        candidate = self.candidates[name]
        candidate.advance(t)
        old = candidate.state
        if candidate.bands is not None and candidate.watch.count >= candidate.bands.horizon:
            self._fix_bands(candidate, candidate.state)  # their horizon is over: the next
            candidate.watch = Watch()
        new, why = self._down(candidate)
        level = self.trials.level(candidate.trial)
        rows = asked_of(candidate, self.terms, level, t)
        watched = within_bands(candidate.bands, candidate.watch)
        if candidate.state not in ("shadow", "disabled"):
            allowed, horizon = self.terms.drawdown, self.terms.band_horizon
            watched = (*watched, within_drawdown(candidate.fall, allowed, candidate.fall_rate, horizon))
        bound = next(each for each in rows if each.name.startswith("evidence"))
        seen = SeenEvidence(
            window=(candidate.begun, candidate.last),
            observations=len(candidate.record),
            e_value=bound.value,
            e_threshold=bound.threshold,
            level=level if candidate.state != "shadow" else self.terms.canary_alpha,
            forecast=candidate.forecasts.value,
            loss=candidate.loss,
        )
        reason, verdict = Reason.CRITERIA_MISSING, Verdict.HOLD
        if new is not None:
            reason, verdict = Reason.DEMOTED, Verdict.BLOCK
            self._move(candidate, new, t)
            if new != "disabled":
                self._begin_anew(candidate)
        elif old == "disabled":
            why = "it is disabled: a new instance id, or the operator, begins anew"
        elif old == "active":
            reason, why = Reason.OK, "nothing speaks against it"
        else:
            lacking = [each for each in rows if each.verdict != "pass"]
            if lacking:
                why = "; ".join(each.text for each in lacking[:3])
            else:
                new = "canary" if old == "shadow" else "active"
                reason, verdict, why = Reason.PROMOTED, Verdict.PASS, "all criteria are met"
                if new == "active":
                    self.trials.accept(candidate.trial)
                self._fix_bands(candidate, new)  # fixed before: by what was seen until now
                self._move(candidate, new, t)
        text = f"{name} {'stays' if new is None else 'goes from ' + old + ' to'} {new or old}: {why}."
        return PromotionLook(old, new or old, verdict, reason, text, rows, seen, watched)

    def _down(self, candidate: Candidate) -> tuple[PromotionState | None, str]:
        """The state that it falls to, and why; None where it does not fall."""
        terms, state = self.terms, candidate.state
        if state in ("shadow", "disabled"):
            return None, ""
        loss = candidate.loss
        if loss >= 1.0 / terms.disable_alpha:
            return "disabled", f"it loses (e-value {loss:.1f} of {1.0 / terms.disable_alpha:.0f})"
        fell = candidate.fall >= round(terms.drawdown * DOLLAR)
        spent = f"it fell {candidate.fall / DOLLAR:.2f} $ from its peak, {terms.drawdown:g} is allowed"
        if state == "reduced":
            if fell:
                return "disabled", spent
            if candidate.in_state >= terms.patience and candidate.net_in_state <= 0.0:
                return "disabled", f"it gained nothing in {candidate.in_state} observations at half its size"
            return None, ""
        lower: PromotionState = "shadow" if state == "canary" else "reduced"
        if loss >= 1.0 / terms.reduce_alpha:
            return lower, f"it loses (e-value {loss:.1f} of {1.0 / terms.reduce_alpha:.0f})"
        if fell:
            return lower, spent
        left = candidate.watch.breached(candidate.bands) if candidate.bands is not None else ()
        if left:
            return lower, f"it left its live band: {', '.join(left)}"
        return None, ""

    def _move(self, candidate: Candidate, state: PromotionState, t: int) -> None:
        assert state in STEPS[candidate.state], f"{candidate.state} to {state} is no step"
        candidate.enter(state, t)

    def _begin_anew(self, candidate: Candidate) -> None:
        candidate.begin_anew()
        self.trials.add(candidate.trial)

    def _fix_bands(self, candidate: Candidate, state: PromotionState) -> None:
        """By the record so far, for the sizes that it has in ``state``."""
        candidate.bands, candidate.fall_rate = None, -1.0
        record = [each.x for each in candidate.record]
        if len(record) < _BAND_RECORD:
            return
        terms, seed = self.terms, candidate.generation
        candidate.bands = bands(record, terms.band_horizon, terms.band_rate, terms.band_haircut, seed=seed)
        now = 1.0 if candidate.state == "shadow" else factor(candidate.state, terms.canary_factor)
        scale = candidate.book.scale() * factor(state, terms.canary_factor) / now
        if scale > 0.0:
            allowed = terms.drawdown * DOLLAR / scale
            candidate.fall_rate = drawdown_rate(record, terms.band_horizon, allowed, terms.band_haircut, seed=seed)

    # --- what is written -----------------------------------------------------------------------------------------

    def decision(
        self, name: str, look: PromotionLook, journal: int, t: int, code: str, configuration: str
    ) -> PromotionDecision:
        """The record of a look on topic ``promotions``, ``journal`` being the last event that was read."""
        candidate = self.candidates[name]
        self.decisions += 1
        return PromotionDecision(
            id=f"p{journal}-{self.decisions}-{name}",
            journal=journal,
            timestamp=t,
            instance=name,
            strategy=candidate.strategy,
            old=look.old,
            new=look.new,
            verdict=look.verdict,
            reason=look.reason,
            text=look.text,
            window_start=look.seen.window[0],
            window_end=look.seen.window[1],
            observations=look.seen.observations,
            criteria=list(look.rows),
            e_value=look.seen.e_value,
            e_threshold=look.seen.e_threshold,
            level=round(look.seen.level, 9),
            alpha=self.terms.alpha,
            spent=round(self.trials.spent, 9),
            trials=self.trials.count,
            forecast_e_value=round(look.seen.forecast, 4),
            demotion_e_value=round(look.seen.loss, 4),
            code=code,
            configuration=configuration,
            bands=list(look.bands),
        )
