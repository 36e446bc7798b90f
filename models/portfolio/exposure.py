"""What a set of stakes can lose together, at worst: overlapping windows of one underlying are one bet.

Windows of one underlying that end at the same moment by the same rule are settled by the same price. Whatever it will
be, it lies between two of their strikes, and each of those cases settles all of them. Their worst loss is that of the
worst case, and not the sum of what each could lose alone: of two opposite stakes only one can be lost, and two that
need the same move add up. Windows that end at different moments, or whose strike is not known, may all go wrong: their
worst losses are added.

In each case the stakes that lose count, and what others gain in it does not: a working order may not be filled, and a
position may be sold before. So a bound on the worst loss holds whatever becomes of orders and positions, at every
moment.

>>> up = Stake("a", "BTC", 900, "twap", 60_000, "Up", size=10_000_000, cost=5_000_000)
>>> down = Stake("b", "BTC", 900, "twap", 60_100, "Down", size=10_000_000, cost=4_000_000)
>>> worst_loss([up]), worst_loss([up, down])  # there is no price at which both are lost
(5000000, 5000000)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

_Group = tuple[str, int, str, str]


class Stake(msgspec.Struct, frozen=True, gc=False):
    """Shares of one outcome. ``end``: Unix ns; ``rule``: how it settles; ``strike``: micro-dollars, None where it is
    not known; ``size``: micro-shares, each paying a dollar; ``cost``: micro-dollars."""

    market: str
    asset: str
    end: int
    rule: str
    strike: int | None
    outcome: str
    size: int
    cost: int

    @property
    def group(self) -> _Group:
        """Stakes of one group are settled by one price."""
        return (self.asset, self.end, self.rule, "" if self.strike is not None else self.market)


def worst_loss(stakes: Iterable[Stake]) -> int:
    """Micro-dollars that those of them lose which lose together, at worst."""
    total = 0
    for group in _groups(stakes).values():
        total += max(loss for loss, _ in _cases(group, ()))
    return total


def room(stakes: Sequence[Stake], cap: int, legs: Sequence[Stake]) -> int:
    """Micro-dollars that may be spent on ``legs`` (of one market; their sizes and costs say the proportion) so that
    the worst loss of all stakes stays within ``cap``, whichever of the legs are filled.

    >>> stake = Stake("a", "BTC", 900, "twap", 60_000, "Up", size=10_000_000, cost=5_000_000)
    >>> room([stake], 8_000_000, [stake])
    3000000
    """
    groups = _groups(stakes)
    own = legs[0].group
    rest = 0
    for key, group in groups.items():
        if key != own:
            rest += max(loss for loss, _ in _cases(group, ()))
    spent = 0
    for leg in legs:
        spent += leg.cost
    least: int | None = None
    for loss, added in _cases(groups.get(own, []), legs):
        left = cap - rest - loss
        if added > 0:
            most = left * spent // added
            least = most if least is None else min(least, most)
        elif left < 0:
            return 0
    return cap if least is None else max(least, 0)


def _groups(stakes: Iterable[Stake]) -> dict[_Group, list[Stake]]:
    groups: dict[_Group, list[Stake]] = {}
    for stake in stakes:
        groups.setdefault(stake.group, []).append(stake)
    return groups


def _cases(group: Sequence[Stake], legs: Sequence[Stake]) -> list[tuple[int, int]]:
    """For each case: what the group loses in it, and what filling the legs would add to that at worst."""
    strikes = sorted({0 if each.strike is None else each.strike for each in (*group, *legs)})
    cases = []
    for case in range(len(strikes) + 1):
        reached = set(strikes[:case])  # the price is at or above these
        loss, added = 0, 0
        for each in group:
            loss += _loss(each, reached)
        for leg in legs:
            added += _loss(leg, reached)
        cases.append((loss, added))
    return cases


def _loss(stake: Stake, reached: set[int]) -> int:
    is_up = (0 if stake.strike is None else stake.strike) in reached
    pays = is_up == (stake.outcome == "Up")
    return max(stake.cost - (stake.size if pays else 0), 0)
