"""Values of foreign recordings: one time in every spelling, prices without what floats add, ids with all digits."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.imports.frames import price_text
from connectors.imports.names import by_question, by_slug
from connectors.imports.summary import RefusedRow
from connectors.imports.values import asset_of, horizon_of, identity, moment, number, outcome_of, tidy, utc_ns
from connectors.polymarket.windows import slug

NANOS = st.integers(
    int(datetime(2019, 1, 2, tzinfo=UTC).timestamp()), int(datetime(2099, 12, 30, tzinfo=UTC).timestamp())
)
NEW_YORK = ZoneInfo("America/New_York")


@given(NANOS, st.integers(0, 999_999_999))
def test_a_time_is_the_same_in_every_spelling(seconds: int, nanos: int) -> None:
    t = seconds * 10**9 + nanos
    whole = datetime.fromtimestamp(seconds, UTC)
    iso = f"{whole:%Y-%m-%dT%H:%M:%S}.{nanos:09d}"
    offset = f"{datetime.fromtimestamp(seconds + 19_800, UTC):%Y-%m-%d %H:%M:%S}.{nanos:09d}+05:30"
    spellings = (t, str(t), iso + "Z", iso.replace("T", " "), offset, f"{seconds}.{nanos:09d}")
    assert {moment(each) for each in spellings} == {t}
    assert moment(t // 1000) == t // 1000 * 1000
    assert moment(str(t // 10**6)) == t // 10**6 * 10**6


@given(NANOS)
def test_local_time_is_what_the_zone_says_or_refused_where_it_says_two_things(seconds: int) -> None:
    local = datetime.fromtimestamp(seconds, NEW_YORK)
    text = f"{local:%Y-%m-%d %H:%M:%S}"
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    if twice:
        with pytest.raises(RefusedRow, match="ambiguous"):
            moment(text, "iso", NEW_YORK)
    else:
        assert moment(text, "iso", NEW_YORK) == seconds * 10**9


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_what_floats_add_to_a_price_is_taken_off(one: int, other: int) -> None:
    for value in (
        (one / 10_000 + other / 10_000) - other / 10_000,
        struct.unpack("f", struct.pack("f", one / 10_000))[0],
    ):
        assert Decimal(price_text(number(value))) == Decimal(one) / 10_000


@given(st.integers(-(10**9), 10**9), st.integers(-6, 0))
def test_tidy_leaves_short_numbers_alone(digits: int, exponent: int) -> None:
    value = Decimal(digits).scaleb(exponent)
    assert tidy(value) == value


@pytest.mark.parametrize(
    ("given_", "expected"),
    [("0.30000000000000004", "0.3"), ("1.9300000000000002", "1.93"), ("63304.20030119507", "63304.20030119507")],
)
def test_tidy_takes_off_only_what_a_float_adds(given_: str, expected: str) -> None:
    assert tidy(Decimal(given_)) == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "decimal", "value"),
    [
        ("0,57", ",", "0.57"),
        ("90.911,18", ",", "90911.18"),
        ("90,911.18", ".", "90911.18"),
        ("$1", ".", "1"),
        ("1e-3", ".", "0.001"),
    ],
)
def test_numbers_as_people_write_them(text: str, decimal: str, value: str) -> None:
    assert number(text, decimal) == Decimal(value)


@pytest.mark.parametrize("text", ["", "nan", "inf", "1_000", "0x10", "1,2,3", "twelve", True])
def test_no_number_is_taken_for_one(text: object) -> None:
    with pytest.raises(RefusedRow, match="not_a_number"):
        number(text)


@given(st.integers(0, 2**256))
def test_ids_keep_their_digits(value: int) -> None:
    assert identity(value) == identity(str(value)) == identity(f"{value}.0") == str(value)


def test_an_id_whose_digits_a_float_lost_is_refused() -> None:
    assert identity(1031769.0) == "1031769"
    with pytest.raises(RefusedRow, match="not_an_id"):
        identity(8.7228e76)


@pytest.mark.parametrize("text", ["BTC", "btc", "bitcoin", "BTCUSDT", "BTC-USD", "btc/usd", "BTC_USDC"])
def test_assets_by_any_name(text: str) -> None:
    assert asset_of(text) == "BTC"


@pytest.mark.parametrize(
    ("word", "horizon"), [("15m", "15m"), ("15 min", "15m"), (900, "15m"), (5.0, "5m"), ("hourly", "1h"), ("4h", "4h")]
)
def test_horizons_by_any_name(word: object, horizon: str) -> None:
    assert horizon_of(word) == horizon


def test_outcomes_by_the_words_of_the_exchange_or_the_recordings_own() -> None:
    assert [outcome_of(word) for word in ("Up", "YES", "down", "No", "maybe", None)] == [
        "up",
        "up",
        "down",
        "down",
        None,
        None,
    ]
    assert outcome_of(0, frozenset({"0"}), frozenset({"1"})) == "up"


@pytest.mark.parametrize(
    ("name", "at", "start"),
    [
        ("Bitcoin Up or Down - January 1, 12AM ET", "2026-01-01 04:30:00", "2026-01-01 05:00:00"),  # not yet there
        ("Bitcoin Up or Down - December 31, 11PM ET", "2026-01-01 04:30:00", "2026-01-01 04:00:00"),
        ("Bitcoin Up or Down - November 2, 1AM ET", "2025-11-02 05:20:00", "2025-11-02 05:00:00"),
        ("Bitcoin Up or Down - November 2, 1AM ET", "2025-11-02 06:20:00", "2025-11-02 06:00:00"),  # the second 1 AM
        ("Ethereum Up or Down - April 1, 3:15AM-3:30AM ET", "2026-04-01 07:22:00", "2026-04-01 07:15:00"),
        ("Solana Up or Down - April 1, 11:45PM-12:00AM ET", "2026-04-02 03:50:00", "2026-04-02 03:45:00"),
    ],
)
def test_a_question_names_the_window_nearest_to_its_row(name: str, at: str, start: str) -> None:
    assert by_question(name, utc_ns(at)).start_ns == utc_ns(start)


@given(NANOS)
def test_an_hourly_slug_read_within_its_window_is_that_window(seconds: int) -> None:
    start = seconds // 3600 * 3600
    text = f"https://polymarket.com/event/{slug('XRP', '1h', start)}?tid=1"
    assert by_slug(text, seconds * 10**9).start_ns == start * 10**9


@pytest.mark.parametrize("text", ["btc-updown-15m-17", "will-it-rain", "bitcoin-up-or-down-smarch-1-2026-1am-et", ""])
def test_other_slugs_are_refused(text: str) -> None:
    with pytest.raises(RefusedRow):
        by_slug(text, utc_ns("2026-01-01 00:00:00"))
