"""The catalogue of topics: the only place where a topic is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

FEED_POLYMARKET: Final = "feed.polymarket"
FEED_COINBASE: Final = "feed.coinbase"
FEED_MARKETS: Final = "feed.markets"
FEED_CLOCK: Final = "feed.clock"
CONTROL: Final = "control"
EXECUTIONS: Final = "executions"
MODELS: Final = "models"
CONFIGURATION: Final = "configuration"
RUNS: Final = "runs"
JOURNAL: Final = "journal"
QUALITY: Final = "quality"
SCANS: Final = "scans"
DECISIONS: Final = "decisions"
ORDERS: Final = "orders"
FILLS: Final = "fills"
LEDGER: Final = "ledger"
FEATURES: Final = "features"
OUTCOMES: Final = "outcomes"
ANSWERS: Final = "answers"
RISK: Final = "risk"
MARKOUTS: Final = "markouts"
VENUE: Final = "venue"
PROMOTIONS: Final = "promotions"
DRIFT: Final = "drift"
TELEMETRY: Final = "telemetry"
PROGRESS: Final = "progress"
DEAD_LETTER: Final = "dead-letter"

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MIB: Final = 1024 * 1024
FOR_GOOD_MS: Final = -1  # as Kafka writes it


@dataclass(frozen=True)
class Topic:
    """One topic. ``retention_ms``: how long Kafka keeps it, -1 for good (the archive keeps all for good);
    ``retention_bytes``: how much of it at most, -1 without a bound."""

    name: str
    role: Literal["feed", "in", "core", "out"]
    contract: str
    key: str
    retention_ms: int = DAY_MS
    retention_bytes: int = -1
    partitions: int = 1
    cleanup: Literal["delete", "compact"] = "delete"


CATALOGUE: Final[tuple[Topic, ...]] = (
    Topic(FEED_POLYMARKET, "feed", "CLOB WebSocket frame, verbatim, with envelope", "connection id"),
    Topic(FEED_COINBASE, "feed", "Advanced Trade WebSocket frame, verbatim, with envelope", "connection id"),
    Topic(FEED_MARKETS, "feed", "Gamma or CLOB answer, verbatim, with envelope", "slug"),
    Topic(FEED_CLOCK, "feed", "models.markers.Tick with envelope", "none"),
    Topic(CONTROL, "in", "models.control.Signed", "operator", 7 * DAY_MS),
    Topic(EXECUTIONS, "in", "models.inputs.AnyExecution", "order id", 7 * DAY_MS),
    Topic(MODELS, "in", "models.inputs.Promotion", "model id", 7 * DAY_MS),
    Topic(CONFIGURATION, "in", "models.configuration.Statement", "flow", FOR_GOOD_MS),
    Topic(RUNS, "core", "models.run.Claim", "run", FOR_GOOD_MS),
    Topic(JOURNAL, "core", "models.journal.Event", "portfolio"),
    Topic(QUALITY, "out", "models.contracts.Quality", "feed", 7 * DAY_MS),
    Topic(SCANS, "out", "models.contracts.Scan", "strategy"),
    Topic(DECISIONS, "out", "models.contracts.Decision", "market", 7 * DAY_MS),
    Topic(ORDERS, "out", "models.contracts.Order", "order id", 7 * DAY_MS),
    Topic(FILLS, "out", "models.contracts.Fill", "order id", 7 * DAY_MS),
    Topic(LEDGER, "out", "models.contracts.Posting", "account", 7 * DAY_MS),
    Topic(FEATURES, "out", "models.contracts.Features", "market"),
    Topic(OUTCOMES, "out", "models.contracts.Outcome", "market", 7 * DAY_MS),
    Topic(ANSWERS, "out", "models.contracts.Answer", "command id", 7 * DAY_MS),
    Topic(RISK, "out", "models.contracts.RiskEvent", "subject", 7 * DAY_MS),
    Topic(MARKOUTS, "out", "models.contracts.MarkOut", "fill id", 7 * DAY_MS),
    Topic(VENUE, "out", "models.contracts.VenueCommand", "order id", 7 * DAY_MS),
    Topic(PROMOTIONS, "out", "models.contracts.PromotionDecision", "instance", 7 * DAY_MS),
    Topic(DRIFT, "out", "drift finding", "model id", 7 * DAY_MS),
    Topic(TELEMETRY, "out", "models.contracts.Telemetry", "flow or process"),
    Topic(PROGRESS, "out", "models.progress.Progress", "flow", retention_bytes=64 * MIB),  # only the latest counts
    Topic(DEAD_LETTER, "out", "models.contracts.DeadLetter", "topic", 7 * DAY_MS),
)

BY_NAME: Final = {topic.name: topic for topic in CATALOGUE}
FEEDS: Final = (FEED_POLYMARKET, FEED_COINBASE, FEED_MARKETS, FEED_CLOCK)
INPUTS: Final = (CONTROL, EXECUTIONS, MODELS, CONFIGURATION)
DIGESTED: Final = (DECISIONS, ORDERS, FILLS, LEDGER)
