"""All that is asked of an instance before its next step up, as rows.

>>> from models.promotion.sections import PromotionSettings
>>> from models.promotion.terms import terms_of
>>> candidate = Candidate(name="x", strategy="parity", state="shadow", since=0, trial="x")
>>> [each.name for each in asked_of(candidate, terms_of(PromotionSettings()), 0.0025, t=1)][:2]
['observations', 'evidence of a gain or of knowing better']
"""

from __future__ import annotations

from models.contracts import CriterionRow
from models.promotion import criteria
from models.promotion.candidate import Candidate
from models.promotion.terms import PromotionTerms


def asked_of(candidate: Candidate, terms: PromotionTerms, level: float, t: int) -> tuple[CriterionRow, ...]:
    """The criteria of the next step up at ``t`` (Unix ns), with what there is; of an active or disabled instance those
    of active. ``level``: at which its trial is tested."""
    elapsed = criteria.hours_between(candidate.begun or t, t)
    count = len(candidate.record)
    rate = count / elapsed if elapsed > 0.0 else 0.0
    clean = criteria.at_least(
        "hours since an anomaly",
        criteria.hours_between(candidate.anomaly, t) if candidate.anomaly else terms.clean_h,
        terms.clean_h,
        per_hour=1.0,
        grows=False,
        digits=2,
    )
    waited = criteria.hours_between(candidate.since, t)
    dwell = criteria.at_least("hours in this state", waited, terms.dwell_h, per_hour=1.0, digits=2)
    if candidate.state == "shadow":
        return (*_of_a_canary(candidate, terms, t, elapsed, rate), clean, dwell)
    enough = count >= terms.hours
    parts = criteria.folds(candidate.record)
    soon = (terms.cell * 4 - count) / rate if rate > 0.0 else None
    soon = None if soon is None else round(max(soon, 0.0), 1)
    credible = (
        criteria.at_least("share of credible fills", candidate.credible, terms.credible_share, grows=False)
        if candidate.filled
        else criteria.unjudged("share of credible fills", "it was filled nothing", terms.credible_share)
    )
    return (
        criteria.at_least("observations", count, terms.hours, rate),
        criteria.at_least(
            "fills that bought", candidate.lots, terms.lots, candidate.lots / elapsed if elapsed > 0.0 else 0.0
        ),
        criteria.evidence(
            "evidence of a gain",
            candidate.gain,
            1.0 / level,
            enough,
            criteria.hours_to(1.0 / level, candidate.gains, candidate.book, elapsed),
            f"one of {1.0 / level:,.0f} worthless ones would reach it",
        ),
        criteria.stable("stable over time", parts, terms.cell, terms.stable_share, 4, soon),
        criteria.stable(
            "stable over hours of day",
            criteria.by_hour_of_day(candidate.record),
            terms.cell,
            terms.stable_share,
            hours=soon,
        ),
        criteria.stable(
            "stable over regimes", criteria.by_regime(candidate.record), terms.cell, terms.stable_share, hours=soon
        ),
        clean,
        credible,
        dwell,
    )


def _of_a_canary(
    candidate: Candidate, terms: PromotionTerms, t: int, elapsed: float, rate: float
) -> tuple[CriterionRow, ...]:
    forecasts = candidate.forecasts
    count = max(len(candidate.record), forecasts.wager.count)
    threshold = 1.0 / terms.canary_alpha
    value = (candidate.gain + forecasts.value) / 2.0
    wanted = max(2.0 * threshold - 1.0, 1.0)  # of one of the two, while the other stays at 1
    spoken = criteria.hours_between(forecasts.begun or t, t)
    ways = (
        criteria.hours_to(wanted, candidate.gains, candidate.book, elapsed),
        criteria.hours_to(wanted, forecasts.wager, forecasts.book, spoken),
    )
    hours = min((each for each in ways if each is not None), default=None)
    return (
        criteria.at_least("observations", count, terms.canary_hours, rate),
        criteria.evidence(
            "evidence of a gain or of knowing better",
            value,
            threshold,
            count >= terms.canary_hours,
            hours,
            f"one of {threshold:,.0f} worthless ones would reach it",
        ),
    )
