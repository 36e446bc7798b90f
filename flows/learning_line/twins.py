"""The settings under which every instance that may be promoted runs as a paper twin: alone on its account, at full
size, and never stopped by what it loses, so that what it shows does not depend on what was decided about it."""

from __future__ import annotations

from typing import Final

from flows.trading_line.unguarded import unguarded
from models.promotion.states import TWIN
from models.settings import Settings
from models.strategies.instance import Instance, InstanceTable, all_instances

_INTERVAL_S: Final = 60.0


def candidates(settings: Settings) -> dict[str, Instance]:
    """The instances that promotions concern, by id: those that are on, and configured as ``shadow`` or ``active``."""
    return {
        name: each
        for name, each in all_instances(settings).items()
        if each.enabled and each.state in ("shadow", "active")
    }


def twin_settings(settings: Settings) -> Settings:
    """``settings`` with a twin of each candidate, and nothing else that is evaluated."""
    tables = [
        InstanceTable(
            id=name + TWIN,
            strategy=each.strategy.name,
            state="twin",
            parameters=each.parameters.model_dump(mode="json", exclude={"state"}),
        )
        for name, each in candidates(settings).items()
    ]
    off = [
        InstanceTable(id=name, strategy=name, state="paused", parameters={"enabled": False})
        for name in dict.fromkeys(each.strategy.name for each in all_instances(settings).values())
    ]
    return unguarded(settings).model_copy(
        update={
            "instances": (*off, *tables),
            "telemetry": settings.telemetry.model_copy(update={"interval_s": _INTERVAL_S}),
        }
    )
