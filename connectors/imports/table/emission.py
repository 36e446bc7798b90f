"""Facts in the order of time to frames as the exchanges would have sent them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from connectors.imports.agenda import Agenda
from connectors.imports.frames import BookSnapshot, Definition, Frame, books, last_trade, plain, ticker
from connectors.imports.options import Options
from connectors.imports.outcomes import DerivedOutcome, Open, OutcomeTracker
from connectors.imports.summary import ImportSummary
from connectors.imports.table.facts import Fact, QuotedBook
from connectors.imports.table.markets import RecordedMarket, RecordedMarkets
from connectors.imports.ticks import TickWatch
from models.topics import FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET

RESOLVED_AFTER_NS: Final = 60 * 10**9
STRIKE_AFTER_NS: Final = 2 * 10**9

Timed = tuple[int, str, Fact]


class FrameEmitter:
    """Makes the frames. ``span``: the times that an archive already covers, which markets without rows of their own
    are to overlap; None where there is none. ``last_ns``: the time of the last fact to come."""

    def __init__(
        self,
        markets: RecordedMarkets,
        options: Options,
        notes: tuple[str, ...],
        summary: ImportSummary,
        span: tuple[int, int] | None,
        last_ns: int,
    ) -> None:
        self._markets = markets
        self._options = options
        self._notes = notes
        self._summary = summary
        self._span = span
        self._last_ns = last_ns
        self._agenda = Agenda()
        self._ticks = TickWatch(summary)
        self._outcomes = OutcomeTracker()
        self._definitions: dict[str, Definition] = {}
        self._reported: set[str] = set()  # markets whose definition went out with their first row
        self._followed: set[str] = set()  # and those of lists of markets
        self._strikes: dict[str, str] = {}
        self._paid: set[str] = set()
        self._sent: dict[str, QuotedBook] = {}  # token -> the book last sent
        self._numbers: dict[str, int] = {}  # of ticker frames by source

    def frames(self, facts: Iterator[Timed]) -> Iterator[Frame]:
        """All frames by time; what is known without a time comes when it would have been known."""
        last = 0
        moment: list[Timed] = []
        for timed in facts:
            if not last:
                self._enter(timed[0])
            last = timed[0]
            if moment and not _belongs(moment, timed):
                yield from self._moment(moment)
                moment = []
            moment.append(timed)
            if not timed[1]:
                yield from self._moment(moment)
                moment = []
        if moment:
            yield from self._moment(moment)
        if not last:
            self._enter(None)
        for derived in self._outcomes.rest(last):
            self._derive(derived, last)
        yield from self._agenda.rest()
        self._count(last)

    # ------------------------------------------------------------- what is known without a time

    def _enter(self, first_ns: int | None) -> None:
        """Put strikes and outcomes of lists of markets on the agenda."""
        left_out = 0
        for market in self._markets:
            if market.strike is None and market.payout is None and not market.winner:
                continue
            if not self._is_wanted(market, first_ns):
                left_out += 1
                continue
            if market.strike is not None:
                self._strikes[market.key] = plain(market.strike)
                self._agenda.add(self._definition_frame(market, market.start_ns + STRIKE_AFTER_NS))
                self._outcomes.strike(market.key, market.strike)
            self._followed.add(market.key)
            self._outcomes.market(_open(market))
            payout = market.payout
            if payout is None and market.winner:
                payout = ("1", "0") if market.winner == market.up_token else ("0", "1")
            if payout is not None:
                self._pay(market, payout, market.end_ns + RESOLVED_AFTER_NS)
        self._summary.count("markets_outside_the_recording", left_out)

    def _is_wanted(self, market: RecordedMarket, first_ns: int | None) -> bool:
        if market.rows:
            return True
        span = self._span
        if first_ns is None and span is None:
            return True
        first = min(each for each in (first_ns, span[0] if span else None) if each is not None)
        last = max(self._last_ns, span[1] if span else 0)
        return market.end_ns > first and market.start_ns < last

    # ------------------------------------------------------------- one moment

    def _moment(self, moment: list[Timed]) -> Iterator[Frame]:
        t = moment[0][0]
        for derived in self._outcomes.due(t):
            self._derive(derived, t)
        yield from self._agenda.due(t)
        facts = [fact for _, _, fact in moment]
        first = facts[0]
        market = self._markets[first.market] if first.market else None
        sides = self._sides(market, t, facts) if market else {}
        if market is not None:
            yield from self._tell(market, t, facts)
        if market is not None and sides:
            prices = [price for side in sides.values() for levels in (side.bids, side.asks) for price, _ in levels]
            definition = self._definition(market)
            yield from self._ticks.watch(definition.condition, _tokens(definition), t, prices)
        for fact in facts:
            if fact.spot is not None:
                number = self._numbers[fact.spot.source] = self._numbers.get(fact.spot.source, -1) + 1
                value = ticker(f"{fact.spot.asset}-USD", fact.spot.price, fact.spot.t_ns, number)
                self._outcomes.spot(fact.spot.asset, t, Decimal(fact.spot.price))
                yield Frame(t, FEED_COINBASE, fact.spot.source, "", value)
        if market is not None and sides:
            yield from self._books(market, t, sides, first.updated)
        for fact in facts:
            if fact.trade is not None and market is not None:
                trade, definition = fact.trade, self._definition(market)
                token = self._token(market, trade.token)
                value = last_trade(definition.condition, token, trade.price, trade.size, trade.side, trade.t_ms)
                yield Frame(t, FEED_POLYMARKET, "polymarket", "", value)

    def _tell(self, market: RecordedMarket, t: int, facts: list[Fact]) -> Iterator[Frame]:
        """The market's definition when it is seen first, and again with its strike; its outcome to the agenda."""
        new = market.key not in self._reported
        if new:
            self._reported.add(market.key)
            if market.key not in self._paid:
                self._outcomes.market(_open(market))
        for fact in facts:
            if fact.strike and market.key not in self._strikes:
                self._strikes[market.key] = fact.strike
                self._outcomes.strike(market.key, Decimal(fact.strike))
                new = True
            elif fact.strike and self._strikes[market.key] != fact.strike:
                self._summary.find("strike_differs", f"{fact.where}: {fact.strike} after {self._strikes[market.key]}")
            if fact.payout is not None:
                self._pay(market, fact.payout, max(market.end_ns + RESOLVED_AFTER_NS, t))
        if new:
            listed_later = market.strike is not None and t < market.start_ns + STRIKE_AFTER_NS
            strike = "" if listed_later else self._strikes.get(market.key, "")
            definition = self._definition(market)
            definition = definition._replace(tick=float(self._ticks.of(definition.condition)))
            yield Frame(t, FEED_MARKETS, "gamma", market.slug, definition.gamma(strike=strike))

    def _sides(self, market: RecordedMarket, t: int, facts: list[Fact]) -> dict[str, QuotedBook]:
        """Books by token, Up's first."""
        definition = self._definition(market)
        found: dict[str, QuotedBook] = {}
        for fact in facts:
            if fact.up is not None:
                found[definition.up_token] = fact.up
            if fact.down is not None:
                found[definition.down_token] = fact.down
            if fact.own is not None:
                found[self._token(market, fact.own[0])] = fact.own[1]
            up = found.get(definition.up_token)
            if up is not None and up.bids and up.asks:
                self._outcomes.quote(market.key, t, Decimal(up.bids[-1][0]), Decimal(up.asks[-1][0]))
        return {token: found[token] for token in _tokens(definition) if token in found}

    def _books(self, market: RecordedMarket, t: int, sides: dict[str, QuotedBook], updated: str) -> Iterator[Frame]:
        definition = self._definition(market)
        tick = self._ticks.of(definition.condition)
        named = definition.up_token if updated == "up" else definition.down_token
        several: list[BookSnapshot] = []
        for token, side in sides.items():
            if not updated or token == named or self._sent.get(token) != side:
                several.append(BookSnapshot(definition.condition, token, side.t_ms, side.bids, side.asks, tick))
                self._sent[token] = side
        yield Frame(t, FEED_POLYMARKET, "polymarket", "", books(several))

    # ------------------------------------------------------------- markets

    def _definition(self, market: RecordedMarket) -> Definition:
        found = self._definitions.get(market.key)
        if found is None:
            found = self._definitions[market.key] = market.definition(self._options, self._notes)
        return found

    def _definition_frame(self, market: RecordedMarket, t: int) -> Frame:
        strike = self._strikes.get(market.key, "")
        return Frame(t, FEED_MARKETS, "gamma", market.slug, self._definition(market).gamma(strike=strike))

    def _token(self, market: RecordedMarket, token: str) -> str:
        definition = self._definition(market)
        if token == "up":
            return definition.up_token
        return definition.down_token if token == "down" else token

    def _pay(self, market: RecordedMarket, payout: tuple[str, str], closed: int, derived: str = "") -> None:
        if market.key in self._paid:
            return
        self._paid.add(market.key)
        self._outcomes.resolved(market.key)
        strike = self._strikes.get(market.key, "")
        value = self._definition(market).gamma(payout, closed, strike, derived)
        self._agenda.add(Frame(closed, FEED_MARKETS, "gamma", market.slug, value))

    def _derive(self, derived: DerivedOutcome, t: int) -> None:
        market = self._markets[derived.market.key]
        self._summary.count(f"outcomes_derived_from_{derived.source}")
        self._pay(market, derived.payout, max(market.end_ns + RESOLVED_AFTER_NS, t), derived.words)

    def _count(self, last: int) -> None:
        defined = self._reported | self._followed
        left = [self._markets[key] for key in defined if key not in self._paid]
        open_still = sum(market.end_ns > last for market in left)
        summary = self._summary
        summary.count("markets", len(defined))
        summary.count("markets_without_outcome", len(left) - open_still)
        summary.count("markets_open_at_the_end", open_still)
        summary.count("markets_without_rows", len(defined - self._reported))


def _belongs(moment: list[Timed], timed: Timed) -> bool:
    """Whether a row is of the moment and market of the others, and of another token."""
    if moment[0][:2] != timed[:2] or not timed[1]:
        return False
    own = timed[2].own
    return own is None or all(other.own is None or other.own[0] != own[0] for _, _, other in moment)


def _tokens(definition: Definition) -> tuple[str, str]:
    return definition.up_token, definition.down_token


def _open(market: RecordedMarket) -> Open:
    return Open(market.key, market.asset, market.horizon, market.start_ns, market.end_ns, market.derive)
