"""The parameter sets of a sweep: every combination of the values that each key is given.

>>> [" ".join(each) for each in combinations(["fair_value.min_edge=0.01:0.03:0.01", "parity.enabled=true,false"])][:3]
['fair_value.min_edge=0.01 parity.enabled=true', 'fair_value.min_edge=0.01 parity.enabled=false', \
'fair_value.min_edge=0.02 parity.enabled=true']
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from models.configuration import IRRELEVANT
from models.failures import Failure
from models.overriding import assignment, overridden
from models.settings import Settings

MOST: Final = 10_000
_EXAMPLE: Final = "Write KEY=a,b,c or KEY=low:high:step, for example fair_value.min_edge=0.01:0.05:0.01."


def combinations(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Each set as its ``KEY=VALUE`` words, in the order of the keys given. Raises Failure for a range that is none, for
    a key that is given twice, and for more than 10,000 sets."""
    axes: dict[str, list[str]] = {}
    for word in words:
        key, value = assignment(word)
        if key in axes:
            raise Failure(f"--set {key} is given twice.", _EXAMPLE)
        axes[key] = _values(key, value)
    count = 1
    for values in axes.values():
        count *= len(values)
    if count > MOST:
        raise Failure(f"these are {count:,} parameter sets.", f"Sweep at most {MOST:,} at a time.")
    return [
        tuple(f"{key}={value}" for key, value in zip(axes, each, strict=True))
        for each in itertools.product(*axes.values())
    ]


def check_keys(words: Sequence[str]) -> None:
    """Raises Failure for keys that the journal was made with, or on which no decision depends: the same journal serves
    all sets of a sweep."""
    for word in words:
        key, _ = assignment(word)
        section = key.partition(".")[0]
        if section == "checks":
            raise Failure(
                f"--set {key}: the journal depends on it, and a sweep has one journal.",
                f"Replay once for each value: profit replay ARCHIVE --set {key}=…",
            )
        if section in IRRELEVANT:
            raise Failure(f"--set {key}: no decision of a replay depends on it.", "Leave it away.")


def settings_of(base: Settings, sets: Sequence[tuple[str, ...]]) -> list[Settings]:
    """The settings of each set. Raises Failure for a wrong key or value."""
    return [overridden(base, each) for each in sets]


def _values(key: str, text: str) -> list[str]:
    parts = text.split(":")
    if len(parts) == 3:
        try:
            low, high, step = (Decimal(part) for part in parts)
        except InvalidOperation:
            raise Failure(f"--set {key}={text}: a range is of three numbers.", _EXAMPLE) from None
        if not (low.is_finite() and high.is_finite() and step.is_finite()):
            raise Failure(f"--set {key}={text} is no range.", _EXAMPLE)
        if high < low:
            raise Failure(
                f"--set {key}={text}: {low} is above {high}.", f"The first must be below the second. {_EXAMPLE}"
            )
        if step <= 0:
            raise Failure(f"--set {key}={text}: the step {step} leads nowhere.", f"It must be above 0. {_EXAMPLE}")
        count = int((high - low) / step) + 1
        if count > MOST:
            raise Failure(f"--set {key}={text}: {count:,} values.", f"Sweep at most {MOST:,} sets at a time.")
        return [format(low + step * number, "f") for number in range(count)]
    values = [each.strip() for each in text.split(",")]
    if "" in values:
        raise Failure(f"--set {key}={text}: a value is missing.", _EXAMPLE)
    if len(set(values)) < len(values):
        raise Failure(f"--set {key}={text}: a value is given twice.", _EXAMPLE)
    return values
