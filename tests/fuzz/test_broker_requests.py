"""A small number of damaged requests to the embedded broker; `.ci/run` sends many more."""

from __future__ import annotations

from tests.fuzz.broker_requests import fuzz


def test_no_request_ends_the_broker_or_hangs() -> None:
    became = fuzz(2_000, seed=1)["became"]
    assert became["answered"] > 100 and became["closed"] > 100
