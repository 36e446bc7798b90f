"""REST's book of a token against the local one: what is newer and different, and stays so, is a fault of the stream."""

from __future__ import annotations

import msgspec

from connectors.polymarket.token import DEPTH, Token
from connectors.polymarket.wire import MarketMessage
from models.book import BookSide
from models.bounds import CheckBounds
from models.journal import Levels
from models.money import NEGATIVE_PIPS, PIPS
from models.timestamps import parse_epoch_ms


class _Answer(msgspec.Struct, frozen=True):
    bids: Levels
    asks: Levels
    x: int
    t: int


class RestBooks:
    """The latest answer of each token that has to be compared yet. Times are Unix ns."""

    def __init__(self) -> None:
        self._waiting: dict[str, _Answer] = {}

    def take(self, message: MarketMessage, token: Token | None, t: int) -> str:
        """Keep the answer if it is newer than the local book; what to say of it. Raises NotANumber and ValueError."""
        bids, asks = BookSide(+1, PIPS), BookSide(-1, NEGATIVE_PIPS)
        bids.load(message.bids or ())
        asks.load(message.asks or ())
        answer = _Answer(bids.top(DEPTH), asks.top(DEPTH), parse_epoch_ms(message.timestamp), t)
        if token is None or token.invalid:
            return "nothing to compare with"
        if (answer.bids, answer.asks) == (token.view.bids, token.view.asks):
            self._waiting.pop(message.asset_id, None)
            return "agrees"
        if answer.x <= token.latest_exchange_time:
            return "older than the book"
        self._waiting[message.asset_id] = answer
        return "newer than the book and different"

    def differing(self, tokens: dict[str, Token], bounds: CheckBounds, t: int) -> list[str]:
        """Tokens whose stream did not catch up within the grace; each is reported once."""
        found: list[str] = []
        for name, answer in list(self._waiting.items()):
            token = tokens.get(name)
            behind = token is not None and not token.invalid and token.latest_exchange_time < answer.x
            if token is None or not behind or (answer.bids, answer.asks) == (token.view.bids, token.view.asks):
                del self._waiting[name]
            elif t - answer.t >= bounds.rest_grace:
                del self._waiting[name]
                found.append(name)
        return found
