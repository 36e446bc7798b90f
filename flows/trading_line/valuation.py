"""What an account is worth, and the gauges that say so.

Positions are valued at the bid, and as ``flows.trading_line.marks`` says where there is none. What they would be
worth by the instances' own fair values stands beside it, marked as such; sizing and breakers never use it.
"""

from __future__ import annotations

from flows.trading_line.known import MarketCache
from flows.trading_line.positions import Account, Position, payout_of
from models.contracts import Number
from models.money import DOLLAR
from models.timestamps import SECOND

#: A fair value older than this is none.
_FAIR_NS = 10 * SECOND


def equity(account: Account, known: MarketCache) -> int:
    """Cash and reservations, less what is owed, and positions at their marks; micro-dollars."""
    ledger = account.ledger
    total = ledger.balance("cash") + ledger.balance("reserved") + ledger.balance("owed")
    for position in account.positions.values():
        total += mark(position, known)
    return total


def mark(position: Position, known: MarketCache) -> int:
    """What the position's shares bring at their mark, fees apart; nothing where none is known. Micro-dollars."""
    market = known.markets.get(position.market_key)
    return payout_of(position.size, market.marks.get(position.outcome, 0)) if market is not None else 0


def gauges(account: Account, known: MarketCache, t: int) -> dict[str, Number]:
    """Equity, cash, reserved, realised and unrealised, in dollars; ``ledger_imbalance`` in micro-dollars.
    ``model_unrealised``: unrealised if the shares were worth the instances' own fair values (a belief, not money)."""
    ledger = account.ledger
    basis, believed = 0, 0
    for position in account.positions.values():
        basis += position.basis
        market = known.markets.get(position.market_key)
        fair = market.fair(position.instance, position.outcome, t, _FAIR_NS) if market is not None else -1.0
        believed += round(fair * position.size) if fair >= 0.0 else mark(position, known)
    worth = equity(account, known)
    cash, reserved, owed = ledger.balance("cash"), ledger.balance("reserved"), ledger.balance("owed")
    return {
        "equity": worth / DOLLAR,
        "cash": cash / DOLLAR,
        "reserved": reserved / DOLLAR,
        "owed": -owed / DOLLAR,
        "realised": (-ledger.total("pnl:") - ledger.total("fees:")) / DOLLAR,
        "unrealised": (worth - cash - reserved - owed - basis) / DOLLAR,
        "model_unrealised": (believed - basis) / DOLLAR,
        "positions": len(account.positions),
        "ledger_imbalance": ledger.imbalance(),
    }
