"""Times of the wire against the standard library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.timestamps import MILLISECOND, SECOND, parse_epoch_ms, parse_iso

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2261, 12, 31), timezones=st.just(UTC))


def nanoseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1) * 1000


@given(moment=MOMENTS, ending=st.sampled_from(["Z", "+00:00", "+00"]), blank=st.booleans())
def test_agrees_with_the_standard_library(moment: datetime, ending: str, blank: bool) -> None:
    text = moment.strftime("%Y-%m-%d" + (" " if blank else "T") + "%H:%M:%S.%f") + ending
    assert parse_iso(text) == nanoseconds(moment)


@given(moment=MOMENTS, digits=st.integers(1, 12), nanos=st.integers(0, 999_999_999))
def test_any_number_of_fraction_digits(moment: datetime, digits: int, nanos: int) -> None:
    whole = moment.replace(microsecond=0)
    fraction = f"{nanos:09d}000"[:digits]
    expected = nanoseconds(whole) + int((fraction + "0" * 9)[:9])
    assert parse_iso(whole.strftime("%Y-%m-%dT%H:%M:%S.") + fraction + "Z") == expected


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("2026-09-26T04:14:54.777523902Z", 777_523_902),
        ("2026-09-26T04:14:54.38409935Z", 384_099_350),
        ("2026-09-26T04:14:54Z", 0),
        ("2026-09-26 04:14:54+00", 0),
        ("2026-09-26T04:14:54.5", 500_000_000),
    ],
)
def test_forms_seen_on_the_wire(text: str, nanos: int) -> None:
    assert parse_iso(text) == nanoseconds(datetime(2026, 9, 26, 4, 14, 54, tzinfo=UTC)) + nanos


def test_a_date_alone_is_its_midnight() -> None:
    assert parse_iso("2026-02-28") == nanoseconds(datetime(2026, 2, 28, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-00-10T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z",
        "2026-01-01X00:00:00Z",
        "2026-01-01T00:00Z",
        "2026-01-01T",
        "2026-01-01T00:00:00.12x4Z",
        "2026-01-01T00:00:00+02:00",
        "20260101T000000Z",
        "9999-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
    ],
)
def test_what_is_no_utc_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_iso(text)


@given(ms=st.integers(0, 9_999_999_999_999))
def test_milliseconds_since_the_epoch(ms: int) -> None:
    assert parse_epoch_ms(str(ms)) == ms * MILLISECOND


@pytest.mark.parametrize("text", ["", "-1", " 1", "1 ", "1_0", "1.5", "abc", "1" * 14, "٣"])
def test_what_is_no_count_of_milliseconds_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time in milliseconds"):
        parse_epoch_ms(text)


def test_units() -> None:
    assert SECOND == 1000 * MILLISECOND
