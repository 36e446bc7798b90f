"""The live venue's own interlock: what arms it, and everything that does not."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.venues.polymarket import interlock as module
from connectors.venues.polymarket.interlock import Interlock, InterlockLimits
from models.control import (
    Arm,
    Command,
    Confirm,
    Disarm,
    Flatten,
    Instruction,
    Kill,
    Pause,
    Release,
    Resume,
    SetGate,
    encode,
    public_key,
    sign,
)

TOKEN, OTHER = "31" * 32, "32" * 32
S = 1_000_000_000
BEGUN = 1_796_000_000 * S
LIMITS = InterlockLimits.of(cap_order=10, cap_total=25, armed_s=600, confirm_s=60, heartbeat_s=3)


class Said:
    """An interlock, and what it is told, at seconds after it began."""

    def __init__(self, folder: Path) -> None:
        self.lock = Interlock(public_key(TOKEN), "evening", folder, LIMITS, BEGUN)

    def say(
        self, do: Instruction, at: float, token: str = TOKEN, run: str = "evening", now: float | None = None
    ) -> Said:
        t = BEGUN + round(at * S)
        raw = encode(sign(Command(f"c{at}", run, t, "me", do), token))
        self.lock.control(raw, BEGUN + round((at if now is None else now) * S))
        return self

    def beat(self, at: float, source: str = "trading") -> Said:
        self.lock.telemetry(json.dumps({"source": source, "timestamp": BEGUN + round(at * S)}).encode())
        return self

    def armed(self, at: float) -> bool:
        self.beat(at)
        return self.refusal(at) == ""

    def refusal(self, at: float, buys: bool = True, limit: int = 5_000, size: int = 10_000_000) -> str:
        return self.lock.refusal("up", buys, limit, size, BEGUN + round(at * S))


@pytest.fixture
def said(tmp_path: Path) -> Said:
    return Said(tmp_path)


def test_arm_and_confirm_arm_it(said: Said) -> None:
    assert not said.armed(0)
    assert not said.say(Arm(), 1).armed(2)
    assert said.say(Confirm("amber"), 3).armed(4)


def test_it_disarms_by_itself(said: Said) -> None:
    said.say(Arm(), 1).say(Confirm("amber"), 3)
    assert said.armed(602)
    assert not said.armed(603)


@pytest.mark.parametrize(
    "ending",
    [Disarm(), Kill(), SetGate("LIVE_DRY_RUN"), SetGate("LIVE_ARMED"), Arm()],
    ids=["disarm", "kill", "gate down", "gate again", "asked anew"],
)
def test_what_ends_it(said: Said, ending: Instruction) -> None:
    said.say(Arm(), 1).say(Confirm("amber"), 3).say(ending, 4)
    assert not said.armed(5)


@pytest.mark.parametrize("other", [Pause(), Resume(), Flatten()], ids=["pause", "resume", "flatten"])
def test_what_leaves_it_armed_for_exits(said: Said, other: Instruction) -> None:
    assert said.say(Arm(), 1).say(Confirm("amber"), 3).say(other, 4).armed(5)


def test_who_is_not_the_operator_arms_nothing(said: Said) -> None:
    said.say(Arm(), 1, token=OTHER).say(Confirm("amber"), 3, token=OTHER)
    assert not said.armed(4)
    said.say(Arm(), 5).say(Confirm("amber"), 6, token=OTHER)
    assert not said.armed(7)


def test_nor_ends_it(said: Said) -> None:
    said.say(Arm(), 1).say(Confirm("amber"), 3).say(Disarm(), 4, token=OTHER).say(Kill(), 5, token=OTHER)
    assert said.armed(6)


@pytest.mark.parametrize(
    "arm, confirm, now",
    [(-10, 5, 5), (1, 62, 62), (1, 9, 6)],
    ids=["asked before it began", "confirmed too late", "of the future"],
)
def test_times_that_do_not_count(said: Said, arm: float, confirm: float, now: float) -> None:
    said.say(Arm(), arm).say(Confirm("amber"), confirm, now=now)
    assert not said.armed(now + 1)


def test_another_runs_commands_do_not_count_and_its_kill_does(said: Said) -> None:
    said.say(Arm(), 1, run="morning").say(Confirm("amber"), 2, run="morning")
    assert not said.armed(3)
    said.say(Arm(), 4).say(Confirm("amber"), 5).say(Kill(), 6, run="morning")
    assert not said.armed(7)


def test_a_confirm_alone_twice_or_empty_arms_nothing(said: Said) -> None:
    assert not said.say(Confirm("amber"), 1).armed(2)
    assert not said.say(Arm(), 3).say(Confirm(""), 4).armed(5)
    said.say(Arm(), 6).say(Confirm("amber"), 7).say(Disarm(), 8).say(Confirm("amber"), 9)
    assert not said.armed(10)


def test_a_command_that_is_played_again_is_nothing(said: Said) -> None:
    said.say(Arm(), 1).say(Confirm("amber"), 2).say(Disarm(), 3).say(Arm(), 1).say(Confirm("amber"), 2)
    assert not said.armed(4)


def test_a_kill_stands_until_its_release_and_arming_anew(said: Said) -> None:
    said.say(Kill(), -100)
    said.say(Arm(), 1).say(Confirm("amber"), 2)
    assert "killed" in said.beat(3).refusal(3)
    said.say(Release("kill"), 4)
    assert not said.armed(5)
    assert said.say(Arm(), 6).say(Confirm("amber"), 7).armed(8)


def test_a_kill_file_stands_whatever_is_in_it(said: Said, tmp_path: Path) -> None:
    said.say(Arm(), 1).say(Confirm("amber"), 2)
    for make in (lambda path: path.touch(), lambda path: path.mkdir(), lambda path: path.symlink_to("nowhere")):
        path = tmp_path / "operator.kill"
        make(path)
        assert said.beat(3).refusal(3) == "a kill stands"
        path.rmdir() if path.is_dir() else path.unlink()
    assert said.armed(3)


def test_without_a_fresh_sign_of_the_trading_flow_nothing_goes(said: Said) -> None:
    said.say(Arm(), 1).say(Confirm("amber"), 2)
    assert "no sign" in said.refusal(3)
    assert "no sign" in said.beat(3, "flow-trading").beat(3, "supervisor").refusal(3)
    assert said.beat(3).refusal(6) == ""
    assert "3.1 s old" in said.refusal(6.1)
    assert said.beat(5).beat(2).refusal(8) == "", "an older one takes nothing back"
    assert said.beat(100).refusal(9), "one of the future is no sign"


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"command": "x", "signature": "zz"}', b'{"command": 5}'])
def test_what_is_no_command_is_nothing(said: Said, raw: bytes) -> None:
    said.lock.control(raw, BEGUN)
    said.lock.telemetry(raw)
    assert not said.armed(1)


def test_nobody_is_the_operator_without_a_key(tmp_path: Path) -> None:
    lock = Interlock("", "evening", tmp_path, LIMITS, BEGUN)
    assert "no public key" in lock.refusal("up", True, 5_000, 1_000_000, BEGUN)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.booleans(), st.integers(1, 9_999), st.integers(1, 30), st.sampled_from([0, 1, 2])
        ),
        max_size=40,
    )
)
def test_what_it_allows_never_puts_more_at_risk_than_the_cap(
    tmp_path_factory: pytest.TempPathFactory, asked: list
) -> None:  # type: ignore[type-arg]
    """Against a bookkeeper of its own: all fills at the limit, all of an order or half of it, or none."""
    said = Said(tmp_path_factory.mktemp("lock"))
    said.say(Arm(), 1).say(Confirm("amber"), 2).beat(3)
    held: dict[str, int] = {}
    for number, (token, buys, limit, shares, fate) in enumerate(asked):
        size = shares * 1_000_000
        if said.lock.refusal(token, buys, limit, size, BEGUN + 3 * S):
            continue
        name = f"o{number}"
        said.lock.opened(name, token, "c", buys, limit, size)
        assert said.lock.at_risk <= 25_000_000
        if buys:
            assert limit * size <= 10_000_000 * 10_000
        else:
            assert held.get(token, 0) >= size
        filled = (0, size // 2, size)[fate]
        if filled:
            said.lock.filled(name, limit, filled)
            held[token] = held.get(token, 0) + (filled if buys else -filled)
        if fate != 1:
            said.lock.closed(name)
        assert said.lock.at_risk <= 25_000_000


def test_it_shares_no_code_with_the_desk() -> None:
    """Neither with the release gate nor with anything that the desk imports of ours."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    ours = {name for name in imported if name.split(".")[0] in ("models", "connectors", "flows", "api")}
    assert ours == set()
