"""Exponentially weighted variance of log returns, from irregular samples.

``v = sum(w_i r_i^2) / sum(w_i dt_i)`` with weights that halve every ``half_life`` seconds: the RiskMetrics estimator,
written for returns over unequal times and without a start-up bias. Unit: variance of the log price a second.
"""

from __future__ import annotations

import math


class EwmaVariance:
    """Feed ``update(t_s, price)`` with rising times (seconds) and positive prices; read ``value``."""

    __slots__ = ("_squares", "_times", "count", "half_life", "last_price", "last_t", "span")

    def __init__(self, half_life: float) -> None:
        self.half_life = half_life
        self._squares = 0.0
        self._times = 0.0
        self.last_t = 0.0
        self.last_price = 0.0
        self.count = 0  # returns taken in
        self.span = 0.0  # seconds of history they cover

    def update(self, t_s: float, price: float, longest: float = 300.0) -> None:
        """Take a sample. A pause above ``longest`` seconds is no return: the sample then only starts afresh."""
        dt = t_s - self.last_t
        if self.last_price > 0.0 and 0.0 < dt <= longest:
            r = math.log(price / self.last_price)
            decay = 2.0 ** (-dt / self.half_life)
            self._squares = self._squares * decay + r * r
            self._times = self._times * decay + dt
            self.count += 1
            self.span += dt
        self.last_t = t_s
        self.last_price = price

    @property
    def value(self) -> float:
        """Variance a second; 0.0 while nothing is known."""
        return self._squares / self._times if self._times > 0.0 else 0.0
