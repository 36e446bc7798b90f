"""The simulated exchange is a module on telemetry, alive or not."""

from __future__ import annotations

import contextlib
from pathlib import Path

from api.supervisor.exchange import ExchangeWatch
from connectors.simulator.child import child_exchange


def test_a_running_exchange_tells_what_it_serves_and_one_that_is_away_that_it_is(tmp_path: Path) -> None:
    addresses = tmp_path / "exchange.json"
    faults = tmp_path / "faults.toml"
    faults.write_text('seed = 1\n\n[[fault]]\nkind = "frozen"\nvenue = "coinbase"\nat_s = 0\nfor_s = 600\n')
    with contextlib.closing(ExchangeWatch(addresses)) as watch:
        assert watch.row()[:2] == ("simulator", "waiting")
        with child_exchange(["--faults", str(faults)]) as urls:
            addresses.write_text(urls.as_json())
            module, status, counts, reason, gauges = watch.row()
        assert (module, status, reason) == ("simulator", "warning", "frozen")
        assert counts["frames:coinbase"] == 0
        assert gauges["speed"] == 1
        assert gauges["faults_running"] == 1
        assert gauges["open_connections"] == 0
        assert isinstance(gauges["tasks"], int) and gauges["tasks"] > 0
        module, status, _, reason, _ = watch.row()
        assert (module, status) == ("simulator", "waiting")
        assert "does not answer" in reason
