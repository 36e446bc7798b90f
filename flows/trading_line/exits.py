"""When to leave a position before its market ends."""

from __future__ import annotations

from flows.trading_line.positions import Position
from models.fees import RATE_UNIT, fee_per_share
from models.journal import Market, TokenBook
from models.money import PIP
from models.reasons import Reason, Verdict
from models.settings import FairValue
from models.timestamps import SECOND
from models.trace import Step

MODULE = "exits"


def judge(position: Position, market: Market, token: TokenBook, fair: float, settings: FairValue, t: int) -> Step:
    """Hold, or sell and why. ``fair``: worth of a share in dollars, negative where unknown. ``token`` must be ok."""
    bid = token.bids[0][0] / PIP
    paid = position.basis / position.size  # micro-dollars a micro-share = dollars a share
    fee = fee_per_share(bid, market.fee_rate / RATE_UNIT, market.fee_exponent)
    left = (market.end - t) / SECOND
    reason = Reason.HOLDING
    if bid - paid >= settings.take_profit:
        reason = Reason.TAKE_PROFIT
    elif paid - bid >= settings.stop_loss:
        reason = Reason.STOP_LOSS
    elif settings.time_exit_s and left <= settings.time_exit_s:
        reason = Reason.TIME_EXIT
    elif fair >= 0.0 and bid - fee - fair >= settings.edge_decay:
        reason = Reason.EDGE_DECAY
    verdict = Verdict.HOLD if reason is Reason.HOLDING else Verdict.PASS
    numbers = {"bid": bid, "paid": round(paid, 6), "fee": round(fee, 6), "fair": round(fair, 6), "time_left_s": left}
    return Step(MODULE, verdict, reason, dict(numbers))
