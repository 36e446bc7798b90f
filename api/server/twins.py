"""Paper twins beside the instances that they belong to."""

from __future__ import annotations

from collections.abc import Mapping

from api.server.accounts import Accounts
from api.server.formats import shares, usd
from api.server.views.strategies import LearnedTwinView, PaperSideView, TwinView
from models.contracts import Number
from models.promotion.states import TWIN
from models.strategies.instance import Instance


def twins(instances: Mapping[str, Instance]) -> dict[str, str]:
    """The instance of each paper twin: the one whose id it carries, else the only one of its strategy, or the only one
    with its parameters. A twin that could be of several is of none."""
    found: dict[str, str] = {}
    others = [each for each in instances.values() if each.state != "twin"]
    for twin in instances.values():
        if twin.state != "twin":
            continue
        named = twin.id.removesuffix(TWIN)
        if named != twin.id and named in instances:
            found[twin.id] = named
            continue
        alike = [each for each in others if each.strategy is twin.strategy and each.enabled]
        if len(alike) > 1:
            alike = [each for each in alike if _same(each, twin)]
        if len(alike) == 1:
            found[twin.id] = alike[0].id
    return found


def beside(accounts: Accounts, own: Instance, twin: Instance) -> TwinView:
    """The two compared, as of now."""
    one, other = _side(accounts, own.id), _side(accounts, twin.id)
    apart = None
    if one.per_share_usd is not None and other.per_share_usd is not None:
        apart = round(one.per_share_usd - other.per_share_usd, 6)
    return TwinView(
        own=one,
        twin=other,
        same_parameters=_same(own, twin),
        difference_usd=round(one.net_usd - other.net_usd, 6),
        per_share_difference_usd=apart,
    )


def learned(gauges: Mapping[str, Number], name: str) -> LearnedTwinView | None:
    """What the learning flow says of an instance and its twin; ``gauges``: of its module ``promotion``."""
    own, twin = gauges.get(f"own_net:{name}"), gauges.get(f"twin_net:{name}")
    if not isinstance(own, int | float) or not isinstance(twin, int | float):
        return None
    return LearnedTwinView(
        own_net_usd=float(own), twin_net_usd=float(twin), difference_usd=round(float(own) - float(twin), 6)
    )


def _same(one: Instance, other: Instance) -> bool:
    return bool(one.parameters.model_dump(exclude={"state"}) == other.parameters.model_dump(exclude={"state"}))


def _side(accounts: Accounts, name: str) -> PaperSideView:
    made = accounts.of(name)
    net, bought = sum(made.by_day.values()), shares(made.bought)
    return PaperSideView(
        instance=name,
        net_usd=usd(net),
        trades=made.trades,
        fills=made.fills,
        bought_shares=bought,
        per_share_usd=round(usd(net) / bought, 6) if bought else None,
    )
