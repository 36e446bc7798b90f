"""Settlement rules: what a slug says, and which rule holds on which date."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.polymarket.windows import slug
from models.settlement import Rule, Window, market_key, rule_for, window_of
from models.timestamps import SECOND, parse_iso

SPOT, CANDLE, TWAP_30, TWAP_60 = Rule("spot", 0), Rule("candle", 0), Rule("twap", 30), Rule("twap", 60)


def at(text: str) -> int:
    return parse_iso(text)


@given(
    asset=st.sampled_from(["btc", "eth", "sol", "xrp", "doge", "bnb", "hype", "zec"]),
    horizon=st.sampled_from([("5m", 300), ("15m", 900), ("4h", 14_400)]),
    start=st.integers(1_000_000_000, 9_000_000_000),
)
def test_rolling_slugs_name_asset_horizon_and_window(asset: str, horizon: tuple[str, int], start: int) -> None:
    name, seconds = horizon
    window = window_of(f"{asset}-updown-{name}-{start}")
    assert window == Window(asset.upper(), name, start * SECOND, (start + seconds) * SECOND)


@pytest.mark.parametrize(
    ("slug", "year", "asset", "start"),
    [
        ("bitcoin-up-or-down-october-2-2026-1am-et", None, "BTC", "2026-10-02T05:00:00Z"),
        ("bitcoin-up-or-down-february-28-5am-et", 2026, "BTC", "2026-02-28T10:00:00Z"),
        ("ethereum-up-or-down-july-21-12am-et", 2025, "ETH", "2025-07-21T04:00:00Z"),
        ("ethereum-up-or-down-july-21-12pm-et", 2025, "ETH", "2025-07-21T16:00:00Z"),
        ("solana-up-or-down-december-31-2026-11pm-et", None, "SOL", "2027-01-01T04:00:00Z"),
        # the slug's own year goes before the one given
        ("bitcoin-up-or-down-october-2-2026-1am-et", 2025, "BTC", "2026-10-02T05:00:00Z"),
        # clocks go forward at 2 am on 8 March 2026 and back at 2 am on 1 November 2026
        ("bitcoin-up-or-down-march-8-2026-1am-et", None, "BTC", "2026-03-08T06:00:00Z"),
        ("bitcoin-up-or-down-march-8-2026-3am-et", None, "BTC", "2026-03-08T07:00:00Z"),
        ("bitcoin-up-or-down-november-1-2026-12am-et", None, "BTC", "2026-11-01T04:00:00Z"),
        ("bitcoin-up-or-down-november-1-2026-1am-et", None, "BTC", "2026-11-01T05:00:00Z"),
        ("bitcoin-up-or-down-november-1-2026-2am-et", None, "BTC", "2026-11-01T07:00:00Z"),
    ],
)
def test_hourly_slugs_are_hours_of_new_york(slug: str, year: int | None, asset: str, start: str) -> None:
    assert window_of(slug, year) == Window(asset, "1h", at(start), at(start) + 3600 * SECOND)


@pytest.mark.parametrize(
    "slug",
    [
        "",
        "will-it-rain",
        "btc-updown-1m-1790994600",
        "btc-updown-5m-",
        "btc-updown-5m-123",
        "btc-updown-5m-99999999999",
        "btc-updown-5m-٣٣٣٣٣٣٣٣٣٣",
        "btc-updown-5m-1790994600-x",
        "bitcoin-up-or-down-smarch-2-2026-1am-et",
        "bitcoin-up-or-down-february-30-2026-1am-et",
        "bitcoin-up-or-down-october-2-2026-13am-et",
        "bitcoin-up-or-down-october-2-2026-0am-et",
        "bitcoin-up-or-down-december-31-9999-11pm-et",
        "bitcoin-up-or-down-october-2-0000-1am-et",
        "bitcoin-up-or-down-on-october-2-2026",
        "bitcoin-up-or-down-october-2-1am-et",  # a year is needed and none is given
    ],
)
def test_other_slugs_name_no_window(slug: str) -> None:
    assert window_of(slug) is None


@given(slug=st.text(max_size=60), year=st.none() | st.integers(-5, 20_000))
def test_no_slug_is_too_strange(slug: str, year: int | None) -> None:
    assert window_of(slug, year) is None or slug


@pytest.mark.parametrize(
    ("horizon", "start", "rule"),
    [
        ("5m", "2026-08-06T23:59:59Z", SPOT),
        ("15m", "2026-08-06T23:59:59Z", SPOT),
        ("4h", "2026-08-06T23:59:59Z", SPOT),
        ("5m", "2026-08-07T00:00:00Z", TWAP_30),
        ("15m", "2026-08-07T00:00:00Z", TWAP_60),
        ("4h", "2026-08-07T00:00:00Z", TWAP_60),
        ("5m", "2026-08-13T23:59:59Z", TWAP_30),
        ("5m", "2026-08-14T00:00:00Z", TWAP_60),
        ("15m", "2026-08-14T00:00:00Z", TWAP_60),
        ("5m", "2026-11-22T00:00:00Z", TWAP_60),
        ("1h", "2025-07-21T00:00:00Z", CANDLE),
        ("1h", "2026-11-22T00:00:00Z", CANDLE),
    ],
)
def test_the_rule_of_each_date(horizon: str, start: str, rule: Rule) -> None:
    assert rule_for(horizon, at(start)) == rule


def test_the_markets_own_statement_goes_before_the_date() -> None:
    early, late = at("2026-01-01T00:00:00Z"), at("2026-11-01T00:00:00Z")
    assert rule_for("5m", early, 60) == TWAP_60
    assert rule_for("5m", late, 30) == TWAP_30
    assert rule_for("5m", late, 0) == SPOT
    assert rule_for("1h", late, 60) == CANDLE


def test_an_unknown_horizon_has_no_rule() -> None:
    assert rule_for("1d", at("2026-11-01T00:00:00Z")) is None


def test_names_say_kind_and_length() -> None:
    assert [rule.name for rule in (SPOT, CANDLE, TWAP_30, TWAP_60)] == ["spot", "candle", "twap30", "twap60"]


def test_start_of_a_rolling_window_is_the_slugs_second() -> None:
    window = window_of("btc-updown-5m-1784850900")
    assert window is not None
    assert datetime.fromtimestamp(window.start_ns // SECOND, UTC).isoformat() == "2026-07-23T23:55:00+00:00"


@pytest.mark.parametrize(
    ("slug", "near", "start"),
    [
        ("bitcoin-up-or-down-december-31-11pm-et", "2026-01-01T04:59:59Z", "2026-01-01T04:00:00Z"),
        ("bitcoin-up-or-down-december-31-11pm-et", "2026-01-01T04:00:00Z", "2026-01-01T04:00:00Z"),
        ("bitcoin-up-or-down-january-1-12am-et", "2026-01-01T05:00:00Z", "2026-01-01T05:00:00Z"),
        ("bitcoin-up-or-down-january-1-12am-et", "2025-12-31T23:00:00Z", "2026-01-01T05:00:00Z"),
        ("ethereum-up-or-down-july-21-12pm-et", "2025-07-21T16:10:00Z", "2025-07-21T16:00:00Z"),
        # the hour that comes twice, with and without a year
        ("bitcoin-up-or-down-november-1-2026-1am-et", "2026-11-01T05:00:00Z", "2026-11-01T05:00:00Z"),
        ("bitcoin-up-or-down-november-1-2026-1am-et", "2026-11-01T05:59:59Z", "2026-11-01T05:00:00Z"),
        ("bitcoin-up-or-down-november-1-2026-1am-et", "2026-11-01T06:00:00Z", "2026-11-01T06:00:00Z"),
        ("bitcoin-up-or-down-november-1-1am-et", "2026-11-01T06:59:59Z", "2026-11-01T06:00:00Z"),
        ("bitcoin-up-or-down-november-1-2026-2am-et", "2026-11-01T07:30:00Z", "2026-11-01T07:00:00Z"),
        # a leap day is of its own year
        ("solana-up-or-down-february-29-5am-et", "2028-02-29T10:30:00Z", "2028-02-29T10:00:00Z"),
    ],
)
def test_a_moment_of_the_window_decides_where_the_slug_leaves_more_than_one(slug: str, near: str, start: str) -> None:
    window = window_of(slug, near_ns=at(near))
    assert window is not None
    assert (window.start_ns, window.end_ns) == (at(start), at(start) + 3600 * SECOND)


@given(hour=st.integers(0, 4 * 366 * 24), offset=st.integers(0, 3599), year=st.booleans())
def test_every_hour_is_found_again_by_its_own_slug_and_any_moment_in_it(hour: int, offset: int, year: bool) -> None:
    start = at("2025-01-01T00:00:00Z") // SECOND + hour * 3600
    name = slug("BTC", "1h", start)
    if not year:
        parts = name.split("-")
        name = "-".join(part for part in parts if not (len(part) == 4 and part.isdigit()))
    window = window_of(name, near_ns=(start + offset) * SECOND)
    assert window is not None and window.start_ns == start * SECOND


@given(text=st.text(max_size=60), near=st.integers(-(2**63), 2**63))
def test_no_moment_is_too_strange(text: str, near: int) -> None:
    window_of(text, near_ns=near)
    window_of("bitcoin-up-or-down-october-2-1am-et", near_ns=near)


def test_no_two_hours_have_one_key_and_each_key_names_its_hour() -> None:
    """New York has one hour twice a year, and the exchange's slug says one thing of both."""
    first = at("2025-10-30T00:00:00Z") // SECOND
    starts = [first + hour * 3600 for hour in range(24 * 370)]
    keys = {market_key(slug("ETH", "1h", start), start * SECOND): start for start in starts}
    assert len(keys) == len(starts)
    for key, start in keys.items():
        window = window_of(key)
        assert window is not None and window.start_ns == start * SECOND
    assert sum(len(key) > len(slug("ETH", "1h", start)) for key, start in keys.items()) == 2  # 2025 and 2026
    assert window_of("bitcoin-up-or-down-november-1-2026-1am-et-1793512801") is None


@pytest.mark.parametrize(
    "text", ["", "will-it-rain", "btc-updown-5m-1784850900", "bitcoin-up-or-down-february-30-2026-1am-et"]
)
def test_other_slugs_are_keys_as_they_stand(text: str) -> None:
    assert market_key(text, at("2026-11-01T06:00:00Z")) == text
