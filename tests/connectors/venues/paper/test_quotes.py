"""Maker fills judged from outside: quotes that know nothing earn nothing. ``profit bench maker`` does it at length."""

from __future__ import annotations

import pytest

from connectors.venues.paper.venue import PaperVenue
from models.journal import Trade
from models.money import SHARE
from tests.connectors.venues.paper.quoter import PARAMETERS, PLACES, Quoter, Run, simulate

TICK = 0.01


@pytest.fixture(scope="module", params=[0, 1])
def run(request: pytest.FixtureRequest) -> Run:
    return simulate(request.param)


@pytest.mark.takes(10)
@pytest.mark.parametrize("place", PLACES)
def test_quotes_earn_no_more_than_the_spread_minus_adverse_selection(place: str, run: Run) -> None:
    outcome = Quoter(run, PaperVenue(PARAMETERS), place).play()  # type: ignore[arg-type]
    assert outcome.fills > 50
    assert outcome.earned < 0 < outcome.spread
    # The exchange never asks less than the fair value: who is met by its display has paid too much.
    assert outcome.by["book_cross"] <= 0
    # Its best bid is at most a tick below the fair value: more than that no queue can earn.
    traded = 0
    for event in run.events:
        if isinstance(event, Trade) and event.key == run.key:
            traded += event.size
    assert outcome.volume.get("queue", 0.0) <= traded / SHARE
    assert outcome.by.get("queue", 0.0) <= TICK * outcome.volume.get("queue", 0.0)
