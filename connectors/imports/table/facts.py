"""Rows of a table to facts: what each says, in the exchanges' units, before anything is sorted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

from connectors.imports.frames import plain, price_text, size_text
from connectors.imports.names import LENGTHS, Named, by_question, by_slug, made, of_length
from connectors.imports.options import Options
from connectors.imports.reading import Row
from connectors.imports.summary import ImportSummary, RefusedRow
from connectors.imports.table.cells import Cells
from connectors.imports.table.contract import Column, Quote, TableSource
from connectors.imports.table.markets import RecordedMarket, RecordedMarkets
from connectors.imports.values import asset_of, horizon_of, identity, outcome_of, tidy

Levels = tuple[tuple[str, str], ...]
_REMEMBERED: Final = 100_000
_BUCKET_NS: Final = 300 * 10**9  # no window changes within it
_SIDES: Final = {"buy": "BUY", "b": "BUY", "bid": "BUY", "sell": "SELL", "s": "SELL", "ask": "SELL"}
_ONE: Final = Decimal(1)
_HALF: Final = Decimal("0.5")
_NUMBERS: Final = (str, int, float, Decimal)


class QuotedBook(NamedTuple):
    """A token's book: exchange time in Unix ms, levels best last."""

    t_ms: int
    bids: Levels
    asks: Levels


class TradeFact(NamedTuple):
    token: str  # "up", "down", or a token's id
    price: str
    size: str
    side: str
    t_ms: int


class SpotFact(NamedTuple):
    source: str
    asset: str
    price: str
    t_ns: int


class Fact(NamedTuple):
    """What one row says. ``market`` is a key, "" for none; ``own`` the row's token ("up", "down", or its id) and its
    book."""

    where: str
    market: str = ""
    up: QuotedBook | None = None
    down: QuotedBook | None = None
    own: tuple[str, QuotedBook] | None = None
    updated: str = ""
    trade: TradeFact | None = None
    spot: SpotFact | None = None
    strike: str = ""
    payout: tuple[str, str] | None = None

    @property
    def has_quote(self) -> bool:
        return self.up is not None or self.down is not None or self.own is not None


class RowReader:
    """Reads the rows of one file of a source."""

    def __init__(
        self, source: TableSource, cells: Cells, markets: RecordedMarkets, options: Options, summary: ImportSummary
    ) -> None:
        self._source = source
        self._cells = cells
        self._markets = markets
        self._options = options
        self._summary = summary
        self._assumed = size_text(options.assumed_size)
        market = source.market
        self._named = [
            column
            for column in (
                market.slug, market.question, market.id, market.asset, market.horizon, market.start, market.end,
                market.up_token, market.down_token, market.token,
            )
            if column is not None
        ]  # fmt: skip
        self._resolved: dict[Any, RecordedMarket] = {}
        self._prices: dict[Any, str] = {}
        self._sizes: dict[Any, str] = {}

    def market_row(self, row: Row) -> None:
        """Learn a market from a row of a list of markets. Raises RefusedRow."""
        market = self._market(row, None)
        strike = self._strike(row)
        payout = self._payout(row, market)
        if strike:
            market.strike = Decimal(strike)
        if payout:
            market.payout = payout

    def fact(self, row: Row, where: str) -> tuple[int, str, Fact | None]:
        """(receive time, what rows of one time are grouped by, fact); None for a row that says nothing. Raises
        RefusedRow."""
        source, cells = self._source, self._cells
        assert source.time is not None
        t = cells.time(row, source.time)
        if t is None:
            raise RefusedRow("bad_time", cells.text(row, source.time) or "none")
        x = cells.time(row, source.time.exchange)
        if source.time.clock == "exchange":
            x = t if x is None else x
            t += int(source.time.delay_ms * 1_000_000)
        x_ms = (t if x is None else x) // 1_000_000
        own_token = self._own_token(row)
        updated = self._updated(row)
        up, down, own = self._quotes(row, x_ms, own_token)
        spot_price = cells.number(row, source.spot.price) if source.spot else None
        if spot_price is not None and spot_price <= 0:
            raise RefusedRow("not_a_price", spot_price)
        trade = self._trade(row, x_ms, own_token)
        strike = self._strike(row)
        about_market = up or down or own or trade or strike or source.has_outcome
        if source.spot is not None and source.spot.asset is None:
            about_market = about_market or spot_price is not None
        market = self._market(row, t) if source.names_markets and about_market else None
        payout = self._payout(row, market) if market else None
        spot = self._spot(row, market, spot_price, t if x is None else x)
        if market is not None:
            if own_token not in ("up", "down"):
                self._markets.saw_token(market, own_token)
            if up or down or own or trade:
                market.saw(t, where)
        if not (up or down or own or trade or spot or strike or payout):
            return t, "", None
        tie = market.id or market.key if market and own else ""
        key = market.key if market else ""
        return t, tie, Fact(where, key, up, down, own, updated, trade, spot, strike, payout)

    # ------------------------------------------------------------- tokens

    def _own_token(self, row: Row) -> str:
        """ "up", "down", or the id of the token the row is about; Up where it says nothing."""
        market, cells = self._source.market, self._cells
        if market.outcome is not None:
            words = frozenset(map(str.lower, market.outcome.up)), frozenset(map(str.lower, market.outcome.down))
            found = outcome_of(cells.value(row, market.outcome), *words)
            if found is None:
                raise RefusedRow("unknown_side", cells.value(row, market.outcome))
            return found
        if market.token is not None:
            return _token(cells.value(row, market.token)) or "up"
        return "up"

    def _updated(self, row: Row) -> str:
        column = self._source.updated
        if column is None:
            return ""
        found = outcome_of(self._cells.value(row, column), frozenset(column.up), frozenset(column.down))
        if found is None:
            raise RefusedRow("unknown_side", self._cells.value(row, column))
        return found

    # ------------------------------------------------------------- markets

    def _market(self, row: Row, t: int | None) -> RecordedMarket:
        values = tuple([self._cells.value(row, column) for column in self._named])
        try:
            known = self._resolved.get((values, None if t is None else t // _BUCKET_NS))
        except TypeError:
            raise RefusedRow("unknown_market", values) from None
        if known is not None:
            return known
        made_of = self._identify(row, t)
        if len(self._resolved) >= _REMEMBERED:
            self._resolved.clear()
        self._resolved[values, None if t is None else t // _BUCKET_NS] = made_of
        made_of.derive |= frozenset(self._source.outcome.derive)
        return made_of

    def _identify(self, row: Row, t: int | None) -> RecordedMarket:
        columns, cells = self._source.market, self._cells
        up, down = _token(cells.value(row, columns.up_token)), _token(cells.value(row, columns.down_token))
        if columns.up_token is not None and not up:
            raise RefusedRow("not_a_token", cells.text(row, columns.up_token))
        own = _token(cells.value(row, columns.token))
        if columns.outcome is not None and own:
            side = self._own_token(row)
            up, down = (own, down) if side == "up" else (up, own)
        market_id = identity(cells.value(row, columns.id))
        named = self._named_window(row, t)
        if named is None:
            return self._markets.known(market_id, up or own)
        return self._markets.learn(named, market_id, cells.text(row, columns.question), up, down)

    def _named_window(self, row: Row, t: int | None) -> Named | None:
        columns, cells = self._source.market, self._cells
        slug, question = cells.text(row, columns.slug), cells.text(row, columns.question)
        start, end = cells.time(row, columns.start), cells.time(row, columns.end)
        around = t if t is not None else start
        named: Named | None = None
        if slug:
            named = by_slug(slug, around)
        elif columns.slug is not None:
            raise RefusedRow("unknown_market_slug", "none")
        elif question and columns.asset is None:
            named = by_question(question, around)
        elif columns.asset is not None:
            return self._by_window(row, t, start, end)
        if named is not None and columns.named_by == "end":
            named = made(named.asset, named.horizon, named.start_ns - named.length_ns)
        if named is not None and slug and start is not None and end is not None:
            named = named._replace(start_ns=start, end_ns=end)
        return named

    def _by_window(self, row: Row, t: int | None, start: int | None, end: int | None) -> Named:
        columns, cells = self._source.market, self._cells
        asset = asset_of(cells.text(row, columns.asset))
        if start is not None and end is not None:
            return made(asset, of_length(end - start), start)
        horizon = horizon_of(cells.value(row, columns.horizon) or "none")
        length = LENGTHS[horizon] * 10**9
        if start is None:
            if end is None and (columns.start or columns.end or t is None):
                raise RefusedRow("bad_window", "neither start nor end")
            start = end - length if end is not None else (t or 0) // length * length
        return made(asset, horizon, start)

    # ------------------------------------------------------------- quotes, trades

    def _quotes(
        self, row: Row, x_ms: int, own_token: str
    ) -> tuple[QuotedBook | None, QuotedBook | None, tuple[str, QuotedBook] | None]:
        source = self._source
        if source.quote is not None:
            own = self._side(row, source.quote, x_ms)
            if source.market.outcome is None and source.market.token is None:
                return own, _mirror(own), None
            return None, None, (own_token, own) if own else None
        if source.up is None and source.down is None:
            return None, None, None
        up = self._side(row, source.up, x_ms) if source.up else None
        down = self._side(row, source.down, x_ms) if source.down else None
        if source.down is None:
            down = _mirror(up)
        elif source.up is None:
            up = _mirror(down)
        return up, down, None

    def _side(self, row: Row, quote: Quote, x_ms: int) -> QuotedBook | None:
        cells = self._cells
        bids = self._levels(row, quote, "bid")
        asks = self._levels(row, quote, "ask")
        if bids is None and asks is None:
            if not quote.empty:
                raise RefusedRow("not_a_number", "neither bid nor ask")
            self._summary.count("rows_without_quote")
            return None
        if (bids is None or asks is None) and not quote.empty:
            raise RefusedRow("not_a_number", "no bid" if bids is None else "no ask")
        x = cells.time(row, quote.time)
        if bids and asks and Decimal(bids[-1][0]) >= Decimal(asks[-1][0]):
            self._summary.count("rows_with_bid_not_below_ask")
        return QuotedBook(x_ms if x is None else x // 1_000_000, bids or (), asks or ())

    def _levels(self, row: Row, quote: Quote, side: str) -> Levels | None:
        cells = self._cells
        depth = quote.bids if side == "bid" else quote.asks
        if depth is not None:
            listed = cells.levels(row, depth)
            if listed is None:
                return None
            return self._ladder(listed, quote, side)
        column = quote.bid if side == "bid" else quote.ask
        price = cells.value(row, column)
        if price is None:
            return None
        size_column = quote.bid_size if side == "bid" else quote.ask_size
        level = self._level(price, cells.value(row, size_column), quote, column, size_column)
        return (level,) if level else ()

    def _ladder(self, listed: list[tuple[Any, Any]], quote: Quote, side: str) -> Levels:
        """Levels best last, whatever their order was."""
        prices, sizes = self._prices, self._sizes
        levels: list[tuple[str, str]] = []
        keys: dict[float, None] = {}
        for price, size in listed:
            try:
                level = prices[price], sizes[size]
            except (KeyError, TypeError):
                found = self._level(price, size, quote, None, None)
                if found is None:
                    continue
                level = found
            if level[1] != "0" and (not quote.empty or Decimal(level[0]) not in quote.empty):
                levels.append(level)
                keys[float(level[0])] = None
        if len(keys) != len(levels):
            raise RefusedRow("level_twice", side)
        ordered = list(keys)
        if ordered != sorted(ordered, reverse=side == "ask"):
            levels.sort(key=_price_of, reverse=side == "ask")
        return tuple(levels)

    def _level(
        self, price: Any, size: Any, quote: Quote, column: Column | None, size_column: Column | None
    ) -> tuple[str, str] | None:
        text = self._price(price, column.scale if column else _ONE)
        if size is None:
            shares = self._assumed
            self._summary.note(self._options.size_note)
        else:
            shares = self._size(size, size_column.scale if size_column else _ONE)
        if shares == "0" or Decimal(text) in quote.empty:
            return None
        return text, shares

    def _price(self, found: Any, scale: Decimal) -> str:
        if not isinstance(found, _NUMBERS):
            raise RefusedRow("not_a_number", found)
        if scale != _ONE:
            return price_text(self._cells.exact(found, scale))
        text = self._prices.get(found)
        if text is None:
            text = price_text(self._cells.exact(found))
            _remember(self._prices, found, text)
        return text

    def _size(self, found: Any, scale: Decimal) -> str:
        if not isinstance(found, _NUMBERS):
            raise RefusedRow("not_a_number", found)
        if scale != _ONE:
            return size_text(self._cells.exact(found, scale))
        text = self._sizes.get(found)
        if text is None:
            text = size_text(self._cells.exact(found))
            _remember(self._sizes, found, text)
        return text

    def _trade(self, row: Row, x_ms: int, own_token: str) -> TradeFact | None:
        columns = self._source.trade
        if columns is None:
            return None
        price = self._cells.value(row, columns.price)
        if price is None:
            return None
        size = self._cells.value(row, columns.size)
        shares = self._size(size, columns.size.scale) if size is not None and columns.size else "0"
        word = self._cells.text(row, columns.side).lower()
        if word and word not in _SIDES:
            raise RefusedRow("unknown_trade_side", word)
        return TradeFact(own_token, self._price(price, columns.price.scale), shares, _SIDES.get(word, "BUY"), x_ms)

    # ------------------------------------------------------------- spot, strike, outcome

    def _spot(self, row: Row, market: RecordedMarket | None, price: Decimal | None, x: int) -> SpotFact | None:
        columns = self._source.spot
        if columns is None:
            return None
        if price is None:
            self._summary.count("rows_without_spot")
            return None
        if columns.asset is not None:
            asset = asset_of(self._cells.text(row, columns.asset))
        elif market is not None:
            asset = market.asset
        else:
            asset = asset_of(self._cells.text(row, self._source.market.asset))
        stated = self._cells.time(row, columns.time)
        return SpotFact(columns.source, asset, plain(tidy(price)), x if stated is None else stated)

    def _strike(self, row: Row) -> str:
        columns = self._source.strike
        price = self._cells.number(row, columns.price) if columns else None
        if not price:  # none, or 0: not known yet
            return ""
        if price < 0:
            raise RefusedRow("not_a_strike", price)
        return plain(tidy(price))

    def _payout(self, row: Row, market: RecordedMarket) -> tuple[str, str] | None:
        columns, cells = self._source.outcome, self._cells
        if columns.payout_up is not None:
            up, down = cells.number(row, columns.payout_up), cells.number(row, columns.payout_down)
            if up is None:
                return None
            down = 1 - up if down is None else down
            if up + down != 1 or up not in (0, 1, _HALF):
                raise RefusedRow("bad_payout", f"{up} and {down}")
            return plain(up), plain(down)
        found = cells.value(row, columns.winner)
        if found is None or columns.winner is None:
            return None
        word = identity(found) if not isinstance(found, float) else str(found)
        if word in ("0.5", "50/50"):
            return "0.5", "0.5"
        ups, downs = frozenset(map(str.lower, columns.winner.up)), frozenset(map(str.lower, columns.winner.down))
        outcome = outcome_of(found, ups, downs)
        if outcome is None and not ups and word in ("1", "1.0", "0", "0.0"):
            outcome = "up" if word.startswith("1") else "down"
        if outcome is None and word in (market.up_token, market.down_token, *market.tokens):
            market.winner = word
            return None
        if outcome is None:
            self._summary.count("unknown_outcomes")
            return None
        return ("1", "0") if outcome == "up" else ("0", "1")


def _token(value: object) -> str:
    """A token's id, "" for none. Raises RefusedRow."""
    text = identity(value)
    if text and not text.isdigit() and not text.startswith("0x"):
        raise RefusedRow("not_a_token", text)
    return text


def _mirror(side: QuotedBook | None) -> QuotedBook | None:
    """The other token's book: the exchange has one book, seen twice."""
    if side is None:
        return None
    bids = tuple((price_text(1 - Decimal(price)), size) for price, size in side.asks)
    asks = tuple((price_text(1 - Decimal(price)), size) for price, size in side.bids)
    return QuotedBook(side.t_ms, bids, asks)


def _price_of(level: tuple[str, str]) -> float:
    return float(level[0])


def _remember(memo: dict[Any, str], key: Any, text: str) -> None:
    if len(memo) >= _REMEMBERED:
        memo.clear()
    memo[key] = text
