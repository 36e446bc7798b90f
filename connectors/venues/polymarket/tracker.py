"""What became of one live order: states of the exchange in, execution reports out, each once.

The order's own states and its trades come from three places that may say the same thing twice, late, or not at all: the
answer to the order, the user channel, and the exchange's lists. They are put together here. A match is reported as
``unknown`` (provisional) and becomes a fill when its trade is CONFIRMED; one that FAILED becomes none. The order's end
is reported when the exchange has it no more *and* every match that it owes is settled.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from connectors.venues.polymarket.exchange import SETTLED, OrderSeen, TradeSeen
from models.inputs import ExecutionReport
from models.orders import OrderState
from models.reasons import Reason

_FINAL: Final = frozenset({"filled", "cancelled", "expired", "rejected"})
_EXPIRED: Final = ("EXPIRED",)
Place = Literal["unsent", "asked", "there", "gone"]


class Tracker(msgspec.Struct):
    """One order. ``place``: whether the exchange has it: not sent, sent and no answer, there, or gone. ``matched``: the
    most micro-shares that the exchange called matched. ``asked``: Unix ns when it was sent."""

    id: str
    size: int
    takes: bool
    venue_id: str = ""
    place: Place = "unsent"
    matched: int = 0
    asked: int = 0
    said: OrderState | Literal[""] = ""
    end: OrderState = "cancelled"
    why: str = ""
    trades: dict[str, TradeSeen] = {}
    told: dict[str, int] = {}  # micro-shares of the fills that were reported, by trade and number

    @property
    def is_done(self) -> bool:
        """Whether its end was reported."""
        return self.said in _FINAL

    @property
    def filled(self) -> int:
        """Confirmed micro-shares that were reported."""
        return sum(self.told.values())

    @property
    def is_owed(self) -> bool:
        """Whether something is not known yet: an answer, a trade, or a trade's confirmation."""
        known = sum(trade.size for trade in self.trades.values())
        return self.place == "asked" or self._pending() is not None or max(known, self.filled) < self.matched

    def _pending(self) -> TradeSeen | None:
        return next((trade for trade in self.trades.values() if trade.status not in SETTLED), None)

    # --- what happens ---------------------------------------------------------------------------------------------

    def signed(self, venue_id: str, t: int) -> list[ExecutionReport]:
        """It goes out now, under this id."""
        self.venue_id, self.place, self.asked, self.said = venue_id, "asked", t, "submitted"
        return [self._report("submitted", t)]

    def refused(self, reason: Reason, note: str, t: int) -> list[ExecutionReport]:
        """It never was at the exchange."""
        self.place = "gone"
        if self.is_done:
            return []
        self.end = "rejected" if self.said in ("", "submitted", "unknown") and not self.trades else "cancelled"
        self.said = self.end
        return [self._report(self.end, t, reason=reason, note=note)]

    def unanswered(self, t: int) -> list[ExecutionReport]:
        """No answer came: it may be there, or be filled."""
        if self.said == "unknown" or self.is_done:
            return []
        self.said = "unknown"
        return [self._report("unknown", t, reason=Reason.TIME_OUT)]

    def acknowledged(self, status: str, matched: int, t: int) -> list[ExecutionReport]:
        """The exchange has it. One that takes is gone with its match; one that is held (``delayed``) is there still."""
        if self.place != "gone":
            self.place = "gone" if status == "matched" and self.takes else "there"
        self.matched = max(self.matched, min(matched, self.size))
        return self._settle(t)

    def seen(self, order: OrderSeen, t: int) -> list[ExecutionReport]:
        """The exchange shows the order."""
        self.matched = max(self.matched, order.matched)
        if not order.open or (self.takes and order.status == "MATCHED"):  # what takes does not rest
            self.place = "gone"
            if any(word in order.status.upper() for word in _EXPIRED):
                self.end = "expired"
            self.why = self.why or order.status
        elif self.place != "gone":
            self.place = "there"
        return self._settle(t)

    def missing(self, t: int) -> list[ExecutionReport]:
        """The exchange knows no such order: its trades alone say what became of it."""
        self.place = "gone"
        return self._settle(t)

    def traded(self, trade: TradeSeen, t: int) -> list[ExecutionReport]:
        """A trade of it, in any status, as often as it comes. A status that is final stays."""
        known = self.trades.get(trade.trade)
        if known is not None and known.status in SETTLED:
            return []
        fills = trade.fills if known is None else known.fills
        self.trades[trade.trade] = msgspec.structs.replace(trade, fills=fills)
        if self.place == "asked":
            self.place = "there"  # it was matched: so it was taken
        return self._settle(t)

    def restored(self, report: ExecutionReport) -> None:
        """A report that this order had before this process began."""
        self.said = report.state
        if report.venue_id:
            self.venue_id = report.venue_id
        if report.state == "submitted":
            self.place, self.asked = "asked", report.t
        if report.size:
            self.told[report.trade] = report.size
        if report.state in _FINAL:
            self.place = "gone"

    # --- what is reported -----------------------------------------------------------------------------------------

    def _settle(self, t: int) -> list[ExecutionReport]:
        out = self._fills(t)
        if self.is_done:
            return out
        pending = self._pending()
        if self.place == "gone" and not self.is_owed:
            self.said = self.end
            out.append(self._report(self.end, t, reason=self._ending(), note=self.why))
        elif self.is_owed and self.place != "asked":
            if self.said not in ("unknown", "partly_filled"):
                self.said = "unknown"
                trade = pending.trade if pending is not None else "not listed yet"
                out.append(self._report("unknown", t, trade=trade, reason=Reason.PROVISIONAL))
        elif self.place == "there" and self.said in ("", "submitted", "unknown"):
            self.said = "accepted"
            out.append(self._report("accepted", t, reason=Reason.RESTING))
        return out

    def _fills(self, t: int) -> list[ExecutionReport]:
        """What is confirmed and was not reported. That of an order whose end was reported is told all the same: money
        moved, and the desk calls it the anomaly that it is."""
        out: list[ExecutionReport] = []
        was_done = self.is_done
        for trade in self.trades.values():
            for number, (price, size) in enumerate(trade.fills):
                name = f"{trade.trade}:{number}"
                if trade.status != "CONFIRMED" or name in self.told:
                    continue
                self.told[name] = size
                state: OrderState = "filled" if self.filled >= self.size else "partly_filled"
                self.said = self.said if was_done else state
                out.append(self._report(state, t, price, size, name, taker=trade.taker))
        return out

    def _ending(self) -> Reason:
        if any(trade.status == "FAILED" for trade in self.trades.values()):
            return Reason.REVERTED
        if self.end == "expired":
            return Reason.ORDER_EXPIRED
        if not self.takes:
            return Reason.CANCELLED
        return Reason.REST_CANCELLED if self.told else Reason.NOT_FILLED

    def _report(
        self,
        state: OrderState,
        t: int,
        price: int = 0,
        size: int = 0,
        trade: str = "",
        reason: Reason | None = None,
        note: str = "",
        taker: bool = True,
    ) -> ExecutionReport:
        return ExecutionReport(
            order=self.id,
            state=state,
            t=t,
            price=price,
            size=size,
            taker=taker,
            venue_id=self.venue_id,
            trade=trade,
            reason=str(reason) if reason is not None else "",
            note=note[:200],
        )
