"""A finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Diagnosis:
    """What was looked at, how it is, what was seen, and what to do about it ("" where nothing is)."""

    check: str
    status: Status
    seen: str
    cure: str = ""


def ok(check: str, seen: str) -> Diagnosis:
    return Diagnosis(check, "ok", seen)


def warning(check: str, seen: str, cure: str) -> Diagnosis:
    return Diagnosis(check, "warning", seen, cure)


def failed(check: str, seen: str, cure: str) -> Diagnosis:
    return Diagnosis(check, "failed", seen, cure)


def skipped(check: str, seen: str, cure: str = "") -> Diagnosis:
    return Diagnosis(check, "skipped", seen, cure)
