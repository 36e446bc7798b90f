"""Settings under which a run on the simulated exchange trades at once."""

from __future__ import annotations

#: Trades within seconds: warm at once, against a maker that is far behind.
EAGER = {
    "PROFIT_API_PORT": "0",
    "PROFIT_FAIR_VALUE_WARM_UP_S": "2",
    "PROFIT_FAIR_VALUE_SAMPLE_S": "1",
    "PROFIT_PORTFOLIO_COOLDOWN_S": "0.5",
    "PROFIT_EXECUTION_MAX_LAG_MS": "60000",
    "PROFIT_SIMULATOR_LAG_S": "5",
    "PROFIT_SIMULATOR_MAKER_ERROR": "0.08",
}
