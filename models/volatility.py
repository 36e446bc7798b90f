"""Exponentially weighted variance of log returns, from irregular samples.

``v = sum(w_i r_i^2) / sum(w_i dt_i)`` with weights that halve every ``half_life`` seconds: the RiskMetrics estimator,
written for returns over unequal times and without a start-up bias. Unit: variance of the log price a second.

Returns are rounded to 1e-12 and weights to 1e-9, far below what they are worth, because ``log`` and ``pow`` of two C
libraries may differ in the last bit: the sums would carry that on.

>>> ewma = EwmaVariance(half_life=60.0)
>>> for second, price in enumerate((100.0, 101.0, 100.0, 101.0)):
...     ewma.update(float(second), price)
>>> ewma.count, ewma.span, round(ewma.value, 9)
(3, 3.0, 9.9009e-05)
>>> round(effective_returns(count=180, half_life=900.0, sample=5.0))  # of 180 that weigh from 1 down to a half
173
"""

from __future__ import annotations

import math

import msgspec


class EwmaVariance(msgspec.Struct):
    """Feed ``update(t_s, price)`` with rising times (seconds) and positive prices; read ``value``. ``count``: returns
    taken in; ``span``: seconds of history they cover."""

    half_life: float
    squares: float = 0.0
    times: float = 0.0
    last_t: float = 0.0
    last_price: float = 0.0
    count: int = 0
    span: float = 0.0

    def update(self, t_s: float, price: float, longest: float = 300.0) -> None:
        """Take a sample. A pause above ``longest`` seconds is no return: the sample then only starts afresh."""
        dt = t_s - self.last_t
        if self.last_price > 0.0 and 0.0 < dt <= longest:
            r = round(math.log(price / self.last_price), 12)
            decay = round(2.0 ** (-dt / self.half_life), 9)
            self.squares = self.squares * decay + r * r
            self.times = self.times * decay + dt
            self.count += 1
            self.span += dt
        self.last_t = t_s
        self.last_price = price

    @property
    def value(self) -> float:
        """Variance a second; 0.0 while nothing is known."""
        return self.squares / self.times if self.times > 0.0 else 0.0


def effective_returns(count: int, half_life: float, sample: float) -> float:
    """How many equally weighted returns know the variance as well as ``count`` returns of ``sample`` seconds whose
    weights halve every ``half_life`` seconds: Kish's ``(sum w)^2 / sum w^2`` of a geometric series.

    The estimate's relative standard error is ``sqrt(2 / effective_returns)`` where returns are Gaussian. For displays;
    no decision reads it."""
    decay = math.pow(2.0, -sample / half_life)
    rest = math.pow(decay, count)
    return (1.0 + decay) / (1.0 - decay) * (1.0 - rest) / (1.0 + rest)
