"""Processor time an event by stage of the trading line, and what each strategy adds to the lanes alone.

The stages feed forward only, so each is run on a batch of events after the other and timed as a whole: a clock around
each event would cost as much as some stages do.
"""

from __future__ import annotations

import gc
import time
from typing import Final

from flows.trading_line.items import Configured, Judged, Routed
from flows.trading_line.lane import Lane
from flows.trading_line.line import OrderedDesk
from flows.trading_line.route import Router
from models.journal import AnyEvent, decode_event
from models.message import Message
from models.settings import Settings
from models.strategies.registry import STRATEGIES

_BATCH: Final = 500
STAGES: Final = ("decode", "route", "lanes", "portfolio")


def only(settings: Settings, *names: str) -> Settings:
    """The same settings with these strategies switched on, and no other."""
    return settings.model_copy(
        update={
            each.section: getattr(settings, each.section).model_copy(update={"enabled": each.name in names})
            for each in STRATEGIES.values()
        }
    )


def by_stage(journal: list[Message], settings: Settings) -> dict[str, float]:
    """Microseconds of processor time an event, by stage."""
    gc.collect()
    router, lanes, desk = Router(), _Lanes(settings), OrderedDesk(settings)
    spent = dict.fromkeys(STAGES, 0)
    for start in range(0, len(journal), _BATCH):
        batch = journal[start : start + _BATCH]
        began = time.process_time_ns()
        events: list[AnyEvent] = [decode_event(message.value) for message in batch]
        decoded = time.process_time_ns()
        routed = [each for event in events for each in router.route(event, True)]
        sent = time.process_time_ns()
        judged = lanes.judge(routed)
        asked = time.process_time_ns()
        for each in judged:
            for copies in desk.ready(each):
                desk.decide(copies)
        done = time.process_time_ns()
        for stage, nanoseconds in zip(
            STAGES, (decoded - began, sent - decoded, asked - sent, done - asked), strict=True
        ):
            spent[stage] += nanoseconds
    return {stage: nanoseconds / 1e3 / len(journal) for stage, nanoseconds in spent.items()}


def by_strategy(journal: list[Message], settings: Settings) -> dict[str, float]:
    """Microseconds of processor time an event that each strategy takes in the lanes where it is alone, data gate and
    its features included, beyond lanes that ask nobody."""
    router = Router()
    routed = [each for message in journal for each in router.route(decode_event(message.value), True)]

    def spent(*names: str) -> float:
        gc.collect()
        lanes = _Lanes(only(settings, *names))
        began = time.process_time_ns()
        lanes.judge(routed)
        return (time.process_time_ns() - began) / 1e3 / len(journal)

    nobody = spent()
    return {name: spent(name) - nobody for name in STRATEGIES}


class _Lanes:
    """A lane for each underlying, made when it is first heard of."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lanes: dict[str, Lane] = {}

    def judge(self, routed: list[Routed | Configured]) -> list[Judged]:
        lanes, judged = self._lanes, []
        for each in routed:
            if isinstance(each, Configured):
                continue
            lane = lanes.get(each.lane)
            if lane is None:
                lane = lanes[each.lane] = Lane(self._settings)
            judged.append(lane.judge(each))
        return judged
