"""Timelines and scenes to try them in: drawn by lot, or by Hypothesis so that a failing one shrinks; and as TOML."""

from __future__ import annotations

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st

from connectors.simulator.exchange import ExchangeParameters
from connectors.simulator.faults.draw import OF_BOOKS, OF_ONE_VENUE, SINGLE, STROKES, VENUES
from connectors.simulator.faults.timeline import KINDS, AnyFault, OnceOfVenue, Timeline, VenueFault, make_fault
from tests.faults.harness import START

SECONDS = 42.0  # of a run
BEGIN, LATEST = 5.0, 34.0  # when faults begin
BOUNDARY = START - 30  # a window of each horizon begins here
TRIED = tuple(sorted(KINDS))


@dataclass(frozen=True)
class Scene:
    """What the exchange is like. The maker lags and errs: there is something to earn, so that there are orders."""

    seed: int
    assets: tuple[str, ...] = ("BTC",)
    horizons: tuple[str, ...] = ("5m",)
    lag_s: float = 3.0
    start: int = BOUNDARY - 10  # so that a market ends, resolves, and the next one begins

    def parameters(self) -> ExchangeParameters:
        return ExchangeParameters(
            seed=self.seed,
            assets=self.assets,
            horizons=self.horizons,
            lag_s=self.lag_s,
            maker_error=0.03,
            frames_per_s=4.0,
            resolution_delay_s=5.0,
        )


def scene(seed: int) -> Scene:
    """The scene of a seed: mostly one market and a window that begins, sometimes several, or one well under way."""
    rng = Random(f"scene/{seed}")
    return Scene(
        seed=seed,
        assets=("BTC", "ETH") if rng.random() < 0.2 else (rng.choice(("BTC", "ETH", "SOL")),),
        horizons=rng.choice((("5m",), ("5m",), ("5m",), ("15m",), ("5m", "15m"))),
        lag_s=rng.choice((2.0, 3.0, 5.0)),
        start=BOUNDARY + rng.choice((-10, -10, -10, 30, 120)),
    )


def as_toml(timeline: Timeline) -> str:
    """The timeline as a file that ``profit simulate --faults`` takes."""
    lines = [f"seed = {timeline.seed}"]
    for fault in timeline.fault:
        lines += ["", "[[fault]]"]
        for key, value in fault.model_dump(exclude_none=True).items():
            if key != "kind" and value == type(fault).model_fields[key].default:
                continue
            lines.append(f"{key} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def _seconds(low: float, high: float) -> st.SearchStrategy[float]:
    """On the simulator's grid of 20 a second."""
    return st.integers(round(low * 20), round(high * 20)).map(lambda steps: steps / 20)


@st.composite
def faults(draw: st.DrawFn, kinds: tuple[str, ...] = TRIED) -> AnyFault:
    """One fault; shrinks towards an early, short and sure one."""
    kind = draw(st.sampled_from(kinds))
    keys: dict[str, Any] = {"kind": kind, "at_s": draw(_seconds(BEGIN, LATEST))}
    if kind in STROKES or KINDS[kind] in (VenueFault, OnceOfVenue) or kind in ("clock_skew", "oversized"):
        keys["venue"] = draw(st.sampled_from(VENUES))
    if kind in STROKES or kind in OF_ONE_VENUE:
        if draw(st.booleans()):
            keys["for_s"], keys["probability"] = draw(_seconds(0.1, 30)), draw(st.sampled_from((1.0, 0.5, 0.1)))
        else:
            keys["count"] = draw(st.integers(1, 6))
    elif kind not in SINGLE:
        keys["for_s"] = draw(_seconds(0.1, 30))
    if kind in OF_BOOKS:
        keys["outcome"] = draw(st.sampled_from(("up", "down")))
    return make_fault(**keys, **_particulars(draw, kind))


def _particulars(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    if kind == "delayed":
        return {"delay_s": draw(_seconds(0.1, 8))}
    if kind == "sequence_gap":
        return {"skip": draw(st.sampled_from((1, 2, 1000)))}
    if kind == "clock_skew":
        return {"skew_s": draw(_seconds(0.1, 60)) * draw(st.sampled_from((1, -1)))}
    if kind in ("crossed_book", "parity_torn"):
        return {"by": draw(st.sampled_from((0.05, 0.01, 0.2)))}
    if kind == "one_sided_book":
        return {"side": draw(st.sampled_from(("bids", "asks")))}
    if kind == "http_status":
        return {"host": draw(st.sampled_from(("gamma", "clob"))), "status": draw(st.sampled_from((429, 425, 503)))}
    if kind == "tick_change":
        return {"announced": draw(st.booleans())}
    if kind in ("resolves_twice", "resolves_proposed"):
        return {"by_s": draw(_seconds(1, 20))}
    return {}


@st.composite
def timelines(draw: st.DrawFn, kinds: tuple[str, ...] = TRIED, most: int = 6) -> Timeline:
    """A few explicit faults, so that a failing timeline shrinks to those that matter. Each kind once: the same spoiling
    done twice to one frame may undo or outdo itself, and then shows otherwise than its table says."""
    chosen = draw(st.lists(faults(kinds), min_size=1, max_size=most, unique_by=lambda fault: fault.kind))
    return Timeline(seed=draw(st.integers(0, 1000)), fault=tuple(sorted(chosen, key=lambda fault: fault.at_s)))
