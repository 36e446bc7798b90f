"""Orders that sweep several levels: one message a level, all of one timestamp, each stating the best prices at the
end.

The model is a ladder in whole cents, written from the exchange's rules: what is taken is gone, what is left of the
order rests at its last price, and the other token's book is the mirror."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.money import SHARE
from models.reasons import Reason
from tests.flows.market_line.feeds import DOWN, UP, Rig
from tests.flows.market_line.test_settlement_waits import gamma, take

MIRROR = {"BUY": "SELL", "SELL": "BUY"}
PAUSES_NS = (0, 500_000, 3_000_000)  # between messages of one order
Levels = tuple[tuple[str, str], ...]


def cents(price: int) -> str:
    return f"{price / 100:.2f}"


class Ladder:
    """Up's book: shares by price in cents."""

    def __init__(self) -> None:
        self.bids = {48 - n: 10 + n for n in range(20)}
        self.asks = {50 + n: 20 + n for n in range(20)}

    def sweep(self, is_purchase: bool, levels: int, rest: int) -> list[tuple[str, int, int]]:
        """An order takes ``levels`` and leaves ``rest`` shares: (side, price, new size) of each level that changes."""
        away, own = (self.asks, self.bids) if is_purchase else (self.bids, self.asks)
        taken = sorted(away, reverse=not is_purchase)[:levels]
        changes = [("SELL" if is_purchase else "BUY", price, 0) for price in taken]
        for price in taken:
            del away[price]
        if rest and taken:
            own[taken[-1]] = rest
            changes.append(("BUY" if is_purchase else "SELL", taken[-1], rest))
        return changes

    def sides(self, token: str) -> tuple[Levels, Levels]:
        """(bids, asks), best last, as the exchange lists them."""
        bids, asks = self.bids, self.asks
        if token == DOWN:
            bids, asks = ({100 - price: size for price, size in side.items()} for side in (self.asks, self.bids))
        return _listed(sorted(bids), bids), _listed(sorted(asks, reverse=True), asks)

    def messages(self, rig: Rig, changes: list[tuple[str, int, int]]) -> list[dict[str, Any]]:
        ms = rig.now // 1_000_000 - 20
        best = {token: [side[-1][0] for side in self.sides(token)] for token in (UP, DOWN)}
        return [
            rig.change(
                *(
                    {"asset_id": token, "side": side if token == UP else MIRROR[side], "size": str(size),
                     "price": cents(price if token == UP else 100 - price), "best_bid": best[token][0],
                     "best_ask": best[token][1]}
                    for token in (UP, DOWN)
                ),
                ms=ms,
            )
            for side, price, size in changes
        ]  # fmt: skip


def _listed(prices: Iterable[int], side: dict[int, int]) -> Levels:
    return tuple((cents(price), str(side[price])) for price in prices)


orders = st.tuples(st.booleans(), st.integers(1, 3), st.integers(0, 9), st.randoms(use_true_random=False))


@settings(max_examples=120, deadline=None)
@given(st.lists(st.tuples(orders, st.booleans(), st.booleans()), min_size=1, max_size=5))
def test_an_order_of_several_messages_leaves_sound_books_in_whatever_order_they_come(
    story: list[tuple[tuple[bool, int, int, Any], bool, bool]],
) -> None:
    rig, ladder = Rig(), Ladder()
    rig.define()
    rig.poly(*(rig.snapshot(token, *ladder.sides(token)) for token in (UP, DOWN)))
    for (is_purchase, levels, rest, chance), in_one, with_definition in story:
        rig.pass_time(0.5)
        if with_definition:
            take(rig, gamma(("0.5", "0.5"), None, closed=False))
        messages = ladder.messages(rig, ladder.sweep(is_purchase, levels, rest))
        chance.shuffle(messages)
        if in_one:
            rig.poly(*messages)
        else:
            for message in messages:
                rig.poly(message)
                rig.now += chance.choice(PAUSES_NS)
        book = rig.latest_book()
        for token, shown in ((UP, book.up), (DOWN, book.down)):
            assert shown is not None and set(shown.checks) <= {Reason.SPREAD_TOO_WIDE}, shown
            bids, asks = ladder.sides(token)
            assert shown.bids[0] == (round(float(bids[-1][0]) * 10_000), int(bids[-1][1]) * SHARE)
            assert shown.asks[0] == (round(float(asks[-1][0]) * 10_000), int(asks[-1][1]) * SHARE)
    rig.pass_time(1)
    rig.tick()
    assert Reason.BEST_MISMATCH not in rig.reasons() and rig.letters == []
