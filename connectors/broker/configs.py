"""What can be set of a topic, by the names that Kafka has for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final, Self

_FOREVER: Final = -1


class Unfit(Exception):
    """A setting that this broker does not have, or a value it does not take."""


@dataclass(frozen=True)
class Configs:
    """Of one topic. Times in ms, -1 for good; ``retention_bytes`` of each partition, -1 without a bound;
    ``segment_bytes`` 0: as the broker has it."""

    retention_ms: int = 7 * 24 * 3_600_000
    retention_bytes: int = _FOREVER
    max_message_bytes: int = 1_048_588
    segment_bytes: int = 0
    segment_ms: int = 7 * 24 * 3_600_000
    timestamp_type: str = "CreateTime"

    @property
    def has_append_time(self) -> bool:
        return self.timestamp_type == "LogAppendTime"

    @property
    def is_for_good(self) -> bool:
        """Whether its records are never deleted, be the disk as full as it may."""
        return self.retention_ms < 0 and self.retention_bytes < 0

    @classmethod
    def of(cls, given: Mapping[str, str | None]) -> Self:
        """Raises Unfit, with a word of why."""
        known: dict[str, int | str] = {}
        for name, value in given.items():
            if value is None:
                continue
            if name in _ONLY:
                if value not in _ONLY[name]:
                    raise Unfit(f"{name} = {value}: the embedded broker has {' or '.join(_ONLY[name])} only")
            elif name == "message.timestamp.type":
                if value not in ("CreateTime", "LogAppendTime"):
                    raise Unfit(f"{name} = {value}: CreateTime or LogAppendTime")
                known["timestamp_type"] = value
            elif name in _NUMBERS:
                attribute, least = _NUMBERS[name]
                known[attribute] = _number(name, value, least)
            else:
                raise Unfit(f"{name}: the embedded broker has no such setting")
        return cls(**known)  # type: ignore[arg-type]

    def told(self) -> dict[str, tuple[str, bool]]:
        """Each setting's value, and whether it is the default."""
        default = {field.name: field.default for field in fields(self)}
        names = {attribute: name for name, (attribute, _) in _NUMBERS.items()}
        names["timestamp_type"] = "message.timestamp.type"
        found = {
            names[attribute]: (str(getattr(self, attribute)), getattr(self, attribute) == default[attribute])
            for attribute in names
        }
        return found | {name: (values[0], True) for name, values in _ONLY.items()}


#: Name to attribute, and the least value.
_NUMBERS: Final[dict[str, tuple[str, int]]] = {
    "retention.ms": ("retention_ms", _FOREVER),
    "retention.bytes": ("retention_bytes", _FOREVER),
    "max.message.bytes": ("max_message_bytes", 0),
    "segment.bytes": ("segment_bytes", 1_024),
    "segment.ms": ("segment_ms", 1),
}
_ONLY: Final[dict[str, tuple[str, ...]]] = {
    "cleanup.policy": ("delete",),
    "compression.type": ("producer",),
    "min.insync.replicas": ("1",),
}
_MOST: Final = (1 << 63) - 1


def _number(name: str, value: str, least: int) -> int:
    try:
        number = int(value)
    except ValueError:
        raise Unfit(f"{name} = {value}: not a number") from None
    if not least <= number <= _MOST:
        raise Unfit(f"{name} = {value}: {least} at least")
    return number
