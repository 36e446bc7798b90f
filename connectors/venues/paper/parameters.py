"""What the paper venue takes as given of the exchange and of our way to it."""

from __future__ import annotations

import msgspec


class PaperParameters(msgspec.Struct, frozen=True, kw_only=True):
    """Durations in ns. ``taker_delay``: how long the exchange holds a marketable order, where the market does not say;
    ``latency``: our way to the exchange, ``jitter``: the most that chance adds to it; ``resolve``: from a query to its
    answer; ``replenish``: after this, shares that we took from the display count as new; ``least_life``: a GTD order
    must have this long to live when it arrives; ``tick``: of the recorder's clock, until the journal shows it;
    ``lost_answers``: millionths of the answers that never reach us; ``seed``: of jitter and lost answers."""

    taker_delay: int
    latency: int
    jitter: int
    resolve: int
    replenish: int
    least_life: int
    tick: int
    lost_answers: int = 0
    seed: int = 0
