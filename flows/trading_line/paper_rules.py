"""The paper venue's parameters, as the settings give them."""

from __future__ import annotations

from connectors.venues.paper.parameters import PaperParameters
from models.settings import Settings
from models.timestamps import MILLISECOND, SECOND

#: The exchange wants 180 s to the stated time of a GTD order, and takes it from the book a minute before that.
_LEAST_LIFE_S = 120
#: Until the journal has shown two ticks.
_TICK_MS = 250


def rules_of(settings: Settings) -> PaperParameters:
    """What the paper venue takes as given of the exchange and of our way to it."""
    execution = settings.execution
    return PaperParameters(
        taker_delay=execution.delay_ms * MILLISECOND,
        latency=execution.latency_ms * MILLISECOND,
        jitter=execution.jitter_ms * MILLISECOND,
        resolve=2 * execution.latency_ms * MILLISECOND,
        replenish=int(execution.replenish_s * SECOND),
        least_life=_LEAST_LIFE_S * SECOND,
        tick=_TICK_MS * MILLISECOND,
        lost_answers=round(execution.time_out_rate * 1_000_000),
    )
