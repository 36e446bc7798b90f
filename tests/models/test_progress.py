"""The pipeline's lag: the worst of the last second, growing while nothing is reported."""

from hypothesis import given
from hypothesis import strategies as st

from models.progress import UNKNOWN, PipelineLag, Progress, decode_progress, encode_progress
from models.timestamps import SECOND

MS = 1_000_000


def test_before_the_first_report_the_lag_is_not_known() -> None:
    assert PipelineLag().ms(5 * SECOND) == UNKNOWN


def test_a_report_survives_its_bytes() -> None:
    report = Progress("trading", 1_795_000_000_000_000_000)
    assert decode_progress(encode_progress(report)) == report


def test_the_worst_of_the_last_second_counts() -> None:
    lag = PipelineLag()
    lag.reported(0, 300 * MS)
    lag.reported(500 * MS, 520 * MS)
    assert lag.ms(600 * MS) == 300
    assert lag.ms(1_310 * MS) == 20  # the 300 ms were heard more than a second ago


def test_a_flow_that_stands_still_has_a_lag_that_grows() -> None:
    lag = PipelineLag()
    lag.reported(10 * SECOND, 10 * SECOND + 30 * MS)
    assert [lag.ms(at * SECOND) for at in (11, 12, 28)] == [30, 1_000, 17_000]


@given(st.lists(st.tuples(st.integers(1, 2_000), st.integers(0, 30_000)), min_size=1, max_size=40))
def test_the_lag_is_never_less_than_what_an_event_of_the_last_second_had(steps: list[tuple[int, int]]) -> None:
    """An independent count: each report's own lag, as long as it is a second old at most."""
    lag = PipelineLag()
    now = 100 * SECOND
    heard: list[tuple[int, int]] = []
    for pause, late in steps:
        now += pause * MS
        lag.reported(now - late * MS, now)
        heard.append((now, late))
        recent = [each for at, each in heard if now - at <= SECOND]
        assert lag.ms(now) >= max(recent)
        overdue = (now - max(at - each * MS for at, each in heard)) // MS - 1_000
        assert lag.ms(now) == max(*recent, overdue)
