"""What stands on each topic, as JSON Schema: for other programs, and for ``docs/``.

Topics of feeds hold what an exchange sent, verbatim; theirs is the exchange's own.

>>> sorted(schema_for("runs")["required"])
['name', 'run']
>>> schema_for("feed.coinbase") is None
True
"""

from __future__ import annotations

from typing import Any, Final

from models.configuration import Statement
from models.contracts import CONTRACTS
from models.control import Signed
from models.inputs import AnyExecution, Promotion
from models.journal import AnyEvent
from models.markers import Tick
from models.progress import Progress
from models.record import schema_of
from models.run import Claim
from models.topics import CONFIGURATION, CONTROL, EXECUTIONS, FEED_CLOCK, JOURNAL, MODELS, PROGRESS, RUNS

#: What a record of each topic is.
ON_TOPIC: Final[dict[str, Any]] = {
    FEED_CLOCK: Tick,
    CONTROL: Signed,
    EXECUTIONS: AnyExecution,
    MODELS: Promotion,
    CONFIGURATION: Statement,
    RUNS: Claim,
    JOURNAL: AnyEvent,
    PROGRESS: Progress,
    **CONTRACTS,
}


def schema_for(topic: str) -> dict[str, Any] | None:
    """The JSON Schema (2020-12) of a topic's records; None where they are not ours."""
    kind = ON_TOPIC.get(topic)
    if kind is None:
        return None
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": topic,
        **{name: value for name, value in schema_of(kind).items() if name != "title"},
    }
