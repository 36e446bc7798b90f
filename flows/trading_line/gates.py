"""The entry gates: each says pass or block, with its reason and numbers. An order needs all of them.

They look again, at the moment of decision and from the portfolio's own books, at what the data gate passed: by the same
needs of the strategy.
"""

from __future__ import annotations

import msgspec

from flows.trading_line.data_gate import is_spot_stale, is_stale, pair_fault, spread_of
from models.contracts import Number
from models.journal import Book, Market, Spot, TokenBook
from models.money import PIP
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.strategies.needs import Limits
from models.timestamps import SECOND
from models.trace import Step


class Situation(msgspec.Struct, gc=False):
    """What the gates look at. Times are Unix ns."""

    t: int
    market: Market
    book: Book
    token: TokenBook | None
    spot: Spot | None
    spot_stale: bool
    stale_tokens: tuple[str, ...]
    last_order: int
    pending: bool
    other_side_held: bool
    stopped_out: bool
    anomaly: bool


def check(situation: Situation, settings: Settings, limits: Limits) -> list[Step]:
    """The spans of the gates in order, ending with the first that blocks."""
    steps: list[Step] = []
    for name, gate in _GATES:
        reason, numbers = gate(situation, settings, limits)
        steps.append(Step(f"gate.{name}", Verdict.PASS if reason is Reason.OK else Verdict.BLOCK, reason, numbers))
        if reason is not Reason.OK:
            break
    return steps


Result = tuple[Reason, dict[str, Number]]


def _ledger(s: Situation, settings: Settings, limits: Limits) -> Result:
    return (Reason.ANOMALY if s.anomaly else Reason.OK), {}


def _quality(s: Situation, settings: Settings, limits: Limits) -> Result:
    if s.token is None:
        return Reason.BOOK_MISSING, {}
    if not s.token.ok:
        return Reason.BOOK_INVALID, {"checks": ",".join(s.token.checks)}
    return Reason.OK, {}


def _parity(s: Situation, settings: Settings, limits: Limits) -> Result:
    return pair_fault(s.book, limits) or Reason.OK, {"pair": s.book.pair_ok}


def _freshness(s: Situation, settings: Settings, limits: Limits) -> Result:
    assert s.token is not None
    age = (s.t - s.token.t) / SECOND
    if is_stale(s.token, s.t, s.stale_tokens, limits):
        return Reason.STALE_BOOK, {"age_s": age}
    if limits.spot and (s.spot is None or is_spot_stale(s.spot, s.t, s.spot_stale, limits)):
        return Reason.STALE_SPOT, {}
    return Reason.OK, {"age_s": age}


def _spread(s: Situation, settings: Settings, limits: Limits) -> Result:
    assert s.token is not None
    spread = spread_of(s.token)
    wide = spread > limits.max_spread
    numbers: dict[str, Number] = {"spread": spread / PIP, "bound": limits.max_spread / PIP}
    return (Reason.SPREAD_TOO_WIDE if wide else Reason.OK), numbers


def _expiry(s: Situation, settings: Settings, limits: Limits) -> Result:
    left = (s.market.end - s.t) / SECOND
    close = left < settings.portfolio.min_time_left_s
    numbers: dict[str, Number] = {"time_left_s": left}
    return (Reason.TOO_CLOSE_TO_EXPIRY if close else Reason.OK), numbers


def _cooldown(s: Situation, settings: Settings, limits: Limits) -> Result:
    if s.pending:
        return Reason.ORDER_PENDING, {}
    if s.stopped_out and not settings.portfolio.reentry_after_stop:
        return Reason.STOPPED_OUT, {}
    if s.other_side_held:
        return Reason.POSITION_OPEN, {}
    since = (s.t - s.last_order) / SECOND
    hot = bool(s.last_order) and since < settings.portfolio.cooldown_s
    return (Reason.COOLDOWN if hot else Reason.OK), {}


_GATES = (
    ("ledger", _ledger),
    ("quality", _quality),
    ("parity", _parity),
    ("freshness", _freshness),
    ("spread", _spread),
    ("expiry", _expiry),
    ("cooldown", _cooldown),
)
GATE_MODULES = tuple(f"gate.{name}" for name, _ in _GATES)
