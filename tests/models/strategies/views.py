"""Views of a market for the tests of the strategies: sound ones, to be spoilt one thing at a time."""

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
VARIANCE = 0.25 / 31_536_000


def token(name: str, bid: int, ask: int, ok: bool = True, **changes: Any) -> TokenBook:
    """A token's book with one level a side, pips; 100 shares each."""
    book = TokenBook(
        name, ((bid, 100 * SHARE),), ((ask, 100 * SHARE),), 100, 7, NOW, NOW, ("feed.polymarket", 0, 7), NO_SRC, ok
    )
    return msgspec.structs.replace(book, **changes)


def book(up: TokenBook | None, down: TokenBook | None, pair_ok: bool = True) -> Book:
    return Book(7, NOW, NO_SRC, "BTC", (), "m", up, down, pair_ok)


def market(**changes: Any) -> Market:
    fields: dict[str, Any] = {
        "seq": 1, "t": START, "src": NO_SRC, "lane": "BTC", "checks": (), "key": "m", "market": "0xm", "asset": "BTC",
        "horizon": "5m", "start": START, "end": END, "up_token": "up", "down_token": "down", "tick": 100,
        "min_size": 5 * SHARE, "fee_rate": 70_000, "fee_exponent": 1, "rule": Rule("spot", 0),
        "strike": 60_000 * DOLLAR,
    }  # fmt: skip
    return Market(**{**fields, **changes})


def spot(price: float = 60_000.0, ok: bool = True) -> Spot:
    micro = round(price * DOLLAR)
    levels: Levels = ((micro, SHARE),)
    return Spot(6, NOW, NO_SRC, "BTC", (), "BTC-USD", micro, levels, levels, NOW, ok)


def view(**changes: Any) -> View:
    """Spot at the strike, both books 0.49 to 0.50: nothing is wrong and no edge is there. Features are changed by the
    names of their numbers: ``strike``, ``strike_gap_s``, ``variance``, ``returns``, ``history_s``, ``average``,
    ``average_gap_s``; ``fair`` follows from them, unless it is given."""
    feature: dict[str, Any] = {
        "strike": 60_000.0, "strike_gap_s": 0.0, "variance": VARIANCE, "returns": 50, "history_s": 250.0,
        "average": None, "average_gap_s": 0.0,
    }  # fmt: skip
    fields: dict[str, Any] = {
        "t": NOW, "as_of": NOW, "market": market(), "spot": spot(),
        "book": book(token("up", 4900, 5000), token("down", 5000, 5100)),
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
    }
    if given is ...:
        given = Fair().value(fields["market"], fields["as_of"], SpotHistory(), values)
    return View(**fields, values=values | {"fair": given})
