"""The live venue's own interlock: whether a real order may go out, decided apart from the desk's release gate.

It shares no code with the desk: it reads the signed commands on ``control`` itself, checks their Ed25519 signatures
itself, looks for the kill file itself, hears the trading flow's telemetry itself, and counts what is at risk by what
the live venue did, against bounds of its own (``[live]``). Whatever is in doubt is a refusal. It only ever refuses; it
arms nothing.

    unarmed ──arm──▶ asked ──confirm, soon──▶ armed ──▶ unarmed     (time over, disarm, any change of gate, kill)

Nothing that was said before this process began arms it: after a restart the operator arms anew. A kill from before
stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_SECOND: Final = 1_000_000_000
_DOLLAR: Final = 1_000_000
_PIPS: Final = 10_000
_KILL_FILE: Final = "operator.kill"
#: How far a command or a sign of life may be ahead of our clock.
_AHEAD: Final = 2 * _SECOND


class InterlockLimits(msgspec.Struct, frozen=True):
    """Times in ns, money in micro-dollars."""

    cap_order: int
    cap_total: int
    armed: int
    confirm: int
    heartbeat: int

    @classmethod
    def of(
        cls, cap_order: float, cap_total: float, armed_s: float, confirm_s: float, heartbeat_s: float
    ) -> InterlockLimits:
        """From dollars and seconds."""
        return cls(
            round(cap_order * _DOLLAR),
            round(cap_total * _DOLLAR),
            round(armed_s * _SECOND),
            round(confirm_s * _SECOND),
            round(heartbeat_s * _SECOND),
        )


class _Held(msgspec.Struct):
    """What was bought of a token and not sold: micro-shares, and what they cost."""

    condition: str
    size: int = 0
    cost: int = 0


class _Open(msgspec.Struct):
    """What an order may still do: micro-shares, at its limit."""

    token: str
    condition: str
    buys: bool
    limit: int
    size: int


class Interlock:
    """``refusal`` is the whole question; the rest tells it what happened. Times are Unix ns."""

    def __init__(self, key: str, run: str, data_dir: Path, limits: InterlockLimits, begun: int) -> None:
        """``key``: the operator's public key, hex; ``begun``: when this process began."""
        self._key = key
        self._run = run
        self._kill_file = data_dir / _KILL_FILE
        self._limits = limits
        self._begun = begun
        self._asked = 0  # when arming was asked for
        self._armed = 0  # when it was confirmed
        self._killed = False
        self._last = 0  # time of the last command that was the operator's
        self._alive = 0  # time of the trading flow's last sign of life
        self._held: dict[str, _Held] = {}
        self._open: dict[str, _Open] = {}

    # --- who said what --------------------------------------------------------------------------------------------

    def control(self, raw: bytes, now: int) -> None:
        """Hear a record of ``control``. What is not the operator's, for this run, and newer than the last is nothing:
        but a kill by the operator kills whatever its run and time."""
        command = self._verified(raw)
        if command is None:
            return
        what, t = command["do"], command["t"]
        kind = what.get("type")
        if kind == "kill":
            self._killed = True
            self._unarm()
        if command["run"] != self._run or t <= self._last or t > now + _AHEAD:
            return
        self._last = t
        if kind == "release":
            if what.get("what") == "kill":
                self._killed = False
        elif kind in ("disarm", "gate"):
            self._unarm()
        elif kind == "arm":
            self._unarm()
            self._asked = t if t >= self._begun else 0
        elif kind == "confirm":
            in_time = self._asked and 0 <= t - self._asked <= self._limits.confirm and what.get("phrase")
            self._armed = t if in_time and not self._killed else 0
            self._asked = 0

    def _verified(self, raw: bytes) -> dict[str, Any] | None:
        """The command in the record, where the operator signed it."""
        try:
            signed = msgspec.json.decode(raw, type=dict[str, str])
            text = signed["command"].encode()
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self._key)).verify(
                bytes.fromhex(signed["signature"]), text
            )
            command = msgspec.json.decode(text, type=dict[str, Any])
            known = (
                isinstance(command["do"], dict) and isinstance(command["t"], int) and isinstance(command["run"], str)
            )
        except (InvalidSignature, msgspec.MsgspecError, KeyError, ValueError):
            return None
        return command if known else None

    def _unarm(self) -> None:
        self._asked = self._armed = 0

    def telemetry(self, raw: bytes) -> None:
        """Hear a record of ``telemetry``: the trading flow's is its sign of life."""
        try:
            said = msgspec.json.decode(raw, type=dict[str, Any])
            if said["source"] == "trading":
                self._alive = max(self._alive, int(said["timestamp"]))
        except (msgspec.MsgspecError, KeyError, ValueError, TypeError):
            return

    # --- what is at risk ------------------------------------------------------------------------------------------

    def opened(self, order: str, token: str, condition: str, buys: bool, limit: int, size: int) -> None:
        """An order goes out: ``limit`` pips, ``size`` micro-shares."""
        self._open[order] = _Open(token, condition, buys, limit, size)

    def filled(self, order: str, price: int, size: int) -> None:
        """So much of it is confirmed: it is a position now."""
        working = self._open.get(order)
        if working is None:
            return
        working.size = max(working.size - size, 0)
        held = self._held.setdefault(working.token, _Held(working.condition))
        if working.buys:
            held.size += size
            held.cost += _cost(price, size)
        else:
            held.cost -= held.cost * min(size, held.size) // held.size if held.size else 0
            held.size = max(held.size - size, 0)
        if not held.size:
            del self._held[working.token]

    def closed(self, order: str) -> None:
        """Nothing more comes of the order. It is kept in mind: a fill that comes all the same is at risk too."""
        if order in self._open:
            self._open[order].size = 0

    def resolved(self, condition: str) -> None:
        """The market is over: nothing in it is at risk any more."""
        for token in [token for token, held in self._held.items() if held.condition == condition]:
            del self._held[token]

    def conditions(self) -> list[str]:
        """The markets in which something is held."""
        return sorted({held.condition for held in self._held.values()})

    @property
    def at_risk(self) -> int:
        """Micro-dollars in positions, at cost, and in open orders to buy, at their limits."""
        positions = sum(held.cost for held in self._held.values())
        return positions + sum(_cost(each.limit, each.size) for each in self._open.values() if each.buys)

    # --- the question ---------------------------------------------------------------------------------------------

    def unarmed(self, now: int) -> str:
        """Why nothing may be sent now, whatever it is; "" where something may."""
        if not self._key:
            return "nobody is the operator: there is no public key"
        if self._killed:
            return "the operator killed trading"
        try:
            if self._kill_file.exists() or self._kill_file.is_symlink():
                return "a kill stands"
        except OSError:
            return "whether a kill stands cannot be seen"
        if not self._armed:
            return "not armed since this process began"
        if not -_AHEAD <= now - self._armed < self._limits.armed:
            return "the time of arming is over"
        return self.deaf(now)

    def deaf(self, now: int) -> str:
        """Whether the trading flow shows no sign of life; "" where it does."""
        if not self._alive:
            return "no sign of the trading flow yet"
        age = now - self._alive
        if not -_AHEAD <= age <= self._limits.heartbeat:
            return f"the trading flow's last sign is {age / _SECOND:.1f} s old"
        return ""

    def refusal(self, token: str, buys: bool, limit: int, size: int, now: int) -> str:
        """Why this order may not be sent now; "" where it may. ``limit`` pips, ``size`` micro-shares."""
        why = self.unarmed(now)
        if why:
            return why
        if not 0 < limit < _PIPS or size <= 0:
            return "a price or size that cannot be"
        if not buys:
            selling = sum(each.size for each in self._open.values() if each.token == token and not each.buys)
            held = self._held[token].size if token in self._held else 0
            if selling + size > held:
                return "it would sell more than is held"
            return ""
        wanted = _cost(limit, size)
        if wanted > self._limits.cap_order:
            return f"it costs {wanted / _DOLLAR:.2f} $, above {self._limits.cap_order / _DOLLAR:.2f} an order"
        if self.at_risk + wanted > self._limits.cap_total:
            return (
                f"with it {(self.at_risk + wanted) / _DOLLAR:.2f} $ are at risk, "
                f"above {self._limits.cap_total / _DOLLAR:.2f} in all"
            )
        return ""


def _cost(price: int, size: int) -> int:
    return -(-price * size // _PIPS)
