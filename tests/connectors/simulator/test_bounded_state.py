"""The simulated exchange does not grow with the connections and markets that it has had."""

from __future__ import annotations

from pathlib import Path

from connectors.simulator.exchange import Exchange, ExchangeParameters
from connectors.simulator.faults.truth import MOST_SESSIONS, Session, Truth
from connectors.simulator.resolution import Fate
from connectors.simulator.tally import ExchangeTally, read_tally

START = 1_795_334_400
SPARSE = ExchangeParameters(horizons=("5m",), frames_per_s=0.0, steps_per_s=1)


def test_sessions_that_are_over_are_counted_and_forgotten() -> None:
    truth = Truth(Exchange(SPARSE, START))
    lasting = truth.session("coinbase", 0)
    for number in range(3 * MOST_SESSIONS):
        session = truth.session("polymarket", number)
        session.sent = 2
        session.closed_ns = number
    assert len(truth.sessions) == MOST_SESSIONS
    assert truth.sessions[0] is lasting, "one that stands is never forgotten"
    assert truth.sessions[-1].id == f"polymarket-{3 * MOST_SESSIONS - 1}"
    reported = truth.summary()
    assert (reported["connections"], reported["open"]) == (3 * MOST_SESSIONS + 1, 1)
    assert reported["frames"] == {"polymarket": 6 * MOST_SESSIONS, "coinbase": 0}
    assert truth.sent() == 6 * MOST_SESSIONS


def test_an_oracle_has_every_session() -> None:
    truth = Truth(Exchange(SPARSE, START), most=None)
    for number in range(MOST_SESSIONS + 10):
        truth.session("polymarket", number).closed_ns = number
    assert len(truth.sessions) == MOST_SESSIONS + 10


def test_the_tally_of_a_session_that_is_over_stands_in_the_file_alone(tmp_path: Path) -> None:
    tally = ExchangeTally(tmp_path / "truth", "one")
    for number in range(50):
        session = Session(f"coinbase-{number}", "coinbase", 0)
        tally.count(session, b"frame")
        tally.closed(session)
    assert not tally._at
    assert not tally._reported
    assert [each.frames for each in read_tally(tmp_path / "truth")] == [1] * 50
    tally.close()


def test_a_market_resolves_rightly_when_its_prices_are_long_forgotten() -> None:
    core = Exchange(SPARSE, START)
    market = next(each for each in core.markets.values() if each.window.start == START)
    market.resolution.fate = Fate(late_s=3 * 3_600)
    late = market.closes_ns // 10**9
    for _ in core.run(late):
        pass
    expected = market.fair.final() >= (market.fair.strike or 0.0)
    for _ in core.run(late + 3 * 3_600 + 60):
        pass
    assert core.latents["BTC"].samples.first > market.window.end, "or it would prove nothing"
    assert market.up_won is expected
