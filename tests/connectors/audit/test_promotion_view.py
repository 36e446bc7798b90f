"""One query reads a promotion decision back: every criterion with value, threshold, verdict and reachability."""

from __future__ import annotations

from pathlib import Path

import duckdb

from connectors.audit.database import AuditDatabase
from models.contracts import CriterionRow, PromotionDecision
from models.message import Stored
from models.reasons import Reason, Verdict


def test_a_decision_comes_back_with_its_criteria(tmp_path: Path) -> None:
    rows = [
        CriterionRow("observations", 48.0, 48.0, "pass", 0.0, "observations 48, needs 48"),
        CriterionRow("stable over regimes", 0.0, 0.6, "insufficient", None, "no regime was stated"),
    ]
    decision = PromotionDecision(
        id="p7-1-x", journal=7, timestamp=9, instance="x", strategy="parity", old="canary", new="canary",
        verdict=Verdict.HOLD, reason=Reason.CRITERIA_MISSING, text="x stays canary.", window_start=1, window_end=8,
        observations=48, criteria=rows, e_value=12.5, e_threshold=400.0, level=0.0025, alpha=0.005, spent=0.0025,
        trials=1, forecast_e_value=1.0, demotion_e_value=1.0, code="1", configuration="c",
    )  # fmt: skip
    path = tmp_path / "audit.duckdb"
    with AuditDatabase(path) as database:
        database.apply({"promotions": [Stored("promotions", 0, 0, "x", decision.canonical(), 0)]})
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(
            "SELECT instance, decision, criterion, value, threshold, verdict, reachable_h, e_value, code "
            "FROM v_promotions ORDER BY criterion"
        ).fetchall()
    assert found == [
        ("x", "hold", "observations", 48.0, 48.0, "pass", 0.0, 12.5, "1"),
        ("x", "hold", "stable over regimes", 0.0, 0.6, "insufficient", None, 12.5, "1"),
    ]
