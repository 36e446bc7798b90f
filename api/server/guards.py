"""What guards the portfolio, as the pages show it: breakers, multipliers, joint caps, release gates, and their changes.

Everything is read from telemetry and from the topic ``risk``; the criteria of a gate are made of the evidence that the
desk states there, by the same function that the desk asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from api.server import views
from api.server.board import Board
from api.server.formats import iso
from api.server.presenting import meaning_of
from models.contracts import Number, RiskEvent
from models.money import DOLLAR
from models.release import GATES, Criterion, GateEvidence, criteria
from models.remedies import release_of
from models.settings import Settings
from models.timestamps import SECOND

_BREAKERS: Final = "gate.breakers"
_RELEASE: Final = "gate.release"
_ALLOCATION: Final = "allocation"
_CONCENTRATION: Final = "concentration"
_REASON_OF: Final = {"reconciliation": "anomaly"}
MEANINGS: Final = {
    "DEV": "orders on paper, and nothing of it is evidence",
    "PAPER_CANARY": "orders on paper at reduced caps",
    "PAPER_FULL": "orders on paper at full caps",
    "LIVE_DRY_RUN": "on paper; each order is also built and signed for the exchange, and not sent",
    "LIVE_ARMED": "real orders",
}
_JOINT: Final = {"family": "cap_family", "underlying": "cap_underlying", "expiry": "cap_expiry"}


def breakers_of(board: Board) -> list[views.BreakerView]:
    """The breakers that were ever near their bounds, those that hold something back first."""
    gauges = _gauges(board, _BREAKERS)
    found = []
    for key, level in gauges.items():
        kind, _, name = key.partition(":")
        if kind != "level" or level not in ("clear", "reduced", "stopped"):
            continue
        reason = _REASON_OF.get(name.partition(":")[0], name.partition(":")[0])
        found.append(
            views.BreakerView(
                id=name,
                level=_level(str(level)),
                value=_number(gauges.get(f"value:{name}")),
                since=iso(int(_number(gauges.get(f"since:{name}")))),
                reason=reason,
                meaning=meaning_of(reason) or reason,
                release=release_of(reason)[1],
            )
        )
    order = ("stopped", "reduced", "clear")
    return sorted(found, key=lambda each: (order.index(each.level), each.id))


def multipliers_of(board: Board) -> dict[str, float]:
    """Of the full size, by instance that has a round behind it."""
    return {
        name.removeprefix("multiplier_"): _number(value)
        for name, value in sorted(_gauges(board, _ALLOCATION).items())
        if name.startswith("multiplier_")
    }


def joint_caps_of(board: Board) -> Iterator[tuple[str, str, float, int]]:
    """(cap, of what, limit in dollars, used in micro-dollars) of what is counted together."""
    gauges = _gauges(board, _CONCENTRATION)
    for name, used in sorted(gauges.items()):
        kind, colon, subject = name.partition(":")
        if colon and kind in _JOINT:
            limit = _number(gauges.get(_JOINT[kind]))
            said = f"windows that end from {iso(int(subject) * SECOND)[:16]}Z" if kind == "expiry" else subject
            yield _JOINT[kind], said, limit, round(_number(used) * DOLLAR)


def events_of(board: Board, limit: int, kind: str = "") -> list[views.RiskEventView]:
    """The changes of risk, the latest first."""
    return [_event(each) for each in board.risk_records() if kind in ("", each.kind)][:limit]


def gates_of(board: Board, settings: Settings) -> views.GatesView:
    """The release gates with what each step up asks for, met or not, and when it could be met."""
    gauges = _gauges(board, _RELEASE)
    here = str(gauges.get("gate", "DEV"))
    place = GATES.index(here) if here in GATES else 0
    preflight = gauges.get("preflight_hours")
    seen = GateEvidence(
        hours=_number(gauges.get("hours")),
        rounds=int(_number(gauges.get("rounds"))),
        clean_hours=_number(gauges.get("clean_hours")),
        quiet_hours=_number(gauges.get("quiet_hours")),
        sound=bool(gauges.get("sound")),
        net=_number(gauges.get("net")),
        preflight=None if preflight is None else _number(preflight),
        dry_runs=int(_number(gauges.get("dry_runs"))),
        dry_refused=int(_number(gauges.get("dry_refused"))),
    )
    found: list[views.GateView] = []
    for number, gate in enumerate(GATES):
        wanted = criteria(gate, seen, settings.release.bars) if number == place + 1 else ()
        state: Literal["passed", "here", "next", "later"] = (
            "passed" if number < place else "here" if number == place else "next" if number == place + 1 else "later"
        )
        found.append(
            views.GateView(gate=gate, state=state, meaning=MEANINGS[gate], criteria=[_criterion(c) for c in wanted])
        )
    armed = int(_number(gauges.get("armed_until")))
    return views.GatesView(
        gate=here,
        since=iso(int(_number(gauges.get("since")))),
        armed_until=iso(armed) if armed else "",
        gates=found,
        history=events_of(board, 50, "gate"),
    )


def _criterion(each: Criterion) -> views.CriterionView:
    return views.CriterionView(
        name=each.name, value=each.value, needed=each.needed, met=each.met, hours=each.hours, text=each.text()
    )


def _event(record: RiskEvent) -> views.RiskEventView:
    return views.RiskEventView(
        id=record.id,
        time=iso(record.timestamp),
        kind=record.kind,
        scope=record.scope,
        name=record.name,
        old=record.old,
        new=record.new,
        reason=record.reason,
        text=record.text,
        numbers=record.numbers,
    )


def _gauges(board: Board, module: str) -> Mapping[str, Number]:
    known = board.modules.known.get(module)
    return {} if known is None else known.row.gauges


def _number(value: Number) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _level(text: str) -> Literal["clear", "reduced", "stopped"]:
    return "stopped" if text == "stopped" else "reduced" if text == "reduced" else "clear"
