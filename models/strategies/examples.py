"""Views of a market that strategies are rehearsed on, for tests of them too: sound ones, to be changed one thing at a
time.

>>> example_view().values["fair"]  # spot stands at the strike
0.5
>>> example_view(spot=example_spot(60_100.0)).values["fair"] > 0.9
True
"""

from __future__ import annotations

from typing import Any

import msgspec

from models.features.fair import Fair
from models.features.history import SpotHistory
from models.features.settlement_average import Average
from models.features.strike import Strike
from models.features.variance import Variance
from models.journal import NO_SRC, Book, Levels, Market, Spot, TokenBook
from models.money import DOLLAR, SHARE
from models.settlement import Rule
from models.strategies.view import View
from models.timestamps import SECOND

START = 1_795_000_200 * SECOND
END = START + 300 * SECOND
NOW = START + 120 * SECOND
VARIANCE = 0.25 / 31_536_000  # half a year's price, of the log price a second
_NUMBERS: dict[str, Any] = {
    "strike": 60_000.0, "strike_gap_s": 0.0, "variance": VARIANCE, "returns": 50, "history_s": 250.0,
    "average": None, "average_gap_s": 0.0, "spot_move": 0.0, "fair_move": 0.0, "mid_move": 0.0, "flow": 0.0,
    "strikes": {},
}  # fmt: skip


def example_token(name: str, bid: int, ask: int, ok: bool = True, **changes: Any) -> TokenBook:
    """A token's book with one level a side, pips; 100 shares each."""
    book = TokenBook(
        name, ((bid, 100 * SHARE),), ((ask, 100 * SHARE),), 100, 7, NOW, NOW, ("feed.polymarket", 0, 7), NO_SRC, ok
    )
    return msgspec.structs.replace(book, **changes)


def example_book(up: TokenBook | None, down: TokenBook | None, pair_ok: bool = True) -> Book:
    return Book(7, NOW, NO_SRC, "BTC", (), "m", up, down, pair_ok)


def example_books(bid: int, ask: int) -> Book:
    """Both books of one moment, the second the mirror of the first: pips of Up."""
    return example_book(example_token("up", bid, ask), example_token("down", 10_000 - ask, 10_000 - bid))


def example_window(**changes: Any) -> Market:
    """A five-minute market that settles on a price, with its official strike."""
    fields: dict[str, Any] = {
        "seq": 1, "t": START, "src": NO_SRC, "lane": "BTC", "checks": (), "key": "m", "market": "0xm", "asset": "BTC",
        "horizon": "5m", "start": START, "end": END, "up_token": "up", "down_token": "down", "tick": 100,
        "min_size": 5 * SHARE, "fee_rate": 70_000, "fee_exponent": 1, "rule": Rule("spot", 0),
        "strike": 60_000 * DOLLAR,
    }  # fmt: skip
    return Market(**{**fields, **changes})


def example_spot(price: float = 60_000.0, ok: bool = True) -> Spot:
    micro = round(price * DOLLAR)
    levels: Levels = ((micro, SHARE),)
    return Spot(6, NOW, NO_SRC, "BTC", (), "BTC-USD", micro, levels, levels, NOW, ok)


def example_view(**changes: Any) -> View:
    """Spot at the strike, both books 0.49 to 0.50: nothing is wrong and no edge is there. Features are changed by the
    names of their numbers: ``strike``, ``strike_gap_s``, ``variance``, ``returns``, ``history_s``, ``average``,
    ``average_gap_s``, ``spot_move``, ``fair_move``, ``mid_move``, ``flow``, ``strikes``; ``fair`` follows from them,
    unless it is given."""
    feature = {**_NUMBERS}
    fields: dict[str, Any] = {
        "t": NOW, "as_of": NOW, "market": example_window(), "spot": example_spot(),
        "book": example_book(example_token("up", 4900, 5000), example_token("down", 5000, 5100)),
    }  # fmt: skip
    given = changes.pop("fair", ...)
    feature.update({name: changes.pop(name) for name in list(changes) if name in feature})
    fields.update(changes)
    price, strike, average = fields["spot"], feature["strike"], feature["average"]
    values: dict[str, Any] = {
        "spot_price": price.price / DOLLAR if price is not None and price.ok else None,
        "strike": None if strike is None else Strike(strike, "official", feature["strike_gap_s"]),
        "variance": Variance(feature["variance"], feature["returns"], feature["history_s"]),
        "settlement_average": None if average is None else Average(average, 10, feature["average_gap_s"]),
        "time_left": max(fields["market"].end - fields["as_of"], 0) / SECOND,
        **{name: feature[name] for name in ("spot_move", "fair_move", "mid_move", "flow", "strikes")},
    }
    if given is ...:
        given = Fair().value(fields["market"], fields["as_of"], SpotHistory(), values)
    return View(**fields, values=values | {"fair": given})


def example_views() -> tuple[View, ...]:
    """What most strategies have an opinion on: nothing to find, each side too cheap by spot, a pair below a dollar, and
    the last seconds of a favourite's window."""
    return (
        example_view(),
        example_view(spot=example_spot(60_100.0)),
        example_view(spot=example_spot(59_900.0)),
        example_view(book=example_book(example_token("up", 4500, 4600), example_token("down", 4500, 4600))),
        example_view(t=END - 30 * SECOND, as_of=END - 30 * SECOND, book=example_books(9300, 9400), fair=0.99),
    )
