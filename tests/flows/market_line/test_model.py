"""The kept books against a naive one: a dict of levels a side, whatever comes in whatever order."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from models.book import BookSide
from models.journal import TokenBook
from models.money import MICRO, NEGATIVE_PIPS, PIPS
from tests.flows.market_line.feeds import DOWN, UP, Rig

DEPTH = 10
cents = st.integers(1, 99)
sizes = st.integers(1, 5_000)  # hundredths of a share
entries = st.tuples(st.sampled_from([UP, DOWN]), st.sampled_from(["BUY", "SELL"]), cents, st.integers(0, 5_000))
sides = st.dictionaries(cents, sizes, max_size=15)


@dataclass
class Naive:
    """Prices in cents, sizes in hundredths."""

    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    known: bool = False

    def levels(self) -> tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
        bids = sorted(self.bids.items(), reverse=True)[:DEPTH]
        asks = sorted(self.asks.items())[:DEPTH]
        return tuple((p * 100, s * 10_000) for p, s in bids), tuple((p * 100, s * 10_000) for p, s in asks)

    def sound(self) -> bool:
        if not (self.known and self.bids and self.asks):
            return False
        return 0 < min(self.asks) - max(self.bids) <= 10


def price(value: int) -> str:
    return f"{value / 100:.2f}"


def size(value: int) -> str:
    return f"{value / 100:.2f}".rstrip("0").rstrip(".")


snapshots = st.tuples(st.just("snapshot"), st.sampled_from([UP, DOWN]), sides, sides, st.randoms(use_true_random=False))
changes = st.tuples(st.just("changes"), st.lists(entries, min_size=1, max_size=8))
losses = st.tuples(st.just("loss"))
restarts = st.tuples(st.just("restart"))


@settings(max_examples=120, deadline=None)
@given(steps=st.lists(st.one_of(snapshots, changes, changes, losses, restarts), max_size=25))
def test_books_agree_with_a_naive_model(steps: list[tuple[object, ...]]) -> None:
    rig = Rig()
    rig.define()
    naive = {UP: Naive(), DOWN: Naive()}
    for step in steps:
        rig.pass_time(0.01)
        match step:
            case ("snapshot", str(token), dict(bids), dict(asks), shuffled):
                naive[token] = Naive(dict(bids), dict(asks), True)
                wire_bids = [(price(p), size(s)) for p, s in sorted(bids.items())]
                wire_asks = [(price(p), size(s)) for p, s in sorted(asks.items(), reverse=True)]
                if shuffled.random() < 0.3:  # type: ignore[attr-defined]
                    shuffled.shuffle(wire_bids)  # type: ignore[attr-defined]
                    shuffled.shuffle(wire_asks)  # type: ignore[attr-defined]
                rig.poly(rig.snapshot(token, wire_bids, wire_asks))
            case ("changes", list(several)):
                for token, side, at, total in several:
                    book = naive[token]
                    stored = book.bids if side == "BUY" else book.asks
                    if book.known and total:
                        stored[at] = total
                    elif book.known:
                        stored.pop(at, None)
                rig.poly(rig.change(*((token, side, price(at), size(total)) for token, side, at, total in several)))
            case ("loss",):
                naive = {UP: Naive(), DOWN: Naive()}
                rig.numbers["poly-1"] = rig.numbers.get("poly-1", 0) + 1
                rig.poly({"event_type": "best_bid_ask", "asset_id": "999", "timestamp": "1"})
            case _:
                rig.line = pickle.loads(pickle.dumps(rig.line))
        for token, view in views(rig).items():
            if naive[token].known:
                assert (view.bids, view.asks) == naive[token].levels()
            assert view.ok == naive[token].sound()
    assert [event.seq for event in rig.events] == list(range(len(rig.events)))


def views(rig: Rig) -> dict[str, TokenBook]:
    """The tokens as the last Book event tells them."""
    books = [event for event in rig.events if type(event).__name__ == "Book"]
    if not books:
        return {}
    book = books[-1]
    return {side.token: side for side in (book.up, book.down) if side is not None}  # type: ignore[union-attr]


@dataclass
class Level:
    price: str
    size: float


@settings(max_examples=150, deadline=None)
@given(
    sign=st.sampled_from([1, -1]),
    steps=st.lists(
        st.one_of(
            st.lists(st.tuples(cents, st.integers(1, 50)), max_size=12, unique_by=lambda level: level[0]),
            st.tuples(cents, st.integers(0, 50)),
            st.just("clear"),
            st.sampled_from(["again", "older"]),
            st.just("pickle"),
        ),
        max_size=15,
    ),
)
def test_a_side_agrees_with_a_dict(sign: int, steps: list[object]) -> None:
    """``again`` loads the last snapshot once more, ``older`` the one before it: their ladders are known then, their
    sizes must still be the new ones."""
    side, naive = BookSide(sign, PIPS if sign > 0 else NEGATIVE_PIPS), dict[int, int]()
    loaded: list[list[tuple[int, int]]] = []
    for step in steps:
        if step == "clear":
            side.clear()
            naive = {}
        elif step == "pickle":
            side = pickle.loads(pickle.dumps(side))
        elif isinstance(step, tuple):
            at, total = step
            side.put(PIPS[price(at)], MICRO[size(total)])
            naive[at] = total
        elif isinstance(step, str) and len(loaded) < 2:
            continue
        else:
            levels = loaded[-1 if step == "again" else -2] if isinstance(step, str) else list(step)  # type: ignore[call-overload]
            levels = sorted(levels, key=lambda level: level[0] * sign)
            loaded.append(levels)
            side.load([Level(price(at), float(size(total))) for at, total in levels])
            naive = dict(levels)
        expected = sorted((level for level in naive.items() if level[1]), key=lambda level: -level[0] * sign)
        stored = [(at // 100, total // 10_000) for at, total in side.top(1_000)]
        assert stored == expected
        assert side.is_on_grid(100) and side.is_on_grid(1000) == all(
            at % 10 == 0 and 10 <= at <= 90 for at, _ in stored
        )
