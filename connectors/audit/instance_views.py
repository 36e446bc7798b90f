"""Views of what each instance did: judged, ordered, filled, earned, and what its fills were worth later."""

from __future__ import annotations

from typing import Final

from connectors.audit.sql_view import price, shares, usd, utc

RISK: Final = f"""
SELECT {utc("timestamp")} AS utc, kind, subject, scope, name, old, new, reason, text FROM risk"""

MARKOUTS: Final = f"""
SELECT {utc("timestamp")} AS utc, fill AS fill_id, strategy, market_key AS market, outcome, side, evidence,
       CASE horizon_s WHEN -1 THEN 'settlement' ELSE concat(horizon_s, 's') END AS horizon, {shares("size")} AS shares,
       {price("price")} AS price_usd, CASE WHEN mid >= 0 THEN {price("mid")} END AS mid_usd,
       {price("gain")} AS gain_usd, {price("slippage")} AS slippage_usd, predicted * 0.0001 AS predicted_usd
FROM markouts"""

# Counts of telemetry are gains since the module's row before: their sum is the whole.
_COUNTS: Final = """
SELECT module, entry.key AS what, sum(entry.value)::BIGINT AS times
FROM (SELECT module, unnest(map_entries(counts)) AS entry FROM telemetry) GROUP BY ALL"""

BLOCKS: Final = f"""
SELECT split_part(module, '.', 2) AS strategy, split_part(module, '.', 1) AS who, split_part(what, ':', 1) AS verdict,
       split_part(what, ':', 2) AS reason, times
FROM ({_COUNTS}) WHERE regexp_matches(module, '^(strategy|data_gate)[.]') AND NOT starts_with(what, 'pass:')"""


def _gain(horizon: int) -> str:
    """Mean mark-out at a horizon, pips a share, weighted by shares."""
    of = f"(horizon_s = {horizon} AND gain IS NOT NULL)"
    return f"sum(gain * size) FILTER {of} / nullif(sum(size) FILTER {of}, 0)"


INSTANCES: Final = f"""
WITH counts AS ({_COUNTS}), judged AS (
  SELECT split_part(module, '.', 2) AS strategy,
         sum(times) FILTER (starts_with(module, 'strategy.') AND starts_with(what, 'pass:')) AS passed,
         sum(times) FILTER (starts_with(what, 'hold:')) AS held,
         sum(times) FILTER (starts_with(what, 'block:')) AS blocked
  FROM counts WHERE regexp_matches(module, '^(strategy|data_gate)[.]') GROUP BY ALL
), ordered AS (
  SELECT strategy, count(DISTINCT id) AS orders FROM orders GROUP BY ALL
), filled AS (
  SELECT strategy, count(*) AS fills, count(*) FILTER (evidence = 'book_cross') AS by_book_cross,
         count(*) FILTER (evidence = 'trade_through') AS by_trade_through,
         count(*) FILTER (evidence = 'queue') AS by_queue
  FROM fills GROUP BY ALL
), booked AS (
  SELECT split_part(account, ':', -1) AS strategy,
         -sum(amount) FILTER (regexp_matches(account, '(^|/)pnl:'))::BIGINT AS gross,
         sum(amount) FILTER (regexp_matches(account, '(^|/)fees:'))::BIGINT AS fees
  FROM ledger WHERE regexp_matches(account, '(^|/)(pnl|fees):') GROUP BY ALL
), marked AS (
  SELECT strategy, {_gain(1)} AS at_1, {_gain(5)} AS at_5, {_gain(30)} AS at_30, {_gain(-1)} AS at_end,
         sum(predicted * size) FILTER (horizon_s = 1 AND side = 'buy') AS predicted
  FROM markouts GROUP BY ALL
), whole AS (
  SELECT strategy, coalesce(passed, 0)::BIGINT AS passed, coalesce(held, 0)::BIGINT AS held,
         coalesce(blocked, 0)::BIGINT AS blocked, coalesce(orders, 0) AS orders, coalesce(fills, 0) AS fills,
         coalesce(by_book_cross, 0) AS by_book_cross, coalesce(by_trade_through, 0) AS by_trade_through,
         coalesce(by_queue, 0) AS by_queue, coalesce(gross, 0) AS gross, coalesce(fees, 0) AS fees, predicted, at_1,
         at_5, at_30, at_end
  FROM judged LEFT JOIN ordered USING (strategy) LEFT JOIN filled USING (strategy) LEFT JOIN booked USING (strategy)
  LEFT JOIN marked USING (strategy)
)
SELECT strategy, passed + held + blocked AS evaluations, passed, held, blocked, orders, fills, by_book_cross,
       by_trade_through, by_queue, {usd("gross")} AS gross_usd, {usd("fees")} AS fees_usd,
       {usd("(gross - fees)")} AS net_usd, round((gross - fees) / nullif(predicted * 0.0001, 0), 4) AS edge_realised,
       round(at_1 * 0.0001, 6) AS gain_1s_usd, round(at_5 * 0.0001, 6) AS gain_5s_usd,
       round(at_30 * 0.0001, 6) AS gain_30s_usd, round(at_end * 0.0001, 6) AS gain_settlement_usd
FROM whole ORDER BY strategy"""
