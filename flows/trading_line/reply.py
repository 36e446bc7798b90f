"""What the desk answers to an operator's command."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

import msgspec

from models.control import Command
from models.reasons import Reason, Verdict
from models.trace import Step

_NEAR: Final = 3
_LISTED: Final = 20


class Reply(msgspec.Struct, frozen=True):
    """What becomes of a command. ``step`` is the span of who answers; ``cancel``: the markets whose working orders are
    to be cancelled (None: all of them)."""

    command: str
    by: str
    what: str
    step: Step
    text: str
    cancel: frozenset[str] | None = frozenset()
    entries_only: bool = False


def kind_of(command: Command) -> str:
    """The name of what a command asks for."""
    tag = type(command.do).__struct_config__.tag
    assert isinstance(tag, str)
    return tag


def done(
    module: str,
    command: Command,
    text: str,
    cancel: frozenset[str] | None = frozenset(),
    entries_only: bool = False,
    release_anomaly: bool = False,
) -> Reply:
    """It was done, as ``text`` says in one sentence."""
    what = kind_of(command)
    step = Step(module, Verdict.PASS, Reason.OK, {"command": command.id, "what": what})
    return Reply(command.id, command.by, what, step, text, cancel, entries_only)


def refused(module: str, command: Command, reason: Reason, text: str) -> Reply:
    """Nothing was done, and why."""
    step = Step(module, Verdict.BLOCK, reason, {"command": command.id})
    return Reply(command.id, command.by, kind_of(command), step, text)


def unknown(module: str, command: Command, kind: str, name: str, there: Iterable[str]) -> Reply:
    """Nothing was done: the command speaks of a ``kind`` of thing by a name that none has. The answer lists those that
    are ``there``, or those of them that are near."""
    names = sorted(there)
    folded = {each.casefold(): each for each in names}
    near = [folded[each] for each in get_close_matches(name.casefold(), folded, _NEAR)]
    known = names[:_LISTED] + (["…"] if len(names) > _LISTED else [])
    hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known) or 'none'}."
    return refused(module, command, Reason.UNKNOWN_NAME, f"there is no {kind} {name!r}: nothing was done. {hint}")


def nobodys(command: Command) -> Reply:
    """No module knows what the command speaks of."""
    text = f"nothing here can do it: {kind_of(command)} speaks of what there is not."
    return refused("gate.operator", command, Reason.UNKNOWN_NAME, text)
