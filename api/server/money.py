"""Portfolio, positions, strategies and risk, as the pages show them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from api.server.accounts import Equity, Made
from api.server.board import Board
from api.server.formats import iso, shares, usd
from api.server.guards import bounded, bounds_of, breakers_of, joint_caps_of, markouts_of, sizing_of
from api.server.modules import split
from api.server.presenting import meaning_of
from api.server.twins import beside, learned, twins
from api.server.views.money import Contribution, EquityPoint, PortfolioView, PositionView, RealMoneyView
from api.server.views.risk import CapView, ExposureView, RiskView
from api.server.views.strategies import StrategyView
from models.accounts import MAIN
from models.contracts import Number
from models.money import DOLLAR, PIP, SHARE
from models.reasons import Verdict
from models.settings import Settings
from models.strategies.instance import Instance, all_instances
from models.timestamps import SECOND

_WEEK: Final = 7


def portfolio_of(board: Board, settings: Settings, points: int) -> PortfolioView:
    chief = board.modules.known.get("portfolio")
    gauges: dict[str, Number] = dict(chief.row.gauges) if chief is not None else {}
    accounts = board.accounts
    curve = list(accounts.curve)
    now = curve[-1].equity if curve else 0.0
    cap = settings.portfolio.cap_total
    reconciled = board.modules.known.get("reconciliation")
    anomaly = bool(gauges.get("anomaly"))
    said = "nothing compared yet"
    if reconciled is not None and reconciled.row.counts:
        _, counts, _ = split(reconciled.row.counts)
        said = ", ".join(f"{count} × {key.partition(':')[2]}" for key, count in counts.items())
    names = sorted(accounts.made)
    return PortfolioView(
        gauges=gauges,
        utilisation=round(usd(accounts.committed()) / cap, 4) if cap else None,
        drawdown_usd=round(max(accounts.highest - now, 0.0), 6),
        max_drawdown_usd=round(accounts.deepest, 6),
        curve=[_point(each) for each in thinned(curve, points)],
        contributions=[
            Contribution(
                strategy=name,
                realised_usd=accounts.realised(name, None, board.newest_ns),
                fees_usd=usd(accounts.made[name].fees),
                today_usd=accounts.realised(name, 1, board.newest_ns),
                week_usd=accounts.realised(name, _WEEK, board.newest_ns),
                fills=accounts.made[name].fills,
            )
            for name in names
        ],
        real=_real(gauges, accounts.live),
        reconciliation=said,
        reconciled=not anomaly,
    )


def _real(gauges: Mapping[str, Number], made: Mapping[str, Made]) -> RealMoneyView | None:
    """The account of real money as the flow reports it; None before it was armed for the first time."""
    numbers = {name: gauges.get(f"live_{name}") for name in RealMoneyView.model_fields if name != "fills"}
    found = {name: float(number) for name, number in numbers.items() if isinstance(number, int | float)}
    if len(found) < len(numbers):
        return None
    return RealMoneyView(**found, fills=sum(each.fills for each in made.values()))


def thinned(curve: list[Equity], points: int) -> list[Equity]:
    """At most about ``points`` of them: of each stretch the last, and the lowest of the whole."""
    if len(curve) <= points:
        return curve
    step = -(-len(curve) // points)
    kept = {(len(curve) - 1 - at) for at in range(0, len(curve), step)}
    kept.add(min(range(len(curve)), key=lambda at: curve[at].equity))
    return [curve[at] for at in sorted(kept)]


def _point(each: Equity) -> EquityPoint:
    return EquityPoint(
        time_s=each.t / SECOND,
        equity=each.equity,
        cash=each.cash,
        reserved=each.reserved,
        realised=each.realised,
        unrealised=each.unrealised,
    )


def positions_of(board: Board, settings: Settings) -> list[PositionView]:
    """Everything that is held, by the end of its window."""
    instances = all_instances(settings)
    found = []
    for (account, strategy, market, outcome), held in board.accounts.held.items():
        followed = board.windows.markets.get(market)
        mark = followed.marks.get(outcome) if followed is not None else None
        fair = followed.fair if followed is not None else None
        window = followed.window if followed is not None else None
        average = held.basis / held.size * SHARE / DOLLAR
        found.append(
            PositionView(
                market_key=market,
                market=board.title(market),
                strategy=strategy,
                account=account,
                outcome=outcome,
                size_shares=shares(held.size),
                average_usd=round(average, 6),
                cost_usd=usd(held.basis),
                mark_usd=mark / PIP if mark is not None else None,
                fair_usd=None if fair is None else fair if outcome == "Up" else round(1.0 - fair, 6),
                time_left_s=max((window.end - board.newest_ns) / SECOND, 0.0) if window is not None else None,
                opened=iso(held.opened),
                unrealised_usd=usd(mark * held.size // PIP - held.basis) if mark is not None else None,
                exit_levels=_levels(instances.get(strategy), average),
            )
        )
    return sorted(found, key=lambda each: (each.time_left_s or 0.0, each.market_key, each.strategy, each.outcome))


def _levels(instance: Instance | None, average: float) -> dict[str, float | None]:
    """Bids at which the instance's own rules look at leaving, as far as its parameters state them; None where no bid
    between 0 and 1 is one."""
    if instance is None:
        return {}
    given = instance.parameters.model_dump()
    found: dict[str, float | None] = {}
    for name, sign in (("take_profit", 1), ("stop_loss", -1)):
        if isinstance(given.get(name), int | float):
            level = round(average + sign * given[name], 4)
            found[name] = level if 0.0 < level < 1.0 else None
    return found


def strategies_of(board: Board, settings: Settings) -> list[StrategyView]:
    """Every instance, switched on or not."""
    sizing = {each.instance: each for each in sizing_of(board, settings)}
    found = []
    instances = all_instances(settings)
    promotion = board.modules.known.get("promotion")
    judged = promotion.row.gauges if promotion is not None else {}
    owners = twins(instances)
    twin_of = {owner: twin for twin, owner in owners.items()}
    for instance in instances.values():
        gate, own = (board.modules.known.get(name) for name in (instance.limits.module, instance.module))
        gate_verdicts, gate_counts, _ = split(gate.row.counts if gate is not None else {})
        verdicts, counts, _ = split(own.row.counts if own is not None else {})
        evaluations = sum(gate_verdicts.values())
        passed = verdicts[Verdict.PASS]
        last = own.row.last_reason if own is not None else ""
        if gate is not None and gate.row.last_reason not in ("", "ok"):
            last = gate.row.last_reason
        accounts = board.accounts
        found.append(
            StrategyView(
                id=instance.id,
                strategy=instance.strategy.name,
                state=instance.state if instance.enabled else "off",
                unit=instance.strategy.unit,
                threshold=instance.threshold,
                parameters=instance.parameters.model_dump(mode="json"),
                evaluations=evaluations,
                passed=passed,
                held=verdicts[Verdict.HOLD] + gate_verdicts[Verdict.HOLD],
                blocked=verdicts[Verdict.BLOCK] + gate_verdicts[Verdict.BLOCK],
                pass_rate=round(passed / evaluations, 6) if evaluations else None,
                blocks=_reasons(Verdict.BLOCK, gate_counts, counts),
                holds=_reasons(Verdict.HOLD, gate_counts, counts),
                refused=dict(board.refused.get(instance.id, Counter()).most_common()),
                refused_since=iso(board.decided_since),
                today_usd=accounts.realised(instance.id, 1, board.newest_ns),
                week_usd=accounts.realised(instance.id, _WEEK, board.newest_ns),
                realised_usd=accounts.realised(instance.id, None, board.newest_ns),
                last_reason=last,
                meaning=meaning_of(last),
                model=instance.model,
                sizing=sizing[instance.id],
                markouts=markouts_of(board, instance.id),
                twin=beside(board.accounts, instance, instances[twin_of[instance.id]])
                if instance.id in twin_of
                else None,
                learned=learned(judged, instance.id),
                twin_of=owners.get(instance.id, ""),
            )
        )
    return found


def _reasons(verdict: str, *counted: dict[str, int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for counts in counted:
        for key, count in counts.items():
            kind, _, reason = key.partition(":")
            if kind == verdict:
                found[reason] += count
    return dict(found.most_common())


def risk_of(board: Board, settings: Settings) -> RiskView:
    """Caps and their use at cost, and where the money stands."""
    limits = settings.portfolio
    by_market: Counter[str] = Counter()
    by_strategy: Counter[str] = Counter()
    by_asset: Counter[str] = Counter()
    by_end: Counter[tuple[int, str]] = Counter()
    for (account, strategy, market, _), held in board.accounts.held.items():
        if account != MAIN:
            continue
        followed = board.windows.markets.get(market)
        window = followed.window if followed is not None else None
        by_market[market] += held.basis
        by_strategy[strategy] += held.basis
        by_asset[window.asset if window is not None else "unknown"] += held.basis
        by_end[(window.end if window is not None else 0, market)] += held.basis
    total = sum(by_market.values())
    caps = [_cap("cap_total", "all positions and reservations", limits.cap_total, board.accounts.committed())]
    for name, instance in all_instances(settings).items():
        if instance.state != "active" and not by_strategy[name]:
            continue
        caps.append(_cap("cap_strategy", name, limits.cap_strategy, by_strategy[name]))
    caps += [_cap("cap_market", board.title(key), limits.cap_market, used) for key, used in by_market.most_common()]
    caps += [_cap(*each) for each in joint_caps_of(board, settings.concentration.bucket_s)]
    return RiskView(
        caps=caps,
        sizing=sizing_of(board, settings),
        breakers=[bounded(each, settings.breakers) for each in breakers_of(board)],
        bounds=bounds_of(settings.breakers),
        exposure=[
            ExposureView(expires=iso(end), market=board.title(market), cost_usd=usd(cost))
            for (end, market), cost in sorted(by_end.items())
        ],
        concentration=round(max(by_market.values()) / total, 4) if total else None,
        by_asset_usd={asset: usd(cost) for asset, cost in sorted(by_asset.items())},
    )


def _cap(cap: str, subject: str, limit: float, used: int) -> CapView:
    share = used / DOLLAR / limit if limit else 0.0
    return CapView(cap=cap, subject=subject, limit_usd=limit, used_usd=usd(used), share=round(share, 4))
