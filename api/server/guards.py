"""What guards the portfolio, as the pages show it: breakers, sizes, joint caps, release gates, mark-outs, changes.

Everything is read from telemetry and from the topic ``risk``; the criteria of a gate are made of the evidence that the
desk states there, by the same function that the desk asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from api.server.board import Board
from api.server.formats import iso
from api.server.presenting import meaning_of, risk_event
from api.server.views.risk import BreakerBoundsView, BreakerView, CriterionView, GatesView, GateView, RiskEventView
from api.server.views.strategies import MarkOutsView, SizingView
from models.accounts import LIVE, MAIN
from models.contracts import Number
from models.money import DOLLAR
from models.portfolio.breakers import LEVELS
from models.portfolio.sections import BreakerSettings
from models.promotion.states import factor
from models.release import GATES, Criterion, GateEvidence, criteria
from models.remedies import REDUCED, release_of
from models.settings import Settings
from models.strategies.instance import Instance, all_instances
from models.timestamps import SECOND

_BREAKERS: Final = "gate.breakers"
_RELEASE: Final = "gate.release"
_ALLOCATION: Final = "allocation"
_CONCENTRATION: Final = "concentration"
_STATE: Final = "gate.state"
_MARKOUTS: Final = "markouts"
_REASON_OF: Final = {"reconciliation": "anomaly"}
MEANINGS: Final = {
    "DEV": "orders on paper, and nothing of it is evidence",
    "PAPER_CANARY": "orders on paper at reduced caps",
    "PAPER_FULL": "orders on paper at full caps",
    "LIVE_DRY_RUN": "on paper; each order is also built and signed for the exchange, and not sent",
    "LIVE_ARMED": "real orders",
}
_JOINT: Final = {"family": "cap_family", "underlying": "cap_underlying", "expiry": "cap_expiry"}
#: kind, whether it is of an instance or family, of what, what its value is
_WATCHED: Final = (
    ("daily_loss", False, "portfolio", "loss since 00:00 UTC, positions at the bid, over the capital"),
    ("drawdown", False, "portfolio", "fall of the equity from its peak, over the peak"),
    ("daily_loss", True, "instance, family", "dollars lost in closed rounds since 00:00 UTC"),
    ("drawdown", True, "instance, family", "dollars that closed rounds came down from their peak"),
    ("loss_streak", True, "instance", "losing rounds in a row"),
    ("negative_expectancy", True, "instance", "evidence that a round loses on average: wealth of a bet on it"),
    ("slippage", True, "instance", "dollars a share that the last 20 fills were worse than the mid decided on"),
    ("feed_health", True, "instance", "seconds of the last 300 at which a feed that it needs was stale"),
    ("fill_anomaly", False, "portfolio", "irregular fills and reports of the last 600 s"),
    ("reconciliation", False, "portfolio", "differences between books, orders and fills"),
)


def breakers_of(board: Board) -> list[BreakerView]:
    """The breakers that were ever near their bounds, those that hold something back first."""
    gauges = _gauges(board, _BREAKERS)
    found = []
    for key, level in gauges.items():
        what, _, name = key.partition(":")
        if what != "level" or level not in LEVELS:
            continue
        reason = _REASON_OF.get(name.partition(":")[0], name.partition(":")[0])
        found.append(
            BreakerView(
                id=name,
                level=LEVELS[LEVELS.index(level)],
                value=_number(gauges.get(f"value:{name}")),
                since=iso(int(_number(gauges.get(f"since:{name}")))),
                reason=reason,
                meaning=meaning_of(reason) or reason,
                release=(REDUCED if level == "reduced" else release_of(reason))[1],
            )
        )
    return sorted(found, key=lambda each: (-LEVELS.index(each.level), each.id))


def bounded(breaker: BreakerView, settings: BreakerSettings) -> BreakerView:
    """The same with the values at which it acts."""
    kind, scope, _ = breaker.id.split(":", 2)
    bounds = settings.bounds(kind, own=scope != "portfolio")
    return breaker.model_copy(update={"reduce_at": bounds.reduce, "stop_at": bounds.stop})


def bounds_of(settings: BreakerSettings) -> list[BreakerBoundsView]:
    """Every kind of breaker, whether one stands or not."""
    found = []
    for kind, own, scope, measure in _WATCHED:
        bounds = settings.bounds(kind, own=own)
        found.append(
            BreakerBoundsView(
                kind=kind,
                scope=scope,
                measure=measure,
                reduce_at=bounds.reduce,
                stop_at=bounds.stop,
                release=release_of(_REASON_OF.get(kind, kind))[1],
            )
        )
    return found


def sizing_of(board: Board, settings: Settings) -> list[SizingView]:
    """Of every instance: what its sizes are multiplied with, and by whom."""
    realised, state = _gauges(board, _ALLOCATION), _gauges(board, _STATE)
    standing = breakers_of(board)
    terms = settings.allocation.terms
    found = []
    for name, instance in all_instances(settings).items():
        by = str(state.get(f"off:{name}", ""))
        operator = _number(state.get(f"size:{name}", 1.0))
        earned = _number(realised.get(f"multiplier_{name}", terms.floor)) if settings.allocation.enabled else 1.0
        broken = _broken(instance, standing, settings.breakers)
        configured = instance.state if instance.enabled else "off"
        promotion = str(state.get(f"promoted:{name}", "")) if configured in ("active", "shadow") else ""
        promoted = factor(promotion, settings.promotion.canary_factor) if promotion else 1.0
        enters = (promotion or configured) not in ("shadow", "paused", "disabled", "off") and not by
        found.append(
            SizingView(
                instance=name,
                state=configured,
                entries="off" if by else "on",
                by=by,
                operator=operator,
                realised=earned,
                breakers=broken,
                promotion=promotion,
                promoted=promoted,
                size=round(operator * earned * broken * promoted, 6) if enters else 0.0,
            )
        )
    return found


def _broken(instance: Instance, standing: Sequence[BreakerView], settings: BreakerSettings) -> float:
    """What the breakers over it leave of its size; of a paper twin its own alone are over it."""
    over = {f"instance:{instance.id}"}
    if instance.state != "twin":
        over |= {f"family:{instance.strategy.family}", f"portfolio:{MAIN}", f"portfolio:{LIVE}"}
    factors = {"clear": 1.0, "reduced": settings.factor, "stopped": 0.0}
    return min((factors[each.level] for each in standing if each.id.partition(":")[2] in over), default=1.0)


def markouts_of(board: Board, instance: str) -> MarkOutsView:
    """How good the fills of an instance were."""
    gauges = _gauges(board, _MARKOUTS)
    found = {name: gauges.get(f"{name}:{instance}") for name in MarkOutsView.model_fields}
    return MarkOutsView(**{name: None if value is None else _number(value) for name, value in found.items()})


def gate_of(board: Board) -> str:
    """The release gate; "" until the trading flow has said it."""
    return str(_gauges(board, _RELEASE).get("gate", ""))


def joint_caps_of(board: Board, bucket_s: int) -> Iterator[tuple[str, str, float, int]]:
    """(cap, of what, limit in dollars, used in micro-dollars) of what is counted together. ``bucket_s``: length of a
    bucket of ends."""
    gauges = _gauges(board, _CONCENTRATION)
    for name, used in sorted(gauges.items()):
        kind, colon, subject = name.removeprefix("live:").partition(":")
        if colon and kind in _JOINT:
            limit = _number(gauges.get(_JOINT[kind]))
            said = _ends(int(subject), bucket_s) if kind == "expiry" else subject
            real = " (real money)" if name.startswith("live:") else ""
            yield _JOINT[kind], said + real, limit, round(_number(used) * DOLLAR)


def events_of(board: Board, limit: int, kind: str = "") -> list[RiskEventView]:
    """The changes of risk, the latest first."""
    return [risk_event(each) for each in board.risk_records() if kind in ("", each.kind)][:limit]


def gates_of(board: Board, settings: Settings) -> GatesView:
    """The release gates with what each step up asks for, met or not, and when it could be met."""
    gauges = _gauges(board, _RELEASE)
    here = str(gauges.get("gate", "DEV"))
    place = GATES.index(here) if here in GATES else 0
    preflight, stated = gauges.get("preflight_hours"), gauges.get("stated")
    seen = GateEvidence(
        hours=_number(gauges.get("hours")),
        rounds=int(_number(gauges.get("rounds"))),
        clean_hours=_number(gauges.get("clean_hours")),
        quiet_hours=_number(gauges.get("quiet_hours")),
        sound=bool(gauges.get("sound")),
        net=_number(gauges.get("net")),
        preflight=None if preflight is None else _number(preflight),
        stated=None if stated is None else _number(stated),
        dry_runs=int(_number(gauges.get("dry_runs"))),
        dry_refused=int(_number(gauges.get("dry_refused"))),
    )
    found: list[GateView] = []
    for number, gate in enumerate(GATES):
        evidence = seen if number == place + 1 else GateEvidence()
        wanted = criteria(gate, evidence, settings.release.bars) if number > place else ()
        state: Literal["passed", "here", "next", "later"] = (
            "passed" if number < place else "here" if number == place else "next" if number == place + 1 else "later"
        )
        found.append(GateView(gate=gate, state=state, meaning=MEANINGS[gate], criteria=[_criterion(c) for c in wanted]))
    armed = int(_number(gauges.get("armed_until")))
    return GatesView(
        gate=here,
        since=iso(int(_number(gauges.get("since")))),
        armed_until=iso(armed) if armed else "",
        gates=found,
        history=events_of(board, 50, "gate"),
    )


def _criterion(each: Criterion) -> CriterionView:
    return CriterionView(
        name=each.name,
        value=each.value,
        needed=each.needed,
        most=each.most,
        unknown=each.unknown,
        met=each.met,
        hours=each.hours,
        text=each.text(),
    )


def _ends(start_s: int, length_s: int) -> str:
    """In words, a bucket of ends that begins at ``start_s`` (Unix seconds)."""
    first, last = iso(start_s * SECOND), iso((start_s + length_s) * SECOND)
    return f"windows ending {first[:10]} {first[11:16]} to {last[11:16]} UTC"


def _gauges(board: Board, module: str) -> Mapping[str, Number]:
    known = board.modules.known.get(module)
    return {} if known is None else known.row.gauges


def _number(value: Number) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
