"""Walk-forward validation of every strategy on one journal: sets, lines, windows, verdicts.

Each strategy runs as a paper twin on an account of its own, without breakers and allocator, as it is configured and
with its threshold halved and doubled, or under the sets that were asked for. One line carries all strategies; there is
a line a set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from flows.research.evaluation import LineResult, RoundTrip, evaluate, journal_events
from flows.research.grid import combinations
from flows.research.verdict import StrategyVerdict, verdict_of
from flows.research.walk_forward import TestedStep, hourly, walk
from flows.research.workers import Progress, run_jobs
from flows.trading_line.unguarded import unguarded
from models.failures import Failure
from models.overriding import assignment, overridden
from models.settings import Settings
from models.statistics.sharpe import Moments, moments
from models.statistics.splits import WalkStep, windows
from models.strategies.instance import InstanceTable
from models.strategies.registry import STRATEGIES

#: Of the configured threshold, in each set; the first is as it is.
FACTORS: Final = (1.0, 0.5, 2.0)
#: Of the journal's span: to train on, to validate on, to test on at a time.
SHARES: Final = (0.4, 0.2, 0.1)
_AGAIN: Final = "The same command begins anew, with the journal, which is kept."


class Validation(msgspec.Struct, frozen=True):
    """A strategy's steps, and its verdict on the joined test windows and, where one was looked at, on the holdout."""

    verdict: StrategyVerdict
    steps: list[TestedStep]
    sets: list[tuple[str, ...]]
    holdout: StrategyVerdict | None = None


class _Line(msgspec.Struct, frozen=True):
    journal: str
    settings: Settings


def sets_of(base: Settings, strategy: str, asked: Sequence[str] = ()) -> list[tuple[str, ...]]:
    """The parameter sets of a strategy that are tried, ``KEY=VALUE`` words: every combination of those ``asked`` for
    whose keys are its own (``flows.research.grid``), else its threshold as it is, halved and doubled."""
    section = STRATEGIES[strategy].section
    own = [word for word in asked if assignment(word)[0].startswith(f"{section}.")]
    if own:
        return combinations(own)
    edge = getattr(base, section).min_edge
    return [(f"{section}.min_edge={round(edge * factor, 6):g}",) for factor in FACTORS]


def settings_of(base: Settings, asked: Sequence[str] = ()) -> list[Settings]:
    """The settings of each line: every strategy a twin, at its set of that number, and off where it has no such set.
    Twins have no caps in common. Raises Failure for what is asked for and is no parameter of a strategy."""
    sections = {strategy.section for strategy in STRATEGIES.values()}
    for word in asked:
        key = assignment(word)[0]
        if key.partition(".")[0] not in sections:
            raise Failure(
                f"--set {key}: that is no parameter of a strategy.",
                f"Those begin with {', '.join(sorted(sections))}; for all others: profit sweep ARCHIVE --set {key}=…",
            )
    sets = {name: sets_of(base, name, asked) for name in STRATEGIES}
    lines = max(len(each) for each in sets.values())
    return [
        unguarded(base).model_copy(
            update={"instances": tuple(_twin(base, name, sets[name], number) for name in STRATEGIES)}
        )
        for number in range(lines)
    ]


def _twin(base: Settings, name: str, sets: Sequence[tuple[str, ...]], number: int) -> InstanceTable:
    if number >= len(sets):
        return InstanceTable(id=name, strategy=name, state="twin", parameters={"enabled": False})
    section = STRATEGIES[name].section
    chosen = getattr(overridden(base, sets[number]), section)
    keys = [assignment(word)[0].partition(".")[2] for word in sets[number]]
    return InstanceTable(
        id=name,
        strategy=name,
        state="twin",
        parameters={"enabled": True, **{key: getattr(chosen, key) for key in keys}},
    )


def evaluated(
    journal: Path,
    base: Settings,
    workers: int,
    told: Callable[[float], None] = lambda share: None,
    asked: Sequence[str] = (),
) -> list[LineResult]:
    """What each line did, in the order of the sets."""
    jobs = [_Line(str(journal), each) for each in settings_of(base, asked)]
    shares = [0.0] * len(jobs)
    found: dict[int, LineResult] = {}

    def tell(number: int, share: float) -> None:
        shares[number] = share
        done = 0.0
        for each in shares:
            done += each
        told(done / len(jobs))

    for number, evaluation in run_jobs("flows.research.validation:work", jobs, workers, tell, _AGAIN):
        found[number] = evaluation
        tell(number, 1.0)
    return [found[number] for number in range(len(jobs))]


def work(line: _Line, progress: Progress) -> LineResult:
    """One line over the journal."""
    return evaluate(journal_events(Path(line.journal), progress), [line.settings])[0]


def plan(first: int, last: int, anchored: bool) -> tuple[WalkStep, ...]:
    """The steps over a journal from ``first`` to ``last``, Unix ns."""
    span = last - first
    train, validation, test = (max(1, round(span * share)) for share in SHARES)
    return windows(first, last, train, validation, test, anchored)


def validate(
    base: Settings,
    strategy: str,
    lines: Sequence[LineResult],
    steps: Sequence[WalkStep],
    tried: int,
    holdout: WalkStep | None = None,
    asked: Sequence[str] = (),
) -> Validation:
    """A strategy's validation. ``tried``: sets of it that were ever looked at; ``holdout``: its test window is what was
    held out; ``asked``: as the lines were evaluated with."""
    words = sets_of(base, strategy, asked)
    sets = [[trip for trip in line.trips if trip.instance == strategy] for line in lines[: len(words)]]
    end = holdout.test[0] if holdout is not None else steps[-1].test[1]
    before = [[trip for trip in trips if trip.opened < end] for trips in sets]
    taken = walk(before, steps)
    ratios = [sample.sharpe for trips in before if (sample := _sample(trips)) is not None]
    record = [trip for step in taken for trip in step.test]
    span = steps[-1].test[1] - steps[0].test[0]
    verdict = verdict_of(strategy, record, span, tried, ratios)
    held = None
    if holdout is not None:
        (last,) = walk(sets, [holdout])
        held = verdict_of(strategy, last.test, holdout.test[1] - holdout.test[0], tried, ratios)
    return Validation(verdict, taken, words, held)


def _sample(trips: Sequence[RoundTrip]) -> Moments | None:
    seen = hourly(trips)
    return moments(seen) if len(seen) > 1 else None
