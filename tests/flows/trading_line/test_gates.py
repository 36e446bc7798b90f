"""Each entry gate by itself: the strategies refuse much of this before, and the gates must not rely on them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from flows.trading_line import gates
from models.reasons import Reason, Verdict
from models.settings import Portfolio, Settings
from models.strategies import parity, updown_fair_value
from models.strategies.needs import Limits, limits
from models.timestamps import SECOND
from tests.models.strategies.views import END, NOW, book, market, spot, token

SETTINGS = Settings()
FAIR, PARITY = limits(updown_fair_value.NEEDS, SETTINGS), limits(parity.NEEDS, SETTINGS)
SOUND = gates.Situation(
    t=NOW,
    market=market(),
    book=book(token("up", 4900, 5000), token("down", 5000, 5100)),
    token=token("up", 4900, 5000),
    spot=spot(),
    spot_stale=False,
    stale_tokens=(),
    last_order=0,
    pending=False,
    other_side_held=False,
    stopped_out=False,
    anomaly=False,
)
LATE_SPOT = msgspec.structs.replace(spot(), t=END - 10 * SECOND)


def check(needs: Limits = FAIR, settings: Settings = SETTINGS, **changes: Any) -> list[tuple[str, str, str]]:
    steps = gates.check(msgspec.structs.replace(SOUND, **changes), settings, needs)
    return [(step.module, step.verdict, step.reason) for step in steps]


def test_a_sound_situation_passes_every_gate_in_order() -> None:
    assert check() == [(module, Verdict.PASS, Reason.OK) for module in gates.GATE_MODULES]


@pytest.mark.parametrize(
    ("changes", "module", "reason"),
    [
        ({"anomaly": True}, "gate.ledger", Reason.ANOMALY),
        ({"token": None}, "gate.quality", Reason.BOOK_MISSING),
        ({"token": token("up", 4900, 5000, ok=False)}, "gate.quality", Reason.BOOK_INVALID),
        (
            {"book": msgspec.structs.replace(SOUND.book, checks=(Reason.PARITY_BROKEN,))},
            "gate.parity",
            Reason.PARITY_BROKEN,
        ),
        ({"token": token("up", 4900, 5000, t=NOW - 5 * SECOND - 1)}, "gate.freshness", Reason.STALE_BOOK),
        ({"stale_tokens": ("down", "up")}, "gate.freshness", Reason.STALE_BOOK),
        ({"spot_stale": True}, "gate.freshness", Reason.STALE_SPOT),
        ({"spot": None}, "gate.freshness", Reason.STALE_SPOT),
        ({"spot": msgspec.structs.replace(spot(), t=NOW - 5 * SECOND - 1)}, "gate.freshness", Reason.STALE_SPOT),
        ({"token": token("up", 4400, 5000)}, "gate.spread", Reason.SPREAD_TOO_WIDE),
        (
            {"t": END - 9 * SECOND, "token": token("up", 4900, 5000, t=END), "spot": LATE_SPOT},
            "gate.expiry",
            Reason.TOO_CLOSE_TO_EXPIRY,
        ),
        ({"pending": True}, "gate.cooldown", Reason.ORDER_PENDING),
        ({"stopped_out": True}, "gate.cooldown", Reason.STOPPED_OUT),
        ({"other_side_held": True}, "gate.cooldown", Reason.POSITION_OPEN),
        ({"last_order": NOW - 5 * SECOND + 1}, "gate.cooldown", Reason.COOLDOWN),
    ],
)  # fmt: skip
def test_each_gate_blocks_and_ends_the_way(changes: dict[str, Any], module: str, reason: Reason) -> None:
    *before, last = check(**changes)
    assert last == (module, Verdict.BLOCK, reason)
    assert [name for name, _, _ in (*before, last)] == list(gates.GATE_MODULES[: len(before) + 1])
    assert {verdict for _, verdict, _ in before} <= {Verdict.PASS}


@pytest.mark.parametrize(
    "changes",
    [
        {"token": token("up", 4900, 5000, t=NOW - 5 * SECOND)},
        {"token": token("up", 4500, 5000)},
        {"t": END - 10 * SECOND, "token": token("up", 4900, 5000, t=END - 10 * SECOND), "spot": LATE_SPOT},
        {"last_order": NOW - 5 * SECOND},
        {"stale_tokens": ("other",)},
    ],
)
def test_at_its_bound_each_gate_still_passes(changes: dict[str, Any]) -> None:
    assert check(**changes)[-1] == ("gate.cooldown", Verdict.PASS, Reason.OK)


def test_a_strategy_without_spot_does_not_mind_spot_or_parity() -> None:
    torn = msgspec.structs.replace(SOUND.book, checks=(Reason.PARITY_BROKEN,))
    assert check(PARITY, spot=None, spot_stale=True, book=torn)[-1][1] == Verdict.PASS


def test_a_return_after_a_stop_may_be_allowed() -> None:
    allowed = Settings(portfolio=Portfolio(reentry_after_stop=True))
    assert check(settings=allowed, stopped_out=True)[-1] == ("gate.cooldown", Verdict.PASS, Reason.OK)
