"""Views of audit.duckdb for people: dollars, shares and UTC where the tables have integers.

The contract: a view's columns keep their names and units, whatever becomes of the tables below it. Money and prices end
in ``_usd`` and are exact decimals of dollars (prices: dollars a share), ``shares`` are exact decimals of shares, times
end in ``utc`` and are timestamps of event time in UTC without a zone. No column needs quotes, and each row has the ids
of what it came from. Nothing here is a source of truth: views are made anew when the database is opened for writing.
"""

from __future__ import annotations

from typing import Final

from connectors.audit.instance_views import BLOCKS, INSTANCES, MARKOUTS, RISK
from connectors.audit.sql_view import SqlView
from connectors.audit.sql_view import price as _price
from connectors.audit.sql_view import shares as _shares
from connectors.audit.sql_view import usd as _usd
from connectors.audit.sql_view import utc as _utc

_DECISIONS: Final = f"""
SELECT {_utc("timestamp")} AS utc, id AS decision, strategy, market_key AS market, action, outcome, verdict, reason,
       CASE WHEN price > 0 THEN {_price("price")} END AS price_usd,
       CASE WHEN price <= 0 THEN NULL WHEN action = 'block' THEN 'ask' WHEN action = 'settle' THEN 'payout'
            ELSE 'limit' END AS price_is,
       {_shares("nullif(size, 0)")} AS shares, repeats + 1 AS times
FROM decisions"""

_REFUSALS: Final = f"""
SELECT strategy, market_key AS market, reason, count(*) AS rows_sent, sum(repeats + 1)::BIGINT AS refused,
       {_utc("min(timestamp)")} AS first_utc, {_utc("max(timestamp)")} AS last_utc
FROM decisions WHERE action = 'block' GROUP BY ALL"""

_ORDERS: Final = f"""
SELECT {_utc("timestamp")} AS utc, id AS order_id, decision, strategy, market_key AS market, outcome, side, kind,
       status, reason, {_price('"limit"')} AS limit_usd, {_shares("size")} AS shares,
       {_shares("filled")} AS filled_shares, {_utc("due")} AS due_utc
FROM orders"""

_FILLS: Final = f"""
SELECT {_utc("timestamp")} AS utc, id AS fill_id, "order" AS order_id, decision, strategy, market_key AS market,
       outcome, side, {_price("price")} AS price_usd, {_shares("size")} AS shares, {_usd("gross")} AS gross_usd,
       {_usd("fee")} AS fee_usd
FROM fills"""

_LEDGER: Final = f"""
SELECT {_utc("timestamp")} AS utc, "transaction" AS transaction_id, kind, account, {_usd("amount")} AS amount_usd, ref
FROM ledger"""

_OUTCOMES: Final = f"""
SELECT {_utc("timestamp")} AS utc, market_key AS market,
       CASE payout_up WHEN 10000 THEN 'Up' WHEN 0 THEN 'Down' ELSE 'split' END AS result,
       {_price("payout_up")} AS payout_up_usd, {_price("payout_down")} AS payout_down_usd, source,
       {_usd("coalesce(list_sum(map_values(pnl)), 0)::BIGINT")} AS pnl_usd
FROM outcomes"""

_RESULTS: Final = f"""
SELECT {_utc("timestamp")} AS utc, market_key AS market, entry.key AS strategy, {_usd("entry.value")} AS pnl_usd
FROM (SELECT timestamp, market_key, unnest(map_entries(pnl)) AS entry FROM outcomes)"""

# A trip begins with the first share of an outcome that a strategy holds, and ends with the last: sold or settled.
_TRIPS: Final = """
WITH moves AS (
  SELECT *, CASE side WHEN 'buy' THEN size ELSE -size END AS change,
         CASE side WHEN 'buy' THEN size ELSE 0 END AS bought,
         CASE side WHEN 'buy' THEN gross ELSE 0 END AS paid, CASE side WHEN 'buy' THEN 0 ELSE gross END AS received
  FROM fills
), running AS (
  SELECT *, sum(change) OVER (PARTITION BY strategy, market_key, outcome ORDER BY journal, id) AS held FROM moves
), numbered AS (
  SELECT *, count(*) FILTER (WHERE held = 0) OVER (PARTITION BY strategy, market_key, outcome ORDER BY journal, id
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS trip
  FROM running
), trips AS (
  SELECT strategy, market_key, outcome, trip, min(timestamp) AS opened, max(timestamp) AS traded,
         sum(bought)::BIGINT AS bought, sum(paid)::BIGINT AS paid, sum(received)::BIGINT AS received,
         sum(fee)::BIGINT AS fees, sum(change)::BIGINT AS held, count(*) AS fills
  FROM numbered GROUP BY ALL
), settled AS (
  SELECT market_key, min(timestamp) AS settled_at, arg_max(payout_up, journal) AS payout_up,
         arg_max(payout_down, journal) AS payout_down
  FROM outcomes GROUP BY market_key
), closed AS (
  SELECT trips.*, settled_at, held > 0 AND settled_at IS NULL AS is_open,
         CASE WHEN held > 0 AND settled_at IS NOT NULL
              THEN (CASE outcome WHEN 'Up' THEN payout_up ELSE payout_down END * held) // 10000 ELSE 0 END AS payout
  FROM trips LEFT JOIN settled USING (market_key)
)"""

_ROUND_TRIPS: Final = f"""{_TRIPS}
SELECT {_utc("opened")} AS opened_utc, {_utc("CASE WHEN held > 0 THEN settled_at ELSE traded END")} AS closed_utc,
       strategy, market_key AS market, outcome, CASE WHEN held > 0 THEN 'settled' ELSE 'sold' END AS ended,
       {_shares("bought")} AS shares, {_usd("paid")} AS paid_usd, {_usd("(received + payout)")} AS received_usd,
       {_usd("fees")} AS fees_usd, {_usd("(received + payout - paid - fees)")} AS net_usd, fills
FROM closed WHERE NOT is_open"""

_POSITIONS: Final = f"""{_TRIPS}, cost AS (
  SELECT account, sum(amount)::BIGINT AS basis FROM ledger WHERE starts_with(account, 'position:') GROUP BY account
)
SELECT {_utc("opened")} AS opened_utc, strategy, market_key AS market, outcome, {_shares("held")} AS shares,
       {_usd("basis")} AS cost_usd, round(basis / held, 4) AS average_usd, {_usd("fees")} AS fees_usd
FROM closed LEFT JOIN cost ON account = concat('position:', strategy, ':', market_key, ':', outcome)
WHERE is_open"""

_EQUITY: Final = f"""
SELECT {_utc("timestamp")} AS utc, {
    ", ".join(
        f"(gauges->>'{name}')::DOUBLE AS {name}_usd"
        for name in ("equity", "cash", "reserved", "realised", "unrealised")
    )
}, (gauges->>'positions')::BIGINT AS positions
FROM telemetry WHERE module = 'portfolio'"""

_SCANS: Final = f"""
SELECT {_utc("timestamp")} AS utc, strategy, market_key AS market, verdict, reason, score, threshold, margin, unit,
       evaluations
FROM scans"""

_PROMOTIONS: Final = f"""
SELECT {_utc("timestamp")} AS utc, instance, strategy, old AS from_state, new AS to_state, p.verdict AS decision,
       reason, each.name AS criterion, each.value, each.threshold, each.verdict, each.reachable_h, observations,
       e_value, e_threshold, forecast_e_value, demotion_e_value, trials, level, spent, alpha,
       {_utc("window_start")} AS from_utc, {_utc("window_end")} AS until_utc, journal, code, configuration, p.text,
       each.text AS said, id
FROM (SELECT *, unnest(criteria) AS each FROM promotions) AS p"""

VIEWS: Final = (
    SqlView("v_decisions", "a decision; ``times``: how often in a row, for one row may stand for many", _DECISIONS),
    SqlView(
        "v_refusals", "refused entries and exits by strategy, market and reason, up to the last row sent", _REFUSALS
    ),
    SqlView("v_orders", "a state of an order: submitted, then what became of it", _ORDERS),
    SqlView("v_fills", "a fill, at one price", _FILLS),
    SqlView("v_round_trips", "a position from its first share to none: bought, then sold or settled", _ROUND_TRIPS),
    SqlView("v_positions", "a position that is open, at its cost", _POSITIONS),
    SqlView("v_outcomes", "a settled market, with what all strategies made in it after costs", _OUTCOMES),
    SqlView("v_results", "what a strategy made in a settled market, after costs", _RESULTS),
    SqlView("v_ledger", "a leg of a transaction; those of one transaction add up to zero", _LEDGER),
    SqlView("v_equity", "the portfolio at a moment, positions at the bid", _EQUITY),
    SqlView("v_scans", "an evaluation of a strategy, the last of so many", _SCANS),
    SqlView("v_instances", "an instance: what it judged, ordered, was filled and came to", INSTANCES),
    SqlView("v_blocks", "how often an instance and its data gate held or blocked, by reason", BLOCKS),
    SqlView("v_markouts", "what a fill was worth a while later", MARKOUTS),
    SqlView("v_promotions", "a decision on an instance's state; one row a criterion", _PROMOTIONS),
    SqlView("v_risk", "a change of a multiplier, cap, breaker, gate or instance", RISK),
)

#: Of columns in the tables that a newcomer takes for something else.
COMMENTS: Final = {
    "decisions.repeats": "equal refusals of this strategy and market since the row before, counted and not sent: "
    "repeats + 1 were refused. What came after the last row is in the module counters alone (telemetry, report)",
    "decisions.price": "1e-4 dollars; of enter and exit the limit, of block the ask, of settle the payout",
    "decisions.size": "micro-shares",
    "decisions.timestamp": "Unix nanoseconds of event time",
    "orders.size": "micro-shares",
    "orders.limit": "1e-4 dollars",
    "fills.price": "1e-4 dollars",
    "fills.size": "micro-shares",
    "fills.gross": "micro-dollars, for the shares alone",
    "fills.fee": "micro-dollars",
    "ledger.amount": "micro-dollars",
    "outcomes.pnl": "strategy -> micro-dollars after costs",
}


def statements() -> list[str]:
    """The statements that make the views and the comments, in place of those there."""
    made: list[str] = []
    for view in VIEWS:
        made.append(f"CREATE OR REPLACE VIEW {view.name} AS {view.query}")
        made.append(f"COMMENT ON VIEW {view.name} IS {_text(view.meaning)}")
    for column, meaning in COMMENTS.items():
        table, _, name = column.partition(".")
        made.append(f'COMMENT ON COLUMN {table}."{name}" IS {_text(meaning)}')
    return made


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
