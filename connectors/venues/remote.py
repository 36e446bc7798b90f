"""A live venue as the desk sees it: commands become records on the topic ``venue``, reports come back by the journal.

The live venue itself is a process of its own (``connectors.venues.polymarket``). What is here is a deterministic
function of the desk's commands and of the journal's events, as the paper venue is.

Nothing is final before the exchange has confirmed it. An order that was matched is ``unknown`` with the reason
``provisional`` until its trade is confirmed; then it is a fill. A trade that is reverted never becomes one.
"""

from __future__ import annotations

import contextlib
from typing import Final

import msgspec

from models.contracts import VenueCommand
from models.fees import taker_fee
from models.inputs import ExecutionReport, read_input
from models.journal import AnyEvent, Input, Market
from models.money import cost, proceeds
from models.orders import FINAL, Execution, OrderState, Report, WorkingOrder
from models.reasons import Reason
from models.release import GateName
from models.timestamps import SECOND
from models.topics import EXECUTIONS

#: An order that is matched and not confirmed is watched by the live venue anyway: the desk asks seldom.
_ASK_NS: Final = 10 * SECOND
_USUAL: Final[dict[OrderState, Reason]] = {
    "accepted": Reason.RESTING,
    "partly_filled": Reason.PARTLY_FILLED,
    "filled": Reason.FILLED,
    "cancelled": Reason.CANCELLED,
    "expired": Reason.ORDER_EXPIRED,
    "rejected": Reason.VENUE_REFUSED,
    "unknown": Reason.TIME_OUT,
}


class _Sent(msgspec.Struct):
    """An order that was sent: a copy, the trades told of it (``told``), when it was last asked for (Unix ns)."""

    order: WorkingOrder
    told: set[str]
    asked: int = 0
    provisional: bool = False


class RemoteVenue:
    """Sends commands under the ``gate`` of the moment. ``take_commands`` gives them, once, in order."""

    def __init__(self) -> None:
        self.gate: GateName = "DEV"
        self._orders: dict[str, _Sent] = {}
        self._markets: dict[str, Market] = {}
        self._commands: list[VenueCommand] = []
        self._seq = -1  # of the event that is being heard
        self._number = 0
        self._t = 0

    # --- commands -------------------------------------------------------------------------------------------------

    def send(self, order: WorkingOrder) -> None:
        """Raises ValueError for an id that was sent before, and for a split, which is no order of the exchange."""
        if order.id in self._orders:
            raise ValueError(f"order {order.id} was sent before")
        self._orders[order.id] = _Sent(msgspec.structs.replace(order), set())
        self._send(order)

    def rehearse(self, order: WorkingOrder) -> None:
        """Have the order built, signed and checked, and not sent: nothing is reported of it."""
        self._send(order)

    def cancel(self, order_id: str, t: int) -> None:
        """Ask that the order be cancelled; ``t``: Unix ns."""
        if self._is_open(order_id):
            self._command("cancel", t, order_id)

    def cancel_all(self, t: int) -> None:
        """Ask that every order at the exchange be cancelled, known to us or not."""
        self._command("cancel_all", t, "")

    def query(self, order_id: str, t: int) -> None:
        """Ask for the state of an order."""
        sent = self._orders.get(order_id)
        if sent is None or not self._is_open(order_id) or (sent.provisional and t - sent.asked < _ASK_NS):
            return
        sent.asked = t
        self._command("query", t, order_id)

    def take_commands(self) -> list[VenueCommand]:
        """What is to be published since it was asked last."""
        commands, self._commands = self._commands, []
        return commands

    def _is_open(self, order_id: str) -> bool:
        sent = self._orders.get(order_id)
        return sent is not None and sent.order.state not in FINAL

    def _send(self, order: WorkingOrder) -> None:
        kind = order.time_in_force
        if kind == "SPLIT":
            raise ValueError(f"order {order.id} is a split: it is a transaction on the chain, and none is sent")
        market = self._markets.get(order.market_key)
        self._commands.append(
            VenueCommand(
                id=self._name(),
                journal=self._seq,
                timestamp=order.sent,
                do="send",
                gate=self.gate,
                order=order.id,
                condition=market.market if market is not None else "",
                token=order.token,
                side=order.side,
                kind=kind,
                limit=order.limit,
                size=order.size,
                post_only=order.post_only,
                expires=order.expires,
            )
        )

    def _command(self, do: str, t: int, order_id: str) -> None:
        self._commands.append(VenueCommand(self._name(), self._seq, t, do, self.gate, order_id))  # type: ignore[arg-type]

    def _name(self) -> str:
        self._number += 1
        return f"v{self._seq}-{self._number}"

    # --- events ---------------------------------------------------------------------------------------------------

    def hear(self, event: AnyEvent) -> list[Report]:
        """What the event says of our orders."""
        if event.seq != self._seq:
            self._seq, self._number = event.seq, 0
        if isinstance(event, Market):
            self._markets[event.key] = event
        elif isinstance(event, Input) and event.topic == EXECUTIONS:
            with contextlib.suppress(msgspec.MsgspecError, ValueError):  # what cannot be read became a dead letter
                said = read_input(event.topic, event.payload.encode())
                if isinstance(said, ExecutionReport):
                    return self._report(said, event.t)
        return []

    def _report(self, said: ExecutionReport, t: int) -> list[Report]:
        if said.state == "submitted":  # it is signed and goes out: nothing is known yet
            return []
        sent = self._orders.get(said.order)
        if sent is None:
            # Not ours: of an earlier run, or an order that was only rehearsed. Money that moved all the same is told.
            return [] if not said.size else [Report(said.order, said.state, t, self._reason(said), _bare(said))]
        order = sent.order
        if said.size:
            if said.trade in sent.told:
                return []
            sent.told.add(said.trade)
            sent.provisional = False
            fill = self._fill(said, order)
            order.filled += fill.size
            order.state = said.state
            return [Report(order.id, said.state, t, self._reason(said), fill)]
        if said.state == "unknown":
            sent.provisional = bool(said.trade)
        if said.state == order.state or order.state in FINAL:
            return []
        order.state = said.state
        return [Report(order.id, said.state, t, self._reason(said))]

    def _reason(self, said: ExecutionReport) -> Reason:
        try:
            return Reason(said.reason)
        except ValueError:
            return _USUAL[said.state]

    def _fill(self, said: ExecutionReport, order: WorkingOrder) -> Execution:
        """The fill, with the fee of the market's own rule where the exchange does not state it."""
        fee, market = said.fee, self._markets.get(order.market_key)
        if fee < 0:
            rated = said.taker and market is not None
            fee = taker_fee(said.price, said.size, market.fee_rate, market.fee_exponent) if rated and market else 0
        gross = cost(said.price, said.size) if order.side == "buy" else proceeds(said.price, said.size)
        return Execution(said.price, said.size, gross, fee, "exchange")

    def forget(self, market: Market) -> None:
        self._markets.pop(market.key, None)
        for name in [name for name, each in self._orders.items() if each.order.market_key == market.key]:
            del self._orders[name]


def _bare(said: ExecutionReport) -> Execution:
    return Execution(said.price, said.size, cost(said.price, said.size), max(said.fee, 0), "exchange")
