"""For every reason that may hold trading back: who has to act, what ends it, and what would have to change, in numbers.

``remedy`` is the one place where a span's reason and numbers become that sentence: the number that binds and its bound.
What a gate measured, and against what, stands in the numbers of its span; where they are missing, the reason's general
word goes instead.

>>> remedy(Reason.STALE_SPOT, {"spot_age_s": 7.24, "bound_s": 5.0})
'spot is 7.2 s old, needs at most 5 s'
>>> remedy(Reason.BELOW_THRESHOLD, {"score": 0.006, "threshold": 0.02, "unit": "dollars_per_share"})
'edge 0.0060, needs more than 0.0200 ($ a share)'
>>> act_of(Reason.KILL_SWITCH), act_of(Reason.STALE_SPOT), act_of(Reason.BELOW_THRESHOLD)
('you', 'wait', 'none')
>>> remedy(Reason.COOLDOWN, {})
'portfolio.cooldown_s since the last entry or exit there'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from models.reasons import Reason

Number = int | float | str | bool | None
#: What a reason asks of the operator: nothing, patience (it ends by itself), or a deed.
Act = Literal["none", "wait", "you"]
R = Reason
_DATA: Final = ("wait", "the feed or book is sound again; connections ask for it by themselves")
_FEED: Final = ("wait", "frames come again; the connection is made anew by itself")
#: reason -> (act, what ends it). What is not here is a passing state of one market.
RELEASES: Final[dict[Reason, tuple[Act, str]]] = {
    R.KILL_SWITCH: ("you", "release the kill: button Release, or profit control release"),
    R.PAUSED: ("you", "resume: button Resume, or profit control resume"),
    R.FLATTENING: ("you", "resume, once the positions are sold"),
    R.CLOSING: ("you", "resume, once the position is sold"),
    R.BARRED: ("you", "resume: the market was closed by the operator"),
    R.ANOMALY: ("you", 'find the difference, then: profit control release --what anomaly --why "…"'),
    R.UNSIGNED: ("you", "find out who sends unsigned commands"),
    R.UNKNOWN_NAME: ("you", "give the command again with a name that its answer lists"),
    R.RESOLUTION_CONFLICT: ("you", "look the market up at Polymarket"),
    R.RESOLUTION_LATE: ("wait", "the market resolves; look it up at Polymarket if it does not"),
    R.UNANSWERED: ("wait", "the venue answers; five minutes after the resolution the order is an anomaly"),
    R.SPOOL_FULL: ("you", "bring Kafka back, or give the recorder a larger spool"),
    R.CLOCK_BACKWARDS: ("you", "set the recorder's clock right"),
    R.TOO_SLOW: ("wait", "decisions come within execution.max_lag_ms again; a quicker machine or fewer assets"),
    R.STALE_FEED: _FEED,
    R.DISCONNECTED: _FEED,
    R.FROZEN_FEED: _FEED,
    R.STALE_BOOK: _DATA,
    R.STALE_SPOT: _DATA,
    R.SPOT_MISSING: _DATA,
    R.SPOT_INVALID: _DATA,
    R.BOOK_MISSING: _DATA,
    R.BOOK_INVALID: _DATA,
    R.NO_SNAPSHOT: _DATA,
    R.FROZEN_BOOK: _DATA,
    R.HASH_MISMATCH: _DATA,
    R.BEST_MISMATCH: _DATA,
    R.CROSSED_BOOK: _DATA,
    R.LOCKED_BOOK: _DATA,
    R.REST_MISMATCH: _DATA,
    R.PARITY_BROKEN: _DATA,
    R.PAIR_INCONSISTENT: ("none", "both books are of one moment: the next change, as a rule"),
    R.ONE_SIDED_BOOK: ("none", "there is a bid and an ask; near the end of a window the losing side has no bid"),
    R.EMPTY_BOOK: ("none", "somebody quotes"),
    R.SPREAD_TOO_WIDE: ("none", "the spread is within its bound"),
    R.DEPTH_TOO_THIN: ("none", "there are enough shares at the best price"),
    R.WARMING_UP: ("wait", "enough seconds of spot have been seen (fair_value.warm_up_s)"),
    R.STRIKE_MISSING: ("wait", "the next window: its start is seen, so its strike is known"),
    R.AVERAGE_UNKNOWN: ("wait", "the next window: its settlement average is seen whole"),
    R.NOT_STARTED: ("none", "the window opens"),
    R.EXPIRED: ("none", "nothing: the window is over"),
    R.BELOW_THRESHOLD: ("none", "the edge after costs exceeds the threshold"),
    R.NOT_YET: ("none", "its part of the window comes"),
    R.UNKNOWN_MOVE: ("wait", "the last seconds are seen whole"),
    R.NO_PARTNER: ("none", "another window with the same end opens, with a known strike and a fit book"),
    R.TOXIC_FLOW: ("none", "spot and takers calm down"),
    R.COOLDOWN: ("wait", "portfolio.cooldown_s since the last entry or exit there"),
    R.STOPPED_OUT: ("none", "the next window; portfolio.reentry_after_stop allows a return"),
    R.ORDER_PENDING: ("wait", "the order under way is filled or over"),
    R.POSITION_OPEN: ("none", "the position on the other outcome is gone"),
    R.CAP_MARKET: ("none", "the market settles or a part is sold; portfolio.cap_market is the limit"),
    R.CAP_STRATEGY: ("none", "positions settle or are sold; portfolio.cap_strategy is the limit"),
    R.CAP_TOTAL: ("none", "positions settle or are sold; portfolio.cap_total is the limit"),
    R.CAP_FAMILY: ("none", "positions settle or are sold; concentration.cap_family is the limit"),
    R.CAP_UNDERLYING: ("none", "positions settle or are sold; concentration.cap_underlying is the limit"),
    R.CAP_EXPIRY: ("none", "those windows end; concentration.cap_expiry is the limit"),
    R.CAP_GATE: ("you", "a higher release gate, once its criteria are met: page Gates"),
    R.PERFORMANCE: ("none", "more rounds, and better ones"),
    R.DAILY_LOSS: ("wait", "the next day (UTC), or the operator releases the breaker"),
    R.DRAWDOWN: ("you", "look at what lost, then release the breaker: page Risk"),
    R.LOSS_STREAK: ("wait", "a gain, the breaker's pause, or the operator releases it"),
    R.NEGATIVE_EXPECTANCY: ("you", "look at the instance, then release the breaker: page Risk"),
    R.FILL_ANOMALY: ("you", "see what the venue reported; it ends 10 minutes after the last, or release the breaker"),
    R.SLIPPAGE: ("wait", "fills near the prices decided on, or the operator releases the breaker"),
    R.FEED_HEALTH: ("wait", "the feed is sound for a while"),
    R.SLIPPAGE_TOO_WIDE: ("none", "the limit is nearer to the mid; execution.max_slippage is the bound"),
    R.DUPLICATE_SIGNAL: ("none", "the book changes"),
    R.GATE_CLOSED: ("you", "a higher release gate: page Gates"),
    R.NOT_ARMED: ("you", "arm: page Gates, or profit control arm"),
    R.NO_LIVE_SPLIT: ("none", "a gate below LIVE_DRY_RUN; parity.split = false says nothing of it"),
    R.CRITERIA_MISSING: ("you", "meet the criteria that the answer names"),
    R.INTERLOCK: ("you", "see the live venue's last reason"),
    R.DEMOTED: ("you", "read its promotions; to let it begin anew: profit control enable"),
    R.DISABLED: ("you", "switch the instance on again: its page, or profit control enable"),
    R.NO_CASH: ("wait", "positions settle or are sold"),
    R.KELLY_ZERO: ("none", "the edge is worth a stake"),
    R.BELOW_MIN_SIZE: ("none", "the stake reaches the exchange's least order"),
    R.TOO_CLOSE_TO_EXPIRY: ("none", "the next window"),
    R.NOT_ACCEPTING: ("wait", "the exchange takes orders for the market again"),
    R.MARKET_CLOSED: ("none", "the next window"),
    R.SHADOW: ("none", "nothing while it is a shadow: the instance's state in the configuration makes it active"),
}  # fmt: skip


#: Of a breaker that only makes sizes smaller, whatever it measures.
REDUCED: Final[tuple[Act, str]] = ("wait", "its value comes down to its release bound, or the operator releases it")

#: reason -> the sentence with the number that binds and its bound; the first whose numbers are all there.
_MEASURED: Final[dict[Reason, tuple[str, ...]]] = {
    R.BELOW_THRESHOLD: ("edge {score:.4f}, needs more than {threshold:.4f} ({unit})",),
    R.STALE_FEED: ("{feeds} is silent, needs frames again",),
    R.STALE_BOOK: ("book is {age_s:.1f} s old, needs at most {bound_s:g} s",),
    R.STALE_SPOT: (
        "spot is {spot_age_s:.1f} s old, needs at most {bound_s:g} s",
        "spot is {age_s:.1f} s old, needs at most {bound_s:g} s",
    ),
    R.BOOK_INVALID: ("book is not valid ({checks}), needs a valid one",),
    R.SPREAD_TOO_WIDE: ("spread {spread:.4f}, needs at most {bound:.4f} ($ a share)",),
    R.DEPTH_TOO_THIN: ("{depth:g} shares on offer, needs at least {bound:g}",),
    R.WARMING_UP: ("{history_s:.0f} s and {returns} returns of spot, needs {bound_s:g} s and {bound} returns",),
    R.STRIKE_MISSING: ("strike is {strike_gap_s:g} s off, needs at most {bound_s:g} s",),
    R.NOT_STARTED: ("opens in {left_s:.0f} s",),
    R.TOO_CLOSE_TO_EXPIRY: ("{time_left_s:.1f} s left, needs at least {bound_s:g} s",),
    R.COOLDOWN: ("{left_s:.1f} s more of a pause of {bound_s:g} s", "{left_s:.1f} s more of the pause"),
    R.STOPPED_OUT: ("left by {left_by}: the next window; portfolio.reentry_after_stop allows a return",),
    R.TOO_SLOW: ("decisions come {lag_s:.2f} s late, need at most {bound_s:g} s",),
    R.CAP_MARKET: ("${room:,.2f} left of ${bound:,.0f} a market, the least order needs ${least:,.2f}",),
    R.CAP_STRATEGY: ("${room:,.2f} left of ${bound:,.0f} a strategy, the least order needs ${least:,.2f}",),
    R.CAP_TOTAL: ("${room:,.2f} left of ${bound:,.0f} in all, the least order needs ${least:,.2f}",),
    R.NO_CASH: ("${room:,.2f} of cash, the least order needs ${least:,.2f}",),
    R.NO_DEPTH: ("{shares:g} shares on offer, needs at least {bound:g}",),
    R.BELOW_MIN_SIZE: ("a stake of ${room:,.2f} buys {shares:g} shares, the least order is {bound:g} and $1",),
    R.KELLY_ZERO: ("a stake of ${room:,.2f} buys {shares:g} shares, the least order is {bound:g} and $1",),
}  # fmt: skip


def act_of(reason: str) -> Act:
    """What the reason asks of the operator."""
    return release_of(reason)[0]


def release_of(reason: str) -> tuple[Act, str]:
    """Who acts, and what ends it; for a reason that is not in the table it passes by itself."""
    try:
        return RELEASES.get(Reason(reason), ("none", "it passes with the market"))
    except ValueError:
        return ("none", "it passes with the market")


def remedy(reason: str, numbers: Mapping[str, Number]) -> str:
    """What would have to change for a hold or block of this reason to pass: number and bound where the span has them,
    else in general."""
    try:
        templates = _MEASURED.get(Reason(reason), ())
    except ValueError:
        templates = ()
    given = {**numbers, "unit": unit_words(str(numbers.get("unit", "")))}
    for template in templates:
        try:
            return template.format_map(given)
        except (KeyError, ValueError, TypeError):
            continue  # measured by another gate, or before there was a number
    return release_of(reason)[1]


def unit_words(unit: str) -> str:
    """A score's unit for people.

    >>> unit_words("dollars_per_pair")
    '$ a pair'
    """
    return unit.replace("dollars", "$").replace("_per_", " a ").replace("_", " ")
