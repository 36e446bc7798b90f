"""Gates on the order itself: enough depth, a limit near the mid, and no second order on the same signal."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from flows.trading_line.data_gate import is_deep
from flows.trading_line.known import MarketCache
from flows.trading_line.members import Entry, Member
from flows.trading_line.sizing import mid_of
from models.contracts import Number
from models.happenings import Happening, Submitted
from models.journal import TokenBook
from models.money import PIP, SHARE
from models.reasons import Reason, Verdict
from models.settings import Settings
from models.trace import Step

DEPTH, SLIPPAGE, DUPLICATE = "gate.depth", "gate.slippage", "gate.duplicate"
MODULES = (DEPTH, SLIPPAGE, DUPLICATE)


class EntryQuality(Member):
    """Looks at the books that the desk knows, at the moment of the decision. A quote is not one of these: it takes
    nothing."""

    module = "entry_quality"

    def __init__(self, settings: Settings, known: MarketCache) -> None:
        self._known = known
        self._acted: dict[str, dict[str, int]] = {}  # market -> "instance|outcome" -> the book that was acted on last
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        self._most = round(settings.execution.max_slippage * PIP)
        self._slip = round(settings.execution.slippage * PIP)

    def gates(self, entry: Entry) -> Iterable[Step]:
        token, intent = entry.known.token(entry.intent.outcome), entry.intent
        if intent.post_only:
            return
        assert token is not None
        numbers: dict[str, Number] = {"needed": entry.instance.limits.min_depth / SHARE}
        shown = _sold_on(token) if intent.split else token
        if not is_deep(shown, entry.instance.limits):
            yield Step(DEPTH, Verdict.BLOCK, Reason.DEPTH_TOO_THIN, numbers)
            return
        yield Step(DEPTH, Verdict.PASS, Reason.OK, numbers)
        mid = mid_of(token.bids, token.asks)
        worse = (mid - token.bids[0][0] if intent.split else intent.price - mid) + self._slip
        numbers = {"above_mid": worse / PIP, "bound": self._most / PIP}
        if mid < 0 or worse > self._most:
            yield Step(SLIPPAGE, Verdict.BLOCK, Reason.SLIPPAGE_TOO_WIDE, numbers)
            return
        yield Step(SLIPPAGE, Verdict.PASS, Reason.OK, numbers)
        acted = self._acted.get(entry.known.market.key, {}).get(f"{entry.instance.id}|{intent.outcome}")
        if acted == token.seq:
            yield Step(DUPLICATE, Verdict.BLOCK, Reason.DUPLICATE_SIGNAL, {"book": acted})
            return
        yield Step(DUPLICATE, Verdict.PASS, Reason.OK)

    def on(self, happening: Happening) -> Iterable[Step]:
        if isinstance(happening, Submitted) and happening.order.side == "buy" and not happening.order.post_only:
            order = happening.order
            known = self._known.markets.get(order.market_key)
            token = known.token(order.outcome) if known is not None else None
            if token is not None:
                self._acted.setdefault(order.market_key, {})[f"{order.instance}|{order.outcome}"] = token.seq
        return ()

    def forget(self, market: str) -> None:
        self._acted.pop(market, None)


def _sold_on(token: TokenBook) -> TokenBook:
    """The book as who sells on it sees it: its bids as the offers of the other side."""
    asks = tuple((PIP - price, size) for price, size in token.bids)
    return msgspec.structs.replace(token, asks=asks)
