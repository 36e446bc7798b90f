"""A finding of the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, what was seen, and what to do about it ("" where nothing is)."""

    check: str
    status: Status
    seen: str
    cure: str = ""


def ok(check: str, seen: str) -> Finding:
    return Finding(check, "ok", seen)


def warning(check: str, seen: str, cure: str) -> Finding:
    return Finding(check, "warning", seen, cure)


def failed(check: str, seen: str, cure: str) -> Finding:
    return Finding(check, "failed", seen, cure)


def skipped(check: str, seen: str, cure: str = "") -> Finding:
    return Finding(check, "skipped", seen, cure)
