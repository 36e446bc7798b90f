"""When a market is resolved, and what it pays: the one rule, for the door that asks and for the line that books.

Three sources speak. Gamma's market object: ``closed``, the payouts as ``outcomePrices``, and the oracle's own status,
which goes before both: ``proposed`` and ``disputed`` are no resolution, whatever the prices say. The CLOB's market
object: ``closed``, a winner, and whether it is a 50/50. The socket's ``market_resolved``: a winner. Whatever is not
certain is an open question, to be asked again; nothing is assumed.

>>> by_prices(closed=True, status="resolved", prices=("1", "0"))
(10000, 0)
>>> by_prices(closed=True, status="proposed", prices=("0.5", "0.5")) is None
True
>>> by_prices(closed=True, status="", prices=("0", "0")) is None
True
>>> by_winner(closed=True, winners=(False, False), is_split=True)
(5000, 5000)
>>> by_winner(closed=True, winners=(False, False), is_split=False) is None
True
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from models.money import PIP, NotANumber

Payouts = tuple[int, int]  # pips a share, Up and Down

RESOLVED: Final = "resolved"
_ARTEFACT = 1e-6  # pips: what a float makes of a decimal number
SPLIT: Final[Payouts] = (PIP // 2, PIP // 2)
_FINAL: Final[frozenset[Payouts]] = frozenset({(PIP, 0), (0, PIP), SPLIT})

#: How much a source is worth against another that contradicts it; of two of the same worth the later one counts.
#: ``derived``: an import took it from the recording, for none was recorded.
WORTH: Final[dict[str, int]] = {"derived": 0, "market_resolved": 1, "clob": 2, "gamma": 3}


def by_prices(closed: bool, status: str, prices: Sequence[str | float | None]) -> Payouts | None:
    """What Gamma's object says is paid (pips, Up and Down), or None while the question is open.

    ``status``: the oracle's, "" where none is stated. ``prices``: of Up and of Down, None where unknown. Raises
    NotANumber for a price of a closed market that is no number."""
    if not closed or (status and status.strip().lower() != RESOLVED) or len(prices) != 2:
        return None
    up, down = prices
    if up is None or down is None or up == "" or down == "":
        return None
    payouts = _pips(up), _pips(down)
    return payouts if payouts in _FINAL else None


def by_winner(closed: bool, winners: Sequence[bool], is_split: bool = False) -> Payouts | None:
    """What the CLOB's object says is paid (pips, Up and Down), or None while the question is open.

    ``winners``: of Up and of Down. ``is_split``: it says itself that each half is paid."""
    if not closed or len(winners) != 2:
        return None
    up, down = winners
    if up != down:
        return (PIP, 0) if up else (0, PIP)
    return SPLIT if is_split and not up else None


def outranks(source: str, other: str) -> bool:
    """Whether ``source``, speaking later, is to be believed against ``other``.

    >>> outranks("gamma", "market_resolved"), outranks("market_resolved", "gamma"), outranks("clob", "clob")
    (True, False, True)
    """
    return WORTH.get(source, 0) >= WORTH.get(other, 0)


def _pips(price: str | float) -> int:
    """The price in pips; -1 for one between two of them, which no payout is. Raises NotANumber."""
    try:
        pips = float(price) * PIP
    except ValueError:
        raise NotANumber(f"{price!r} is not a decimal number") from None
    if not math.isfinite(pips):
        raise NotANumber(f"{price!r} is no price")
    return round(pips) if abs(pips - round(pips)) < _ARTEFACT else -1
