"""A decision in one sentence, with the numbers it turned on: what `profit why` and the page say first."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from models.contracts import Decision, Fill, Number, Span
from models.money import DOLLAR, PIP, SHARE
from models.reasons import MEANING, Reason

_WHOSE: Final = {Reason.CAP_MARKET: "a market", Reason.CAP_STRATEGY: "a strategy", Reason.CAP_TOTAL: "in all"}


def limits_of(run: Path) -> dict[str, float]:
    """The caps in dollars by their keys, as the run in ``run`` wrote them; empty where it wrote none."""
    try:
        portfolio = json.loads((run / "settings.json").read_bytes())["portfolio"]
        return {reason: float(portfolio[reason]) for reason in _WHOSE}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def sentence_of(decision: Decision, fills: list[Fill] | None, limits: Mapping[str, float]) -> str:
    """What was done and why. ``fills``: of the decision's orders, None where nobody looked; ``limits``: see
    ``limits_of``."""
    shares = f"{decision.size / SHARE:,.2f} shares"
    price = f"${decision.price / PIP:.4f}"
    match decision.action:
        case "enter":
            return f"{_done('buy', fills)} {decision.outcome}: {_edge(decision)}. {_ordered(shares, price, fills)}"
        case "exit":
            why = why_of(decision, limits)
            return f"{_done('sell', fills)} {decision.outcome}: {why}. {_ordered(shares, price, fills)}"
        case "settle":
            return f"Settled {decision.outcome}: {shares} paid {price} each."
        case _ if decision.spans and decision.spans[0].module == "exits":
            return f"Kept {decision.outcome} unjudged: {why_of(decision, limits)}."
        case _:
            return f"Refused to buy {decision.outcome}: {why_of(decision, limits)}."


_DONE: Final = {"buy": "Bought", "sell": "Sold"}


def _done(side: str, fills: list[Fill] | None) -> str:
    """What was decided, or what came of it where somebody looked."""
    if fills is None:
        return f"To {side}"
    return _DONE[side] if fills else f"Tried to {side}"


def why_of(decision: Decision, limits: Mapping[str, float]) -> str:
    """A decision's reason in words, with the numbers of a limit that was reached."""
    whose = _WHOSE.get(decision.reason)
    room = _numbers(decision, "sizing").get("room")
    cap = limits.get(decision.reason)
    if whose is not None and cap is not None and isinstance(room, int | float):
        return f"limit of ${cap:,.0f} {whose} reached (holding ${max(cap - room, 0.0):,.2f})"
    return MEANING[decision.reason]


def _edge(decision: Decision) -> str:
    """The strategy's own numbers: what it found the outcome worth, what it costs, and what is left."""
    numbers = _numbers(decision, f"strategy.{decision.strategy}")
    ask, edge, threshold = (numbers.get(name) for name in ("ask", "edge", "threshold"))
    fair = _numbers(decision, "features").get("fair")
    if not all(isinstance(each, int | float) for each in (ask, edge, threshold, fair)):
        return MEANING[Reason.EDGE] if not isinstance(edge, int | float) else f"edge {edge} after costs"
    worth = float(fair or 0.0) if decision.outcome == "Up" else 1.0 - float(fair or 0.0)
    fee = worth - float(ask or 0.0) - float(edge or 0.0)
    return (
        f"worth ${worth:.6f}, asked ${float(ask or 0.0):.4f}, fee ${max(fee, 0.0):.6f} a share: "
        f"edge ${edge}, above the threshold of ${threshold}"
    )


def _ordered(shares: str, price: str, fills: list[Fill] | None) -> str:
    if fills is None:
        return f"Ordered {shares}, limit {price}."
    if not fills:
        return f"Order: {shares}, limit {price}; nothing filled."
    size, gross, fees = 0, 0, 0
    for fill in fills:
        size, gross, fees = size + fill.size, gross + fill.gross, fees + fill.fee
    return (
        f"Order: {shares}, limit {price}; filled {size / SHARE:,.2f} at ${gross / size:.4f} on average, "
        f"fees ${fees / DOLLAR:,.2f}."
    )


def _numbers(decision: Decision, module: str) -> Mapping[str, Number]:
    return next((span.numbers for span in _backwards(decision.spans) if span.module == module), {})


def _backwards(spans: list[Span]) -> list[Span]:
    return spans[::-1]
