"""Trades out of an archive: every closed round trip with its costs apart, and everything that a report groups it by.

The archive is that of a run; the journal, where it is another one's (a replay from feeds has its own), says what the
markets were. Nothing is computed twice: fills, outcomes, mark-outs and decisions are read as they were published.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from connectors.archive.reader import ArchiveReader
from flows.report.round_trips import Trip, round_trips
from models.contracts import Decision, Fill, MarkOut, Outcome
from models.costs import CostModel, CostSplit, FillLeg, split
from models.journal import Market, decode_event
from models.money import PIP
from models.settings import Settings
from models.strategies.instance import all_instances
from models.topics import DECISIONS, FILLS, JOURNAL, MARKOUTS, OUTCOMES

SETTLED = "settlement"
UNKNOWN = "unknown"
MIXED = "mixed"
#: Annualised volatility below which spot is calm, and from which on it is wild; fixed, so that no trade sorts another.
CALM, WILD = 0.35, 0.80
_MARKET = b'{"kind":"market"'
_ENTER, _EXIT = b'"action":"enter"', b'"action":"exit"'


class ClosedTrade(msgspec.Struct, frozen=True):
    """A closed round trip. Times are Unix ns, money micro-dollars, shares micro-shares. ``stake``: paid for the shares
    with the fees of buying; ``costs``: from mid to mid down to what was booked; ``capital``: interest on the stake,
    which no ledger has. ``predicted``: what its entries expected after costs, None where they said nothing;
    ``evidence``: what says that its shares were bought, ``mixed`` where several do; ``exit``: the reason of the last
    sale, or ``settlement``; ``regime``: by spot's volatility when it was entered; ``account``: whose money."""

    instance: str
    family: str
    market: str
    asset: str
    horizon: str
    outcome: str
    opened: int
    closed: int
    shares: int
    stake: int
    costs: CostSplit
    capital: int
    predicted: int | None
    evidence: str
    exit: str
    regime: str
    account: str
    fills: int

    @property
    def net(self) -> int:
        """After all costs, the capital's too."""
        return self.costs.booked - self.capital


class TradeBook(msgspec.Struct):
    """The trades of a run in the order in which they closed, and those that are still open."""

    trades: list[ClosedTrade]
    open: int


def read_trades(archive: Path, journal: Path, settings: Settings) -> TradeBook:
    """The trades of the run that wrote ``archive``; ``journal``: the archive that holds its journal."""
    reader = ArchiveReader(archive)
    fills = [Fill.read(record.value) for record in reader.read(FILLS)]
    outcomes = (Outcome.read(record.value) for record in reader.read(OUTCOMES))
    closed, standing = round_trips(fills, outcomes)
    context = Context(
        markets=_markets(ArchiveReader(journal)),
        families={name: each.strategy.family for name, each in all_instances(settings).items()},
        costs=settings.costs.model,
    )
    _hear_mark_outs(reader, context)
    _hear_decisions(reader, {fill.decision for fill in fills}, context)
    return TradeBook([trade_of(trip, context) for trip in closed], len(standing))


class Context(msgspec.Struct, kw_only=True):
    """What a round trip alone does not say. ``markets`` by key; ``families`` by instance; by fill ``later``, the mid
    after it in pips, and ``predictions``, pips a share; by decision why it left, and the regime it entered in."""

    markets: dict[str, Market] = {}
    families: dict[str, str] = {}
    later: dict[str, int] = {}
    predictions: dict[str, float] = {}
    exits: dict[str, str] = {}
    regimes: dict[str, str] = {}
    costs: CostModel = CostModel()


def trade_of(trip: Trip, context: Context) -> ClosedTrade:
    """A closed round trip as a trade."""
    market = context.markets.get(trip.market)
    bought = [fill for fill in trip.fills if fill.side == "buy"]
    stake = trip.paid
    for fill in bought:
        stake += fill.fee
    sales = [fill for fill in trip.fills if fill.side == "sell"]
    kinds = sorted({fill.evidence for fill in bought})
    return ClosedTrade(
        instance=trip.strategy,
        family=context.families.get(trip.strategy, UNKNOWN),
        market=trip.market,
        asset=market.asset if market is not None else UNKNOWN,
        horizon=market.horizon if market is not None else UNKNOWN,
        outcome=trip.outcome,
        opened=trip.opened,
        closed=trip.closed,
        shares=trip.bought,
        stake=stake,
        costs=split((_leg(fill, context) for fill in trip.fills), trip.payout),
        capital=context.costs.capital(stake, trip.closed - trip.opened),
        predicted=_predicted(bought, context),
        evidence=str(kinds[0]) if len(kinds) == 1 else MIXED,
        exit=SETTLED if trip.settled or not sales else context.exits.get(sales[-1].decision, UNKNOWN),
        regime=context.regimes.get(bought[0].decision, UNKNOWN) if bought else UNKNOWN,
        account=trip.fills[0].account,
        fills=len(trip.fills),
    )


def _leg(fill: Fill, context: Context) -> FillLeg:
    return FillLeg(
        side=fill.side,
        price=fill.price,
        size=fill.size,
        gross=fill.gross,
        fee=fill.fee,
        is_taker=_is_taker(fill),
        decision_mid=fill.decision_mid,
        mid=fill.mid,
        touch=fill.touch,
        later_mid=context.later.get(fill.id, -1),
    )


def _is_taker(fill: Fill) -> bool:
    """Paper makers pay no fee and have no touch; of a real fill the fee says it, and nothing else that is recorded."""
    return fill.touch >= 0 or fill.fee > 0


def _predicted(bought: list[Fill], context: Context) -> int | None:
    """Micro-dollars that the entries expected; None where one of them said nothing."""
    total = 0.0
    for fill in bought:
        pips = context.predictions.get(fill.id)
        if pips is None:
            return None
        total += pips * fill.size / PIP
    return round(total)


def _markets(journal: ArchiveReader) -> dict[str, Market]:
    """Every market as the journal knew it last. Only markets' events are decoded: the others are most."""
    found: dict[str, Market] = {}
    for record in journal.read(JOURNAL):
        if record.value.startswith(_MARKET):
            event = decode_event(record.value)
            assert isinstance(event, Market)
            found[event.key] = event
    return found


def _hear_mark_outs(reader: ArchiveReader, context: Context) -> None:
    """By fill the mid at the longest horizon that was marked, the settlement apart, and what was predicted of it."""
    for record in reader.read(MARKOUTS):
        mark = MarkOut.read(record.value)  # a fill's horizons come in order
        if mark.horizon_s > 0 and mark.mid >= 0:
            context.later[mark.fill] = mark.mid
        if mark.predicted is not None:
            context.predictions[mark.fill] = mark.predicted


def _hear_decisions(reader: ArchiveReader, decisions: set[str], context: Context) -> None:
    """Of the decisions that led to fills: spot's regime as an entry's features said, and an exit's reason."""
    for record in reader.read(DECISIONS):
        if _ENTER not in record.value and _EXIT not in record.value:
            continue
        decision = Decision.read(record.value)
        if decision.id not in decisions:
            continue
        if decision.action == "exit":
            context.exits[decision.id] = str(decision.reason)
            continue
        for span in decision.spans:
            volatility = span.numbers.get("volatility")
            if isinstance(volatility, int | float):
                context.regimes[decision.id] = regime_of(float(volatility))


def regime_of(volatility: float) -> str:
    """``calm``, ``normal`` or ``wild``, by spot's annualised volatility."""
    return "calm" if volatility < CALM else "normal" if volatility < WILD else "wild"
