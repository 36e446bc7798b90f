"""When to leave a position before its market ends, and why not yet."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from flows.trading_line.data_gate import is_stale
from flows.trading_line.positions import Position
from models.contracts import Number
from models.fees import RATE_UNIT, fee_per_share
from models.journal import Market, TokenBook
from models.money import PIP
from models.reasons import Reason, Verdict
from models.settings import FairValue
from models.strategies.needs import Limits
from models.timestamps import SECOND
from models.trace import Step

MODULE = "exits"
_HOLDING = Step(MODULE, Verdict.HOLD, Reason.HOLDING)


class Standing(msgspec.Struct, gc=False):
    """How a position stands at ``t`` (Unix ns). ``paired``: the other leg of a pair is held too; ``hot``: too soon
    after the last order to sell."""

    t: int
    position: Position
    market: Market
    token: TokenBook | None
    stale_tokens: Collection[str]
    pending: bool
    hot: bool
    paired: bool


def obstacle(standing: Standing, limits: Limits) -> Step | None:
    """Why the position cannot be judged now: it holds where that is in order, and blocks where the data is to blame."""
    token, market = standing.token, standing.market
    if standing.paired:
        return _HOLDING  # one leg pays: there is nothing to leave
    if standing.t >= market.end:
        return Step(MODULE, Verdict.HOLD, Reason.EXPIRED)
    if standing.position.size < market.min_size:
        return Step(MODULE, Verdict.HOLD, Reason.BELOW_MIN_SIZE)
    if standing.pending:
        return Step(MODULE, Verdict.HOLD, Reason.ORDER_PENDING)
    if standing.hot:
        return Step(MODULE, Verdict.HOLD, Reason.COOLDOWN)
    if token is None:
        return Step(MODULE, Verdict.BLOCK, Reason.BOOK_MISSING)
    if not (token.ok and token.bids):
        return Step(MODULE, Verdict.BLOCK, Reason.BOOK_INVALID, {"checks": ",".join(token.checks)})
    if is_stale(token, standing.t, standing.stale_tokens, limits):
        age: Number = (standing.t - token.t) / SECOND
        return Step(MODULE, Verdict.BLOCK, Reason.STALE_BOOK, {"age_s": age})
    return None


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
    if reason is Reason.HOLDING:  # by far the most: their numbers would be shown nowhere
        return _HOLDING
    numbers = {"bid": bid, "paid": round(paid, 6), "fee": round(fee, 6), "fair": round(fair, 6), "time_left_s": left}
    return Step(MODULE, Verdict.PASS, reason, dict(numbers))
