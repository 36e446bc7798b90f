"""What makes a comparison of runs doubtful is said with it."""

from __future__ import annotations

import pytest

from flows.report.comparison import compare_reports
from flows.report.run_report import RunReport

HOUR = 3_600 * 10**9


@pytest.mark.parametrize(("hours", "said"), [(3.0, False), (4.0, False), (4.6, True), (1.9, True)])
def test_lengths_that_differ_by_more_than_half_are_said(hours: float, said: bool) -> None:
    three = RunReport("three", 0, 3 * HOUR, 0, [], {}, [])
    other = RunReport("other", 0, round(hours * HOUR), 0, [], {}, [])
    doubts = compare_reports([three, other], [{}, {}]).doubts
    assert any(f"three 3.0 h, other {hours:.1f} h" in each for each in doubts) is said
