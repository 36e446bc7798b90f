"""Orders that wait in the book, and what displays and trades of the exchange fill of them.

Three things fill a resting order. A trade at its price, once the queue ahead is used up (``queue``). A trade through
its price, at most by what was traded (``trade_through``). An opposite display at or through its price, at most by what
is shown and not taken (``book_cross``): with our order there, it would have met us. Our orders never fill each other:
nothing here looks at more than one of them but to share what the exchange showed or traded, best price and oldest
first.
"""

from __future__ import annotations

import msgspec

from connectors.venues.paper.matching import maker_fill
from connectors.venues.paper.mirror import BookSide, Display, Level, consumed, facing, reaches
from connectors.venues.paper.queue import QueuePosition
from connectors.venues.paper.taken import Taken
from models.journal import Market, Trade
from models.money import SIZE_STEP
from models.orders import Evidence, Execution, Report, WorkingOrder


class PaperOrder(msgspec.Struct, kw_only=True):
    """An order at the venue. ``order``: the venue's own copy, in its true state. ``side``, ``price``: where it stands
    in the Up book. ``pending_at``: Unix ns of its next step on the way into the book, 0 once it is there or done.
    ``seen``: journal number of the display its queue was last judged by. ``earned``: micro-shares below a hundredth
    that came to it and are not yet a fill. ``muted``: its answers are lost; ``withheld`` keeps them for a query."""

    order: WorkingOrder
    number: int
    side: BookSide
    price: int
    pending_at: int
    queue: QueuePosition = msgspec.field(default_factory=QueuePosition)
    seen: int = -1
    earned: int = 0
    muted: bool = False
    withheld: list[Report] = msgspec.field(default_factory=list)

    @property
    def room(self) -> int:
        """Micro-shares that may still come to it."""
        return self.order.open - self.earned

    def earn(self, size: int) -> int:
        """Take ``size`` micro-shares; the whole hundredths that are a fill now."""
        self.earned += size
        whole = self.earned // SIZE_STEP * SIZE_STEP
        self.earned -= whole
        return whole

    @property
    def priority(self) -> tuple[int, int]:
        """The lesser goes first."""
        return (-self.price if self.side == "bid" else self.price), self.number


Filled = tuple[PaperOrder, Execution]


class Resting:
    """The resting orders of all markets."""

    def __init__(self, taken: Taken) -> None:
        self._taken = taken
        self._markets: dict[str, list[PaperOrder]] = {}  # in order of priority
        self._latest: dict[str, int] = {}  # market -> exchange time of the last display, while orders rest there

    def of(self, key: str) -> list[PaperOrder]:
        """A market's, in order of priority."""
        return list(self._markets.get(key, ()))

    def is_empty(self, key: str) -> bool:
        """Whether nothing rests in a market."""
        return key not in self._markets

    def add(self, each: PaperOrder, shown: Display) -> None:
        """An order joins the queue at its price. ``shown``: the latest sound display."""
        self._latest[each.order.market_key] = shown.x
        each.queue.display(shown.depth(each.side, each.price), shown.x)
        each.seen = shown.seq
        orders = self._markets.setdefault(each.order.market_key, [])
        orders.append(each)
        orders.sort(key=lambda one: one.priority)

    def remove(self, each: PaperOrder) -> None:
        """An order that is done; one that never rested is none of ours."""
        key = each.order.market_key
        left = [one for one in self._markets.get(key, ()) if one is not each]
        if left:
            self._markets[key] = left
        else:
            self.forget(key)

    def forget(self, key: str) -> None:
        self._markets.pop(key, None)
        self._latest.pop(key, None)

    def on_display(self, key: str, shown: Display, t: int) -> list[Filled]:
        """What a display seen at ``t`` (Unix ns) fills. One that is older than the last, by exchange time, is the
        other token's view of what has passed."""
        if shown.x < self._latest.get(key, 0):
            return []
        self._latest[key] = shown.x
        filled: list[Filled] = []
        for each in self.of(key):
            each.queue.display(shown.depth(each.side, each.price), shown.x)
            each.seen = shown.seq
            size = self._crossed(each, key, shown, t)
            if size:
                filled.append((each, maker_fill(each.order, size, "book_cross", shown.seq, -1)))
        return filled

    def _crossed(self, each: PaperOrder, key: str, shown: Display, t: int) -> int:
        """Take what stands opposite at or through an order's price; what of it is a fill."""
        got = 0
        for price, size in shown.levels(facing(each.side)):
            if not reaches(each.side, each.price, price):
                break
            level: Level = (facing(each.side), price)
            part = min(size - self._taken.of(key, level, t), each.room - got)
            if part > 0:
                self._taken.take(key, level, part, t)
                got += part
        return each.earn(got)

    def on_trade(self, trade: Trade, market: Market) -> list[Filled]:
        """What a trade fills: of orders on the side that was consumed, and of those opposite that whoever rested there
        would have met before. Each side together at most by the size traded."""
        level = consumed(trade, market)
        side, price = level
        already = self._taken.of(market.key, level, trade.t)
        left = {side: trade.size, facing(side): max(0, trade.size - already)}
        filled: list[Filled] = []
        for each in self.of(market.key):
            evidence: Evidence = "trade_through"
            if each.side != side:
                came = left[each.side] if reaches(each.side, each.price, price) else 0
            elif each.price == price:
                evidence = "queue"
                came = each.queue.trade(trade.size, trade.x, trade.size - left[side])
            elif reaches(side, each.price, price):
                each.queue.passed()
                came = trade.size
            else:
                came = 0
            got = min(came, left[each.side], each.room)
            left[each.side] -= got
            size = each.earn(got)
            if size:
                book = each.seen if evidence == "queue" else -1
                filled.append((each, maker_fill(each.order, size, evidence, book, trade.seq)))
        return filled
