"""Concentration: what may be lost or committed together, by family, underlying and expiry, working orders included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from flows.trading_line.blotter import Blotter
from flows.trading_line.known import MarketCache
from flows.trading_line.members import Entry, Member, Room
from flows.trading_line.positions import Account
from flows.trading_line.sizing import limit_of
from flows.trading_line.valuation import equity
from models.accounts import LIVE, MAIN
from models.contracts import Number
from models.fees import RATE_UNIT, fee_per_share
from models.journal import Market
from models.money import DOLLAR, PIP, SHARE
from models.portfolio.exposure import Stake, room, worst_loss
from models.reasons import Reason
from models.settings import Settings
from models.strategies.instance import all_instances
from models.strategies.signal import Intent
from models.timestamps import SECOND

MODULE = "concentration"


class ConcentrationCaps(Member):
    """Says how much room each cap leaves an entry."""

    module = MODULE

    def __init__(
        self, settings: Settings, known: MarketCache, blotter: Blotter, accounts: Mapping[str, Account]
    ) -> None:
        self._known = known
        self._blotter = blotter
        self._accounts = accounts
        self._families: dict[str, str] = {}  # of every instance there ever was
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        self._settings = settings
        self._caps = settings.concentration
        self._bucket = self._caps.bucket_s * SECOND
        self._families |= {name: each.strategy.family for name, each in all_instances(settings).items()}

    def rooms(self, entry: Entry, account: Account) -> Iterable[Room]:
        caps, market = self._caps, entry.known.market
        family = self._families.get(entry.instance.id, "")
        in_family = 0
        stakes: list[Stake] = []
        for instance, stake in self._stakes(account):
            stakes.append(stake)
            in_family += stake.cost if self._families.get(instance, "") == family else 0
        legs = [self._leg(entry, each) for each in entry.intents]
        bucket = market.end // self._bucket
        return (
            (Reason.CAP_FAMILY, round(caps.cap_family * DOLLAR) - in_family),
            (
                Reason.CAP_UNDERLYING,
                room(
                    [each for each in stakes if each.asset == market.asset], round(caps.cap_underlying * DOLLAR), legs
                ),
            ),
            (
                Reason.CAP_EXPIRY,
                room(
                    [each for each in stakes if each.end // self._bucket == bucket],
                    round(caps.cap_expiry * DOLLAR),
                    legs,
                ),
            ),
            (Reason.CAP_TOTAL, int(caps.utilisation * equity(account, self._known)) - account.committed),
        )

    def exposures(self, account: Account) -> dict[str, int]:
        """Worst loss by underlying (``underlying:BTC``) and by bucket of ends (``expiry:<Unix s of its begin>``), and
        cost by family (``family:edge``); micro-dollars."""
        by: dict[str, list[Stake]] = {}
        exposures: dict[str, int] = {}
        for instance, stake in self._stakes(account):
            by.setdefault(f"underlying:{stake.asset}", []).append(stake)
            by.setdefault(f"expiry:{stake.end // self._bucket * self._caps.bucket_s}", []).append(stake)
            family = f"family:{self._families.get(instance, '')}"
            exposures[family] = exposures.get(family, 0) + stake.cost
        return exposures | {name: max(worst_loss(stakes), 0) for name, stakes in by.items()}

    def gauges(self) -> dict[str, Number]:
        """Of the portfolio's account, dollars, beside their caps."""
        numbers: dict[str, Number] = {
            "cap_family": self._caps.cap_family,
            "cap_underlying": self._caps.cap_underlying,
            "cap_expiry": self._caps.cap_expiry,
        }
        for name, amount in sorted(self.exposures(self._accounts[MAIN]).items()):
            numbers[name] = amount / DOLLAR
        if LIVE in self._accounts:
            for name, amount in sorted(self.exposures(self._accounts[LIVE]).items()):
                numbers[f"live:{name}"] = amount / DOLLAR
        return numbers

    def _leg(self, entry: Entry, intent: Intent) -> Stake:
        """One share of a leg, at the most that it may cost with its fee."""
        market = entry.known.market
        limit = limit_of(self._settings, entry.known, intent)
        rate = 0.0 if intent.post_only or intent.split else market.fee_rate / RATE_UNIT
        fee = fee_per_share(min(limit, PIP // 2) / PIP, rate, market.fee_exponent)
        return _stake(market, intent.outcome, SHARE, limit * SHARE // PIP + round(fee * DOLLAR))

    def _stakes(self, account: Account) -> Iterator[tuple[str, Stake]]:
        """Everything that may be lost: positions, and orders that buy as far as they are open."""
        for position in account.positions.values():
            known = self._known.markets.get(position.market_key)
            if known is not None:
                yield position.instance, _stake(known.market, position.outcome, position.size, position.basis)
        for order in self._blotter:
            known = self._known.markets.get(order.market_key)
            if known is not None and order.reserved and order.account == account.name:
                stake = _stake(known.market, order.outcome, order.size - order.filled, order.reserved)
                yield order.instance, stake


def _stake(market: Market, outcome: str, size: int, cost: int) -> Stake:
    rule = "" if market.rule is None else str(market.rule)
    return Stake(market.key, market.asset, market.end, rule, market.strike, outcome, size, cost)
