"""The release gate at the desk: at which gate the portfolio stands, what a step up asks for, and what throws it down.

The operator asks for each step up and is refused with everything that is missing. Real orders take three words: the
gate LIVE_DRY_RUN, a request to arm, and the phrase of its answer. Down it goes at once: by the operator, a breaker that
stops the portfolio, an anomaly, a kill, the loss of a feed, a new start of the flow, and when the time of arming is
over. Each change is a row on ``risk``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from flows.trading_line.breakers import Breakers
from flows.trading_line.known import MarketCache
from flows.trading_line.members import Announcer, Entry, RiskChange, Room
from flows.trading_line.operator import Operator
from flows.trading_line.positions import Account
from flows.trading_line.reconciliation import Reconciliation
from flows.trading_line.reply import Reply, done, refused, unknown
from models.accounts import LIVE as REAL
from models.accounts import MAIN
from models.contracts import Number
from models.control import Arm, Command, Confirm, Disarm, SetGate
from models.happenings import Happening, RoundClosed
from models.inputs import AnyInput, DryRun, Preflight
from models.money import DOLLAR
from models.reasons import Reason, Verdict
from models.release import GATES, LIVE, Criterion, GateEvidence, GateName, criteria, step
from models.settings import Settings
from models.timestamps import SECOND
from models.topics import FEED_COINBASE, FEED_POLYMARKET
from models.trace import Step

MODULE = "gate.release"
_HOUR = 3_600 * SECOND
_FEEDS = frozenset({FEED_POLYMARKET, FEED_COINBASE})


class ReleaseGate(Announcer):
    """Holds the gate. ``gate`` is read by whoever sends orders."""

    module = MODULE

    def __init__(
        self,
        settings: Settings,
        known: MarketCache,
        accounts: Mapping[str, Account],
        operator: Operator,
        reconciliation: Reconciliation,
        breakers: Breakers,
    ) -> None:
        super().__init__()
        self._known = known
        self._accounts = accounts
        self._operator = operator
        self._reconciliation = reconciliation
        self._breakers = breakers
        self.gate: GateName = "DEV"
        self._t = 0
        self._since = 0  # at this gate
        self._clean = 0  # last moment that was not reconciled, Unix ns
        self._quiet = 0  # last moment at which something was stopped
        self._rounds = 0
        self._net = 0
        self._phrase = ""
        self._asked = 0
        self._armed_until = 0
        self.preflight: int | None = None  # Unix ns of the live venue's last check that passed
        self.stated: int | None = None  # micro-dollars that the account holds at the exchange, as that said last
        self.stated_at = 0
        self.dry_runs = 0
        self.dry_refused = 0
        self.configure(settings)

    def configure(self, settings: Settings) -> None:
        self._settings = settings.release
        self._bars = settings.release.bars
        self._live = settings.live.enabled
        self._live_order = round(settings.live.cap_order * DOLLAR)
        self._live_total = round(settings.live.cap_total * DOLLAR)
        self._cap_order = round(settings.portfolio.cap_order * self._settings.canary_factor * DOLLAR)
        self._cap_total = round(settings.portfolio.cap_total * self._settings.canary_factor * DOLLAR)

    # --- what it sees --------------------------------------------------------------------------------------------

    def on(self, happening: Happening) -> Iterable[Step]:
        if isinstance(happening, RoundClosed) and happening.account == self.account:
            self._rounds += 1
            self._net += happening.result
        return ()

    @property
    def account(self) -> str:
        """The portfolio's account that entries go to: real money at LIVE_ARMED alone."""
        return REAL if self.gate == "LIVE_ARMED" else MAIN

    def on_input(self, said: AnyInput, t: int) -> Iterable[Step]:
        """Hear the live venue's check of itself, and what became of the orders of a dry run."""
        if isinstance(said, Preflight):
            self.preflight = t if said.passed else None
            if said.passed and said.balance >= 0:
                self.stated, self.stated_at = said.balance, t
        elif isinstance(said, DryRun) and self.gate == "LIVE_DRY_RUN":
            self.dry_runs += said.ok
            self.dry_refused += not said.ok
        return ()

    def on_clock(self, t: int) -> Iterable[Step]:
        if not self._since:
            self._since = self._clean = self._quiet = t
        self._t = t
        if self._reconciliation.anomaly:
            self._clean = t
        stopped = self._breakers.stopped() or self._operator.killed
        if stopped:
            self._quiet = t
        if GATES.index(self.gate) > GATES.index("PAPER_CANARY") and (stopped or self._reconciliation.anomaly):
            why = "a kill" if self._operator.killed else "a breaker" if stopped else "an anomaly"
            return self._down("PAPER_CANARY", t, f"{why} stands")
        if self.is_live and not self._live:
            return self._down("PAPER_FULL", t, "the configuration allows no live venue")
        if self.gate == "LIVE_ARMED":
            lost = sorted(_FEEDS.intersection(self._known.stale_feeds))
            if lost:
                return self._down("LIVE_DRY_RUN", t, f"{lost[0]} is stale")
            if t >= self._armed_until:
                return self._down("LIVE_DRY_RUN", t, "the time of arming is over")
        return ()

    def on_start(self, t: int) -> Iterable[Step]:
        """A flow that was started does not know what it missed: it is not armed."""
        self._phrase = ""
        if self.gate == "LIVE_ARMED":
            return self._down("LIVE_DRY_RUN", t, "the trading flow was started anew")
        return ()

    def evidence(self) -> GateEvidence:
        """What the criteria are read from, now."""
        t = self._t
        stale = _FEEDS.intersection(self._known.stale_feeds)
        sound = not (stale or self._reconciliation.anomaly or self._breakers.stopped() or self._operator.killed)
        return GateEvidence(
            hours=(t - self._since) / _HOUR,
            rounds=self._rounds,
            clean_hours=(t - self._clean) / _HOUR,
            quiet_hours=(t - self._quiet) / _HOUR,
            sound=sound,
            net=self._net / DOLLAR,
            preflight=None if self.preflight is None else (t - self.preflight) / _HOUR,
            stated=None if self.stated is None else self.stated / DOLLAR,
            dry_runs=self.dry_runs,
            dry_refused=self.dry_refused,
        )

    # --- what the operator asks for ------------------------------------------------------------------------------

    def obey(self, command: Command, t: int) -> Reply | None:
        do = command.do
        if isinstance(do, SetGate):
            return self._go(command, do.gate, t)
        if isinstance(do, Arm):
            return self._arm(command, t)
        if isinstance(do, Confirm):
            return self._confirm(command, do.phrase, t)
        if isinstance(do, Disarm):
            if self.gate != "LIVE_ARMED":
                return refused(MODULE, command, Reason.NOTHING_TO_DO, f"nothing is armed: the gate is {self.gate}.")
            self._change("LIVE_DRY_RUN", t, Reason.DISARMED, f"disarmed by {command.by}")
            return done(MODULE, command, "disarmed: no real order goes out, what works at the exchange is cancelled.")
        return None

    def _go(self, command: Command, asked: str, t: int) -> Reply:
        if asked not in GATES:
            return unknown(MODULE, command, "gate", asked, GATES)
        target: GateName = GATES[GATES.index(asked)]
        way = step(self.gate, target)
        if way == "same":
            return refused(MODULE, command, Reason.NOTHING_TO_DO, f"the gate is {target} already.")
        if way == "down":
            self._change(target, t, Reason.DEMOTED, f"asked for by {command.by}")
            return done(MODULE, command, f"the gate is {target}.")
        if way == "skips":
            following = GATES[GATES.index(self.gate) + 1]
            text = f"from {self.gate} the next gate is {following}; none is left out."
            return refused(MODULE, command, Reason.CRITERIA_MISSING, text)
        if target == "LIVE_ARMED":
            return refused(MODULE, command, Reason.NOT_ARMED, "ask to arm, and confirm the phrase of the answer.")
        missing = self._missing(target)
        if missing:
            return refused(MODULE, command, Reason.CRITERIA_MISSING, _listed(target, missing))
        self._change(target, t, Reason.PROMOTED, f"asked for by {command.by}, all criteria met")
        return done(MODULE, command, f"the gate is {target}.")

    def _arm(self, command: Command, t: int) -> Reply:
        if self.gate != "LIVE_DRY_RUN":
            text = f"arming begins at LIVE_DRY_RUN, and the gate is {self.gate}."
            return refused(MODULE, command, Reason.CRITERIA_MISSING, text)
        missing = self._missing("LIVE_ARMED")
        if missing:
            return refused(MODULE, command, Reason.CRITERIA_MISSING, _listed("LIVE_ARMED", missing))
        digest = hashlib.sha256(f"{command.run}/{command.id}/{command.t}".encode()).hexdigest()
        self._phrase, self._asked = f"arm-{digest[:4]}-{digest[4:8]}", t
        text = f'confirm within {self._settings.confirm_s:g} s: profit control confirm "{self._phrase}"'
        return done(MODULE, command, text)

    def _confirm(self, command: Command, phrase: str, t: int) -> Reply:
        wanted, self._phrase = self._phrase, ""  # one try: what is mistyped is asked for anew
        if not wanted or t - self._asked > self._settings.confirm_s * SECOND:
            return refused(MODULE, command, Reason.PHRASE_EXPIRED, "nothing waits to be confirmed: ask to arm again.")
        if phrase != wanted:
            return refused(MODULE, command, Reason.PHRASE_WRONG, "that is not the phrase: ask to arm again.")
        missing = self._missing("LIVE_ARMED")
        if self.gate != "LIVE_DRY_RUN" or missing:
            return refused(MODULE, command, Reason.CRITERIA_MISSING, _listed("LIVE_ARMED", missing))
        self._armed_until = t + round(self._settings.armed_min * 60 * SECOND)
        self._change("LIVE_ARMED", t, Reason.PROMOTED, f"armed by {command.by}, all criteria met and confirmed")
        return done(MODULE, command, f"armed: real orders go out for {self._settings.armed_min:g} minutes.")

    def _missing(self, target: GateName) -> list[Criterion]:
        return [each for each in criteria(target, self.evidence(), self._bars) if not each.met]

    # --- what follows from it ------------------------------------------------------------------------------------

    def gates(self, entry: Entry) -> Iterable[Step]:
        if entry.intent.split and self.is_live and entry.instance.state != "twin":
            return (Step(MODULE, Verdict.BLOCK, Reason.NO_LIVE_SPLIT, {"gate": self.gate}),)
        return (Step(MODULE, Verdict.PASS, Reason.OK, {"gate": self.gate}),)

    def rooms(self, entry: Entry, account: Account) -> Iterable[Room]:
        if account.name == REAL:  # the live venue refuses what is above its caps: nothing is asked for in vain
            return (
                (Reason.CAP_GATE, self._live_order),
                (Reason.CAP_GATE, self._live_total - account.committed),
            )
        if self.gate != "PAPER_CANARY" or account.name != MAIN:
            return ()
        return ((Reason.CAP_GATE, self._cap_order), (Reason.CAP_GATE, self._cap_total - account.committed))

    @property
    def is_live(self) -> bool:
        """Whether orders are made for the exchange too."""
        return self.gate in LIVE

    def gauges(self) -> dict[str, Number]:
        """The gate, since when (Unix ns), and the evidence by name."""
        seen = self.evidence()
        return {
            "gate": self.gate,
            "since": self._since,
            "armed_until": self._armed_until if self.gate == "LIVE_ARMED" else 0,
            "hours": round(seen.hours, 4),
            "rounds": seen.rounds,
            "clean_hours": round(seen.clean_hours, 4),
            "quiet_hours": round(seen.quiet_hours, 4),
            "sound": seen.sound,
            "net": round(seen.net, 6),
            "preflight_hours": None if seen.preflight is None else round(seen.preflight, 4),
            "stated": None if seen.stated is None else round(seen.stated, 6),
            "dry_runs": seen.dry_runs,
            "dry_refused": seen.dry_refused,
        }

    def _down(self, target: GateName, t: int, why: str) -> Iterable[Step]:
        reason = Reason.DISARMED if self.gate == "LIVE_ARMED" else Reason.DEMOTED
        return (self._change(target, t, reason, why),)

    def _change(self, target: GateName, t: int, reason: Reason, why: str) -> Step:
        old, seen = self.gate, self.evidence()
        numbers: dict[str, Number] = {each.name: each.value for each in criteria(target, seen, self._bars)}
        text = f"from {old} to {target}: {why}."
        self.announce(RiskChange("gate", "release", "portfolio", MAIN, old, target, reason, text, numbers))
        self.gate = target
        self._phrase = ""
        self._since = self._clean = self._quiet = t
        self._rounds = self._net = 0
        self.dry_runs = self.dry_refused = 0
        verdict = Verdict.PASS if reason is Reason.PROMOTED else Verdict.BLOCK
        return Step(MODULE, verdict, reason, {"old": old, "new": target})


def _listed(target: GateName, missing: Iterable[Criterion]) -> str:
    found = "; ".join(each.text() for each in missing)
    return f"{target} needs more: {found}." if found else f"{target} cannot be reached from here."
