"""The entry gates on a market's data: each says pass or block, with its reason and numbers. An order needs all of them.

They look again, at the moment of decision and at what the desk itself knows, at what the data gate passed: by the same
needs of the strategy. Other members of the desk have gates of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from flows.trading_line.data_gate import is_spot_stale, is_stale, pair_fault, spread_of
from flows.trading_line.known import MarketCache
from flows.trading_line.members import Entry, Member
from models.contracts import Number
from models.money import PIP
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.timestamps import SECOND
from models.trace import Step

Result = tuple[Reason, dict[str, Number]]
Gate = Callable[[Entry, MarketCache, Settings], Result]


class MarketGates(Member):
    """The gates on a market's data, as a member of the desk."""

    module = "gates"

    def __init__(self, settings: Settings, known: MarketCache) -> None:
        self._settings = settings
        self._known = known

    def configure(self, settings: Settings) -> None:
        self._settings = settings

    def gates(self, entry: Entry) -> Iterable[Step]:
        steps: list[Step] = []
        for module, gate in _GATES:
            reason, numbers = gate(entry, self._known, self._settings)
            if reason is not Reason.OK:
                steps.append(Step(module, Verdict.BLOCK, reason, numbers))
                break
            steps.append(Step(module, Verdict.PASS, reason, numbers))
        return steps


def _quality(entry: Entry, known: MarketCache, settings: Settings) -> Result:
    token = entry.known.token(entry.intent.outcome)
    if token is None:
        return Reason.BOOK_MISSING, {}
    if not token.ok:
        return Reason.BOOK_INVALID, {"checks": ",".join(token.checks)}
    return Reason.OK, {}


def _parity(entry: Entry, known: MarketCache, settings: Settings) -> Result:
    book = entry.known.book
    assert book is not None
    return pair_fault(book, entry.instance.limits) or Reason.OK, {"pair": book.pair_ok}


def _freshness(entry: Entry, known: MarketCache, settings: Settings) -> Result:
    token, limits = entry.known.token(entry.intent.outcome), entry.instance.limits
    assert token is not None
    age = (entry.t - token.t) / SECOND
    if is_stale(token, entry.t, known.stale_tokens, limits):
        return Reason.STALE_BOOK, {"age_s": age, "bound_s": limits.book_age / SECOND}
    asset = entry.known.market.asset
    spot = known.spots.get(asset)
    if limits.spot and (spot is None or is_spot_stale(spot, entry.t, asset in known.stale_spots, limits)):
        since: Number = None if spot is None else (entry.t - spot.t) / SECOND
        return Reason.STALE_SPOT, {"age_s": since, "bound_s": limits.spot_age / SECOND}
    return Reason.OK, {"age_s": age}


def _spread(entry: Entry, known: MarketCache, settings: Settings) -> Result:
    token, bound = entry.known.token(entry.intent.outcome), entry.instance.limits.max_spread
    assert token is not None
    spread = spread_of(token)
    numbers: dict[str, Number] = {"spread": spread / PIP, "bound": bound / PIP}
    return (Reason.SPREAD_TOO_WIDE if spread > bound else Reason.OK), numbers


def _expiry(entry: Entry, known: MarketCache, settings: Settings) -> Result:
    left = (entry.known.market.end - entry.t) / SECOND
    close = left < settings.portfolio.min_time_left_s
    numbers: dict[str, Number] = {"time_left_s": left}
    if close:
        numbers["bound_s"] = settings.portfolio.min_time_left_s
    return (Reason.TOO_CLOSE_TO_EXPIRY if close else Reason.OK), numbers


_GATES: tuple[tuple[str, Gate], ...] = (
    ("gate.quality", _quality),
    ("gate.parity", _parity),
    ("gate.freshness", _freshness),
    ("gate.spread", _spread),
    ("gate.expiry", _expiry),
)
GATE_MODULES = tuple(module for module, _ in _GATES)
