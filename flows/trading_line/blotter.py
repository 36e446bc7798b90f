"""The blotter: every working order with its reservation, and what the venue says became of it.

It is the one place where an order changes its state. A report that cannot follow the order's state is an anomaly: it is
kept from the money, and said.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from models.accounts import LIVE
from models.happenings import Submitted
from models.orders import FINAL, IllegalTransition, Report, WorkingOrder


class _Line(msgspec.Struct):
    """A working order: its rows so far, fills so far, and when its state was last asked for (Unix ns)."""

    order: WorkingOrder
    rows: int = 0
    fills: int = 0
    asked: int = 0


class Blotter:
    """Working orders by id. ``hear`` applies reports; money is moved by who calls it."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[WorkingOrder]:
        return iter([line.order for line in self._lines.values()])

    def get(self, order_id: str) -> WorkingOrder | None:
        """The working order of that id; None where it is done or was never sent."""
        line = self._lines.get(order_id)
        return line.order if line is not None else None

    def of(self, instance: str, market: str) -> list[WorkingOrder]:
        """The working orders of an instance in a market."""
        if not self._lines:
            return []
        return [each for each in self if each.instance == instance and each.market_key == market]

    def add(self, order: WorkingOrder) -> Submitted:
        """Take an order in that was sent."""
        if order.id in self._lines:
            raise ValueError(f"order {order.id} was sent twice")
        self._lines[order.id] = _Line(order)
        return Submitted(order, order.sent)

    def row(self, order: WorkingOrder) -> int:
        """The number of the order's next row."""
        line = self._lines[order.id]
        line.rows += 1
        return line.rows - 1

    def next_fill(self, order: WorkingOrder) -> int:
        """The number of the order's next fill."""
        line = self._lines[order.id]
        line.fills += 1
        return line.fills - 1

    def apply(self, report: Report) -> WorkingOrder:
        """Move the order to the reported state. Raises IllegalTransition, and KeyError for an order that does not
        work; the order is left as it was then."""
        line = self._lines.get(report.order)
        if line is None:
            raise KeyError(report.order)
        order = line.order
        fill = report.fill
        filled = order.filled + (fill.size if fill is not None else 0)
        if filled > order.size:
            raise IllegalTransition(f"order {order.id}: {filled} of {order.size} micro-shares filled")
        if (fill is not None) != (report.state in ("filled", "partly_filled")):
            raise IllegalTransition(f"order {order.id}: {report.state} and a fill do not go together")
        if report.state == "filled" and filled != order.size:
            raise IllegalTransition(f"order {order.id}: called filled with {filled} of {order.size} micro-shares")
        order.advance(report.state)
        order.filled = filled
        return order

    def close(self, order: WorkingOrder) -> None:
        """Let go of an order that is done."""
        if order.state not in FINAL:
            raise IllegalTransition(f"order {order.id}: {order.state} is not final")
        del self._lines[order.id]

    def overdue(self, t: int, patience: int) -> list[WorkingOrder]:
        """The orders that nobody acknowledged ``patience`` ns after they were due, and that are not being cancelled."""
        return [
            line.order
            for line in self._lines.values()
            if line.order.state == "submitted" and not line.order.cancelling and t - line.order.due > patience
        ]

    def unanswered(self, market: str) -> list[WorkingOrder]:
        """The orders in a market of which the venue may still report a fill from before its end: those whose state is
        unknown, and every real one, for its exchange reports in its own time."""
        if not self._lines:
            return []
        return [
            each for each in self if each.market_key == market and (each.state == "unknown" or each.account == LIVE)
        ]

    def unknown(self, t: int, every: int) -> list[WorkingOrder]:
        """The orders whose state is to be asked for at ``t``: unknown, and not asked for ``every`` ns."""
        due = []
        for line in self._lines.values():
            if line.order.state == "unknown" and t - line.asked >= every:
                line.asked = t
                due.append(line.order)
        return due
