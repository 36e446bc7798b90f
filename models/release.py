"""Release gates: how far a portfolio may go, as a state machine that is climbed one step at a time.

    DEV ──▶ PAPER_CANARY ──▶ PAPER_FULL ──▶ LIVE_DRY_RUN ──▶ LIVE_ARMED
     ◀────────────◀────────────────◀───────────────◀──────────────┘     (down: at once, any number of steps)

``DEV``: orders on paper, and nothing of it is evidence. ``PAPER_CANARY``: on paper at reduced caps. ``PAPER_FULL``: on
paper at full caps. ``LIVE_DRY_RUN``: on paper as before, and each order is built and signed for the exchange too, and
not sent. ``LIVE_ARMED``: real orders; besides the criteria it takes a phrase that the operator confirms.

A step up is refused while a criterion of it is not met, with all that are missing; each says when it could be met at
the rate so far, or that it cannot. There is no way around a criterion.

>>> step("DEV", "PAPER_CANARY"), step("DEV", "PAPER_FULL"), step("LIVE_ARMED", "DEV")
('up', 'skips', 'down')
>>> rounds = Criterion("settled rounds", value=12.0, needed=50.0, per_hour=4.0)
>>> rounds.met, rounds.text()
(False, 'settled rounds 12, needs 50: about 9.5 h at the rate so far')
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

GateName = Literal["DEV", "PAPER_CANARY", "PAPER_FULL", "LIVE_DRY_RUN", "LIVE_ARMED"]
GATES: Final[tuple[GateName, ...]] = ("DEV", "PAPER_CANARY", "PAPER_FULL", "LIVE_DRY_RUN", "LIVE_ARMED")
#: Gates at which orders are also made for the real exchange.
LIVE: Final = frozenset({"LIVE_DRY_RUN", "LIVE_ARMED"})
Way = Literal["up", "down", "same", "skips"]


def step(old: GateName, new: GateName) -> Way:
    """Which way it is from one gate to another; ``skips`` is a way up that leaves gates out, and never allowed."""
    distance = GATES.index(new) - GATES.index(old)
    if distance == 0:
        return "same"
    if distance < 0:
        return "down"
    return "up" if distance == 1 else "skips"


class Criterion(msgspec.Struct, frozen=True):
    """Something that must hold before a step up. ``value`` is to be at least ``needed``, or at most where ``most``.
    ``per_hour``: by how much ``value`` grew in an hour so far; 0 where it does not. ``unknown``: nobody measured it."""

    name: str
    value: float
    needed: float
    most: bool = False
    per_hour: float = 0.0
    unknown: bool = False

    @property
    def met(self) -> bool:
        """Whether it holds. What is unknown does not."""
        if self.unknown:
            return False
        return self.value <= self.needed if self.most else self.value >= self.needed

    @property
    def hours(self) -> float | None:
        """Hours until it could hold at the rate so far; 0 where it holds, None where it cannot at that rate."""
        if self.met:
            return 0.0
        if self.unknown or self.most or self.per_hour <= 0.0:
            return None
        return (self.needed - self.value) / self.per_hour

    def text(self) -> str:
        """For people: what it is, what it needs, and when it could be."""
        if self.unknown:
            return f"{self.name}: not measured, needs {self.needed:g}"
        said = f"{self.name} {self.value:g}, needs {'at most ' if self.most else ''}{self.needed:g}"
        if self.met:
            return said
        hours = self.hours
        return f"{said}: " + ("not at the rate so far" if hours is None else f"about {hours:.1f} h at the rate so far")


class GateEvidence(msgspec.Struct, frozen=True):
    """What the criteria are read from. ``hours``: at the present gate; ``rounds``: positions settled or sold at it;
    ``clean_hours``: since the last finding of the reconciliation; ``quiet_hours``: since the last breaker that stopped
    something, or a kill; ``sound``: feeds sound, books reconciled, nothing stopped, now. ``net``: dollars after costs
    at this gate. ``preflight``: hours since the live venue's own check passed last, None where it never did.
    ``stated``: dollars that the account holds by the exchange's own word, None where it gave none.
    ``dry_runs``: orders the live venue built and signed; ``dry_refused``: those that failed its check."""

    hours: float = 0.0
    rounds: int = 0
    clean_hours: float = 0.0
    quiet_hours: float = 0.0
    sound: bool = False
    net: float = 0.0
    preflight: float | None = None
    stated: float | None = None
    dry_runs: int = 0
    dry_refused: int = 0


class Bars(msgspec.Struct, frozen=True):
    """What is needed for each step: hours at the gate below, settled rounds there, hours without a finding of the
    reconciliation and without a breaker that stopped something; ``preflight_h``: how old the live check may be."""

    canary_h: float = 1.0
    full_h: float = 24.0
    full_rounds: int = 50
    dry_h: float = 168.0
    dry_rounds: int = 300
    armed_h: float = 24.0
    armed_orders: int = 20
    preflight_h: float = 1.0


def criteria(target: GateName, seen: GateEvidence, bars: Bars) -> tuple[Criterion, ...]:
    """Everything that must hold to go up to ``target``.

    >>> [each.name for each in criteria("PAPER_CANARY", GateEvidence(hours=2, clean_hours=2, sound=True), Bars())]
    ['everything sound now', 'hours at this gate', 'hours of clean reconciliation']
    """
    sound = Criterion("everything sound now", float(seen.sound), 1.0)

    def stable(hours: float) -> tuple[Criterion, ...]:
        return (
            Criterion("hours at this gate", round(seen.hours, 2), hours, per_hour=1.0),
            Criterion("hours of clean reconciliation", round(seen.clean_hours, 2), hours, per_hour=1.0),
        )

    def proven(hours: float, rounds: int) -> tuple[Criterion, ...]:
        rate = seen.rounds / seen.hours if seen.hours > 0.0 else 0.0
        net_rate = seen.net / seen.hours if seen.hours > 0.0 else 0.0
        return (
            *stable(hours),
            Criterion("hours without a stop", round(seen.quiet_hours, 2), hours, per_hour=1.0),
            Criterion("settled rounds at this gate", float(seen.rounds), float(rounds), per_hour=round(rate, 3)),
            Criterion("net dollars at this gate", round(seen.net, 2), 0.01, per_hour=round(net_rate, 4)),
        )

    if target == "PAPER_CANARY":
        return (sound, *stable(bars.canary_h))
    if target == "PAPER_FULL":
        return (sound, *proven(bars.full_h, bars.full_rounds))
    preflight = Criterion(
        "hours since the preflight passed",
        round(seen.preflight or 0.0, 2),
        bars.preflight_h,
        most=True,
        unknown=seen.preflight is None,
    )
    if target == "LIVE_DRY_RUN":
        return (sound, preflight, *proven(bars.dry_h, bars.dry_rounds))
    if target == "LIVE_ARMED":
        rate = seen.dry_runs / seen.hours if seen.hours > 0.0 else 0.0
        return (
            sound,
            preflight,
            Criterion(
                "dollars stated by the exchange", round(seen.stated or 0.0, 2), 0.01, unknown=seen.stated is None
            ),
            *stable(bars.armed_h),
            Criterion(
                "orders checked in the dry run", float(seen.dry_runs), bars.armed_orders, per_hour=round(rate, 3)
            ),
            Criterion("orders refused in the dry run", float(seen.dry_refused), 0.0, most=True),
        )
    return ()
