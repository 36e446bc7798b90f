"""What is held, over all accounts: how each position stands now, and which of them could not be sold."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from flows.trading_line import exits
from flows.trading_line.cooldown import Cooldown
from flows.trading_line.exits import Standing
from flows.trading_line.floor import Floor
from flows.trading_line.known import opposite
from flows.trading_line.positions import Account, Position
from models.accounts import LIVE
from models.reasons import Reason

#: The sale is under way, or comes by itself within seconds.
_BEING_SOLD = frozenset({Reason.ORDER_PENDING, Reason.COOLDOWN})


class HeldPositions(msgspec.Struct, frozen=True):
    """How many ``positions``, and their ``size`` together (micro-shares). ``stuck``: for each that cannot be sold now,
    which it is and the reason."""

    positions: int
    size: int
    stuck: tuple[str, ...] = ()


class Holdings:
    """Looks at positions and changes nothing."""

    def __init__(self, floor: Floor, cooldown: Cooldown) -> None:
        self._floor = floor
        self._cooldown = cooldown

    def standing(self, t: int, account: Account, position: Position, killed: bool, demanded: Reason | None) -> Standing:
        """How a position stands at ``t`` (Unix ns). ``killed``: no order goes out; ``demanded``: why the operator wants
        it sold."""
        floor = self._floor
        instance, key, outcome = floor.instances[position.instance], position.market_key, position.outcome
        other = account.positions.get((instance.id, key, opposite(outcome)))
        return Standing(
            t=t,
            instance=instance,
            position=position,
            known=floor.known.markets[key],
            stale_tokens=floor.known.stale_tokens,
            other_size=other.size if other is not None else 0,
            killed=killed,
            pending=self._is_pending(t, account, position),
            hot=not self._cooldown.may_leave(instance.id, key, outcome, t),
            stopped=self._cooldown.stopped(instance.id, key),
            demanded=demanded,
            costs=floor.settings.costs.model,
            account=account.name,
            armed=floor.entering == LIVE,
        )

    def held(self, markets: Collection[str] | None = None) -> HeldPositions:
        """What is held in the markets, None: in all of them."""
        positions = size = 0
        for _, position in self._in(markets):
            positions += 1
            size += position.size
        return HeldPositions(positions, size)

    def to_sell(self, t: int, demanded: Reason, markets: Collection[str] | None = None) -> HeldPositions:
        """The same at ``t`` (Unix ns), for the operator who wants it sold: with what cannot be sold now, and why."""
        stuck: list[str] = []
        for account, position in self._in(markets):
            step, leave = exits.judge(self.standing(t, account, position, killed=False, demanded=demanded))
            if leave is None and step.reason not in _BEING_SOLD:
                checks = step.numbers.get("checks")
                why = f"{step.reason} ({checks})" if checks else str(step.reason)
                stuck.append(f"{position.market_key} {position.outcome}: {why}")
        return msgspec.structs.replace(self.held(markets), stuck=tuple(stuck))

    def is_buying(self, markets: Collection[str] | None = None) -> bool:
        """Whether an order to buy still works in the markets, None: in any."""
        return any(
            order.side == "buy" and (markets is None or order.market_key in markets) for order in self._floor.blotter
        )

    def _in(self, markets: Collection[str] | None) -> Iterator[tuple[Account, Position]]:
        for account in self._floor.accounts.values():
            for position in account.positions.values():
                if markets is None or position.market_key in markets:
                    yield account, position

    def _is_pending(self, t: int, account: Account, position: Position) -> bool:
        """Whether an order works that the position has to wait for. The sale of a pair's other leg at this very event
        is none: both legs are sold together."""
        for each in self._floor.blotter.of(position.instance, position.market_key):
            if each.account != account.name:
                continue
            is_other_leg = each.reason is Reason.PAIR_SOLD and each.outcome != position.outcome
            if not (is_other_leg and each.sent == t and each.state == "submitted"):
                return True
        return False
