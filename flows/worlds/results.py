"""Many worlds in processes of their own: each one's result is a file, and together they answer the question.

Nulls may hardly ever be promoted, edges must be within the horizon that the power formula states, and an edge that dies
must be made smaller before its drawdown budget is spent. A run that was killed goes on with the worlds that have no
file.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from flows.research.workers import Progress, run_jobs
from flows.worlds.judge import Judge
from flows.worlds.kinds import KINDS, RULES, World, WorldKind
from flows.worlds.world import WorldResult, play
from models.failures import Failure
from models.statistics.power import observations_needed

#: What development worlds showed of an observation of the edge: mean and deviation, dollars a share of the scale.
MEAN: Final = 0.081
DEVIATION: Final = 0.085
#: Of the first instance at the default level.
THRESHOLD: Final = 400.0
#: Observations that a canary's quarter size costs, and the first hour, which only learns the scale.
CANARY_LOSS: Final = 18
LEARNT: Final = 1
#: Hours within which nineteen of twenty edges are to be active; each hour is an observation.
HORIZON_H: Final = (observations_needed(THRESHOLD, MEAN, DEVIATION, power=0.95) or 0) + CANARY_LOSS + LEARNT
#: The proof: so many worlds of each kind.
PROOF: Final[dict[WorldKind, int]] = {"null": 200, "edge": 50, "dying": 50}


class KindSummary(msgspec.Struct, frozen=True):
    """``worlds`` of a kind are done. ``promoted``: to active, of an edge within the horizon. ``demoted``: after the
    death, before the budget was spent at the size that it had; ``already``: those of them that were smaller than active
    when the edge died; ``spent``: the budget was spent first; ``never``: it was not active until the death.
    ``hours``: of all of them; ``cost``: processor seconds an hour."""

    kind: WorldKind
    worlds: int
    promoted: int
    demoted: int
    already: int
    spent: int
    never: int
    median_h: float | None
    hours: float
    cost: float


def hours_of(kind: WorldKind, horizon: int = HORIZON_H) -> int:
    """Hours that a world of the kind lasts at most: an edge that dies lives for the horizon first."""
    return 2 * horizon if kind == "dying" else horizon


def run_worlds(
    folder: Path, worlds: Sequence[World], workers: int, told: Callable[[float], None] = lambda share: None
) -> None:
    """Live what has no result in ``folder`` yet. ``told`` hears how far all of it is, by simulated hours."""
    left = [each for each in worlds if not _path(folder, each).is_file()]
    total = done = 0.0
    for each in worlds:
        total += each.hours
        done += each.hours if each not in left else 0.0
    shares = [0.0] * len(left)

    def tell(number: int, share: float) -> None:
        shares[number] = share
        so_far = done
        for each, part in zip(left, shares, strict=True):
            so_far += each.hours * part
        told(so_far / total)

    told(done / total if total else 1.0)
    for number, found in run_jobs("flows.worlds.results:live", left, workers, tell):
        path = _path(folder, left[number])
        draft = path.with_suffix(".making")
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
        draft.replace(path)
        tell(number, 1.0)


def live(world: World, progress: Progress) -> WorldResult:
    """One world with the promotion rules by their defaults."""
    gc.freeze()
    begun = time.process_time()  # deterministic: what it cost, for people
    judge = Judge(RULES, world.begin * 10**9)
    found = play(world, judge, progress)
    seconds = time.process_time() - begun  # deterministic: what it cost, for people
    return msgspec.structs.replace(found, seconds=round(seconds, 2))


def read_results(folder: Path) -> list[WorldResult]:
    """All that are there, by kind and seed. Raises Failure for a damaged one."""
    found = []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=WorldResult))
        except msgspec.MsgspecError as cause:
            raise Failure(f"{path} is damaged: {cause}.", "Remove it: the same command makes it again.") from None
    found.sort(key=lambda each: (KINDS.index(each.world.kind), each.world.seed))
    return found


def table_of(results: Sequence[WorldResult]) -> list[dict[str, str | int | float | None]]:
    """A row a world, for a file: hours from its beginning, and from its edge's death; money in dollars."""
    return [
        {
            "kind": each.world.kind,
            "seed": each.world.seed,
            "lived_h": round(each.hours, 2),
            "fills": each.fills,
            "net_usd": round(each.net, 2),
            "fees_usd": round(each.fees, 2),
            "e_value": float(f"{each.e_value:.4g}"),
            "last_state": each.steps[-1].new if each.steps else "shadow",
            "active_h": each.promoted_h,
            "state_at_death": each.state_at_death if each.world.kind == "dying" else None,
            "smaller_after_death_h": each.demoted_h,
            "drawdown_after_death_usd": round(each.drawdown, 2) if each.world.kind == "dying" else None,
        }
        for each in results
    ]


def summarise(results: Sequence[WorldResult]) -> list[KindSummary]:
    """One row a kind that has a result."""
    return [_summary(kind, of) for kind in KINDS if (of := [each for each in results if each.world.kind == kind])]


def _summary(kind: WorldKind, of: Sequence[WorldResult]) -> KindSummary:
    hours = seconds = 0.0
    for each in of:
        hours += each.hours
        seconds += each.seconds
    was_active = [each for each in of if each.promoted_h is not None and each.promoted_h <= _alive(each.world)]
    times = sorted(each.promoted_h for each in was_active if each.promoted_h is not None)
    in_time = [each for each in of if each.demoted_h is not None and each.budget_h is None]
    return KindSummary(
        kind=kind,
        worlds=len(of),
        promoted=len(was_active),
        demoted=len(in_time),
        already=len([each for each in in_time if each.state_at_death != "active"]),
        spent=len([each for each in of if each.budget_h is not None]),
        never=len(of) - len(was_active),
        median_h=times[len(times) // 2] if times else None,
        hours=round(hours, 1),
        cost=round(seconds / hours, 3) if hours else 0.0,
    )


def _alive(world: World) -> float:
    """Hours in which it may be promoted for what it is."""
    return world.hours / 2 if world.kind == "dying" else float(world.hours)


def _path(folder: Path, world: World) -> Path:
    return folder / f"{world.name}.json"
