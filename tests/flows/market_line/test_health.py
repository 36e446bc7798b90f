"""The health of feeds and assets: the machine by itself, and as the line drives it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.market_line.health import RULES, STATUS, Health, HealthSignal, State
from models.contracts import Telemetry
from models.envelope import Envelope
from models.markers import Marker, Notice, Tick, encode_own
from models.message import Message, Stored
from models.reasons import Reason
from models.settings import Checks
from models.telemetry import Totals
from models.timestamps import SECOND
from models.topics import FEED_CLOCK, FEED_COINBASE, FEED_MARKETS, FEED_POLYMARKET, FEEDS, TELEMETRY
from tests.flows.market_line.feeds import COIN, DOWN, POLY, UP, Rig

CALM = 10 * SECOND
STEPS = st.lists(st.tuples(st.sampled_from([*HealthSignal, None]), st.integers(0, 4 * SECOND)), max_size=60)


def run(steps: list[tuple[HealthSignal | None, int]]) -> list[tuple[HealthSignal | None, State, int]]:
    """The states after each step; None is a tick of the clock."""
    health, t, states = Health(CALM), 1, []
    for signal, passed in steps:
        t += passed
        if signal is None:
            health.tick(t)
        else:
            health.take(signal, t, Reason.STALE_FEED)
        states.append((signal, health.state, t))
    return states


@given(steps=STEPS)
def test_only_what_the_table_allows_happens(steps: list[tuple[HealthSignal | None, int]]) -> None:
    state = State.CONNECTING
    for signal, after, _ in run(steps):
        expected = {state, RULES.get((state, signal or HealthSignal.CLEAR), state)} if signal is None else {
            RULES.get((state, signal), state)
        }  # fmt: skip
        assert after in expected
        state = after


@given(steps=STEPS)
def test_the_same_signals_make_the_same_states(steps: list[tuple[HealthSignal | None, int]]) -> None:
    assert run(steps) == run(steps)


@given(steps=STEPS)
def test_after_a_disconnect_nothing_but_sound_data_makes_it_usable(
    steps: list[tuple[HealthSignal | None, int]],
) -> None:
    usable = (State.HEALTHY, State.DEGRADED)
    closed = False
    before = State.CONNECTING
    for signal, state, _ in run(steps):
        if signal is HealthSignal.CLOSED:
            assert state is State.DOWN
            closed = True
        elif signal is HealthSignal.SOUND:
            closed = False
        if closed and state in usable:
            assert (before, signal) == (State.WARMING, HealthSignal.FAULT), "data that is faulty is data all the same"
            closed = False
        before = state


@given(steps=STEPS)
def test_degraded_lasts_until_there_was_no_fault_for_the_calm_time(
    steps: list[tuple[HealthSignal | None, int]],
) -> None:
    last, before = 0, State.CONNECTING
    for signal, state, t in run(steps):
        if signal is None and before is State.DEGRADED:
            assert (state is State.HEALTHY) == (t - last >= CALM)
        if signal is HealthSignal.FAULT:
            last = t
        before = state


def test_every_state_can_be_reached_left_and_has_a_status() -> None:
    assert set(STATUS) == set(State)
    assert set(RULES.values()) == set(State)
    assert {state for state, _ in RULES} == set(State)


def test_a_change_says_since_when_and_why() -> None:
    health = Health(CALM)
    health.take(HealthSignal.SOUND, 5)
    assert health.take(HealthSignal.SILENT, 7, Reason.STALE_FEED)
    assert not health.take(HealthSignal.SILENT, 9, Reason.FROZEN_FEED)
    assert (health.state, health.since, health.why, health.transitions) == (State.STALE, 7, Reason.STALE_FEED, 2)


# --- as the line drives it --------------------------------------------------------------------------------------------


class Watched(Rig):
    """A rig that keeps the rows of telemetry."""

    def __init__(self, checks: Checks | None = None) -> None:
        self.rows: list[Telemetry] = []
        self.totals = Totals()
        super().__init__(checks)

    def _message(self, message: Message) -> None:
        super()._message(message)
        if message.topic == TELEMETRY:
            self.rows.append(Telemetry.read(message.value))
            self.totals.take(self.rows[-1])

    def gauges(self, module: str) -> dict[str, Any]:
        return dict(self.totals.modules[module].gauges)

    def state(self, module: str) -> object:
        return self.gauges(module)["state"]

    def beat(self, seconds: float = 0.25) -> None:
        """Sound data on both feeds, and ticks."""
        for _ in range(round(seconds * 4)):
            self.pass_time(0.25)
            size = str(self.ticks % 50 + 5)
            self.poly(self.change((UP, "BUY", "0.49", size), (DOWN, "SELL", "0.51", size)))
            self.level2("update", [("bid", "60000", size)])
            self.tick()


MODULES = ("feed.polymarket", "feed.polymarket.BTC", "feed.coinbase", "feed.coinbase.BTC")


@pytest.fixture
def rig() -> Watched:
    rig = Watched()
    for topic in FEEDS:
        rig.own(topic, Marker("start", "run", "sim"))
    rig.tick()
    rig.own(FEED_POLYMARKET, Notice(POLY, "connected", ""))
    rig.own(FEED_COINBASE, Notice(COIN, "connected", ""))
    rig.pass_time(0.25)
    rig.tick()
    return rig


@pytest.fixture
def sound(rig: Watched) -> Watched:
    rig.open_market()
    rig.spot()
    rig.beat(1)
    return rig


def test_a_feed_warms_up_and_gets_healthy_with_sound_data(rig: Watched) -> None:
    assert [rig.state(feed) for feed in (FEED_POLYMARKET, FEED_COINBASE, FEED_MARKETS)] == [
        "warming",
        "warming",
        "connecting",
    ]
    assert rig.state("feed.clock") == "healthy"
    rig.open_market()
    rig.spot()
    rig.tick()
    assert {rig.state(module) for module in (*MODULES, FEED_MARKETS)} == {"healthy"}
    rig.beat(20)
    assert {rig.state(module) for module in MODULES} == {"healthy"}
    assert {rig.gauges(module)["transitions"] for module in MODULES[::2]} == {2}


def test_a_feed_whose_last_connection_ended_is_down_until_sound_data_returns(sound: Watched) -> None:
    sound.own(FEED_POLYMARKET, Notice(POLY, "disconnected", "closed", 9))
    since = sound.now
    sound.tick()
    assert [sound.state(module) for module in MODULES] == ["down", "down", "healthy", "healthy"]
    gauges = sound.gauges(FEED_POLYMARKET)
    assert (gauges["since"], gauges["why"]) == (since, Reason.DISCONNECTED)
    sound.pass_time(1)
    sound.own(FEED_POLYMARKET, Notice("poly-2", "connecting", ""))
    sound.own(FEED_POLYMARKET, Notice("poly-2", "connected", ""))
    sound.tick()
    assert (sound.state(FEED_POLYMARKET), sound.state("feed.polymarket.BTC")) == ("warming", "down")
    sound.both(conn="poly-2")
    sound.tick()
    assert (sound.state(FEED_POLYMARKET), sound.state("feed.polymarket.BTC")) == ("healthy", "healthy")


def test_one_of_two_connections_less_degrades_a_feed(sound: Watched) -> None:
    sound.own(FEED_POLYMARKET, Notice("poly-2", "connected", ""))
    sound.own(FEED_POLYMARKET, Notice("poly-2", "disconnected", "closed"))
    sound.tick()
    assert (sound.state(FEED_POLYMARKET), sound.state("feed.polymarket.BTC")) == ("degraded", "healthy")


def test_a_fault_degrades_until_it_is_calm_again(sound: Watched) -> None:
    sound.coin("heartbeats", [{}], number=sound.sequences[COIN] + 3)
    sound.tick()
    assert (sound.state(FEED_COINBASE), sound.state("feed.coinbase.BTC")) == ("degraded", "degraded")
    assert sound.gauges("feed.coinbase.BTC")["why"] == Reason.SEQUENCE_GAP
    sound.spot()
    sound.beat(9)
    assert sound.state(FEED_COINBASE) == "degraded"
    sound.beat(2)
    assert (sound.state(FEED_COINBASE), sound.state("feed.coinbase.BTC")) == ("healthy", "healthy")


def test_silence_makes_stale(sound: Watched) -> None:
    for _ in range(45):
        sound.pass_time(0.25)
        sound.record(FEED_POLYMARKET, b"PONG", POLY)
        sound.tick()
    assert [sound.state(module) for module in MODULES] == ["stale"] * 4
    reasons = [sound.gauges(module)["why"] for module in MODULES]
    assert reasons == [Reason.STALE_FEED, Reason.STALE_BOOK, Reason.STALE_FEED, Reason.STALE_SPOT]
    sound.beat(1)
    assert [sound.state(module) for module in MODULES] == ["healthy"] * 4


def test_a_frozen_feed_is_stale_at_once(sound: Watched) -> None:
    sound.own(FEED_COINBASE, Notice(COIN, "frozen", "no prices, only heartbeats"))
    sound.tick()
    assert (sound.state(FEED_COINBASE), sound.gauges(FEED_COINBASE)["why"]) == ("stale", Reason.FROZEN_FEED)


def test_the_end_of_a_run_is_the_end_of_its_feeds_and_a_new_run_begins_anew(sound: Watched) -> None:
    for topic in FEEDS:
        sound.own(topic, Marker("end", "run", "sim"))
    assert {sound.state(module) for module in (*MODULES, *FEEDS)} == {"down"}
    sound.own(FEED_POLYMARKET, Marker("start", "next", "sim"))
    sound.pass_time(0.25)
    sound.tick()
    assert sound.state(FEED_COINBASE) == "connecting"


def test_lag_percentiles_are_of_the_window_that_ended(sound: Watched) -> None:
    sound.beat(25)
    for module in MODULES:
        gauges = sound.gauges(module)
        assert gauges["lag_frames"] == 40
        for name in ("lag_p50_ms", "lag_p90_ms", "lag_p99_ms"):
            true = 20 if "polymarket" in module else 10
            assert true <= gauges[name] < true * 17 / 16


def test_records_are_numbered_and_each_second_says_that_every_feed_is_alive(sound: Watched) -> None:
    sound.rows.clear()
    sound.beat(30)
    assert all(FEED_COINBASE in row.named() for row in sound.rows)
    seconds = {row.timestamp // SECOND for row in sound.rows}
    assert len(seconds) >= 29 and len(seconds) == max(seconds) - min(seconds) + 1
    numbers = [int(row.id.removeprefix("market-")) for row in sound.rows]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_line_restored_from_its_snapshot_goes_on_alike(sound: Watched) -> None:
    restored = pickle.loads(pickle.dumps(sound.line))
    for number, frame in enumerate((b"PONG", b"junk", b"[]")):
        envelope = Envelope(sound.now + 11 * SECOND, "run", number, "poly-9", number).encode()
        record = Stored(FEED_POLYMARKET, 0, number, "poly-9", frame, sound.now, envelope=envelope)
        assert sound.line.advance(record) == restored.advance(record)
    tick = Stored(FEED_CLOCK, 0, 9, "", encode_own(Tick(9, 0, {})), sound.now, envelope=envelope)
    assert sound.line.advance(tick) == restored.advance(tick)
