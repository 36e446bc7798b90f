"""Decisions: a page of them, one of them, and the whole trace of one. From memory first, then audit and archive."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import BaseModel, Field

from api.server import audit, presenting
from api.server.board import MOST_ROWS, Board
from api.server.chain import FrameView, JournalEvent, UnknownDecision, chain_of
from api.server.formats import usd
from api.server.held import HeldPosition
from api.server.named import place_of
from api.server.places import Places
from api.server.views.decisions import Decisions, DecisionView, FillView, OrderView
from api.server.views.money import OutcomeView, PostingView
from models.contracts import Decision
from models.failures import Failure
from models.reasons import MEANING
from models.record import fields_of

_CURSOR: Final = re.compile(r"([0-9]{1,18}):(.{1,280})", re.DOTALL)
_CHUNK: Final = 500
_COLUMNS: Final = tuple(field.name for field in fields_of(Decision))


#: What a search for words looks at, with the meaning of the reason.
SEARCHED: Final = ("id", "market_key", "strategy", "action", "outcome", "reason")


class DecisionFilter(NamedTuple):
    """What a page is to hold; empty for all."""

    strategy: str
    market: str
    reason: str
    action: str
    refusals: bool
    words: str = ""  # each has to stand in what is searched

    def takes(self, decision: Decision) -> bool:
        return (
            (self.refusals or decision.action != "block")
            and self.strategy in ("", decision.strategy)
            and self.market in ("", decision.market_key)
            and self.reason in ("", str(decision.reason))
            and self.action in ("", "refuse" if decision.action == "block" else decision.action)
            and self._has_words(decision)
        )

    def _has_words(self, decision: Decision) -> bool:
        if not self.words:
            return True
        said = " ".join(
            ("refuse" if name == "action" and decision.action == "block" else str(getattr(decision, name)))
            for name in SEARCHED
        ).lower()
        said += " " + MEANING[decision.reason].lower()
        return all(word in said for word in self.words.lower().split())


@dataclass
class _Row:
    """The first decision of some equal ones, how many there are, and the place of the last."""

    first: Decision
    times: int
    last: tuple[int, str]


class Trace(BaseModel):
    """Everything from the raw frames to the money, of one decision."""

    sentence: str = Field(description="what was done and why, in one sentence")
    decision: DecisionView
    frames: list[FrameView]
    journal: list[JournalEvent]
    orders: list[OrderView]
    fills: list[FillView]
    postings: list[PostingView]
    outcome: OutcomeView | None
    position: HeldPosition | None = Field(description="what became of what it bought or sold; null without a fill")
    realised_usd: float | None = Field(description="dollars, of the strategy in this market; null until it is settled")
    complete: bool = Field(description="whether the archive has all frames already")
    notes: list[str] = Field(description="what could not be found, and why")


def page(board: Board, run_dir: Path, asked: DecisionFilter, limit: int, before: str) -> Decisions:
    """Up to ``limit`` decisions older than ``before``. Equal refusals that follow each other are one row."""
    place = place_of(_CURSOR, before)
    found: list[_Row] = []
    oldest = place

    def add(decision: Decision) -> None:
        nonlocal oldest
        oldest = (decision.journal, decision.id)
        if not asked.takes(decision):
            return
        if found and decision.action == "block" and _alike(found[-1].first, decision):
            found[-1].times += decision.repeats + 1
            found[-1].last = oldest
        elif len(found) <= limit:
            found.append(_Row(decision, decision.repeats + 1, oldest))

    # The two kinds are kept apart and reach back differently far: beyond the shorter one the audit is asked.
    reach = board.reach() if asked.refusals else 0
    known = [each for _, each in board.decision_records(2 * MOST_ROWS)]
    for each in sorted(known, key=lambda each: (each.journal, each.id), reverse=True):
        if each.journal < reach or len(found) > limit:
            break
        if place is None or (each.journal, each.id) < place:
            add(each)
    with contextlib.suppress(audit.NoAudit):  # memory is all there is yet
        while len(found) <= limit:
            older = _older(run_dir, asked, oldest, _CHUNK)
            for each in older:
                if len(found) <= limit:
                    add(each)
            if len(older) < _CHUNK:
                break
    shown = found[:limit]
    presented = [_presented(board, row) for row in shown]
    journal, last = shown[-1].last if len(found) > limit and shown else (0, "")
    return Decisions(decisions=presented, next=f"{journal}:{last}" if last else "")


def _presented(board: Board, row: _Row) -> DecisionView:
    return board.seen(row.first).model_copy(update={"times": row.times, "first_id": row.last[1]})


def collapsed(board: Board, decisions: list[Decision], most: int) -> list[DecisionView]:
    """The first ``most`` rows; equal refusals that follow each other are one, with how often."""
    found: list[_Row] = []
    for each in decisions:
        if found and each.action == "block" and _alike(found[-1].first, each):
            found[-1].times += each.repeats + 1
            found[-1].last = (each.journal, each.id)
        elif len(found) == most:
            break
        else:
            found.append(_Row(each, each.repeats + 1, (each.journal, each.id)))
    return [_presented(board, row) for row in found]


def _alike(one: Decision, other: Decision) -> bool:
    return (one.action, one.strategy, one.market_key, one.outcome, one.reason) == (
        other.action,
        other.strategy,
        other.market_key,
        other.outcome,
        other.reason,
    )


def _older(run_dir: Path, asked: DecisionFilter, cursor: tuple[int, str] | None, limit: int) -> list[Decision]:
    wanted: list[str] = []
    values: list[Any] = []
    if cursor is not None:
        wanted.append("(journal < ? OR (journal = ? AND id < ?))")
        values += [cursor[0], cursor[0], cursor[1]]
    if not asked.refusals:
        wanted.append("action <> 'block'")
    action = "block" if asked.action == "refuse" else asked.action
    said = " || ' ' || ".join(
        "CASE action WHEN 'block' THEN 'refuse' ELSE action END" if name == "action" else name for name in SEARCHED
    )
    for word in asked.words.lower().split():
        wanted.append(f"(contains(lower({said}), ?) OR list_contains(?, reason))")
        values += [word, [str(reason) for reason, meaning in MEANING.items() if word in meaning.lower()]]
    for column, value in (
        ("strategy", asked.strategy),
        ("market_key", asked.market),
        ("reason", asked.reason),
        ("action", action),
    ):
        if value:
            wanted.append(f"{column} = ?")
            values.append(value)
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    query = f"SELECT {columns} FROM decisions {where} ORDER BY journal DESC, id DESC LIMIT {int(limit)}"
    return [_decision(row) for row in audit.ask(run_dir, query, values)]


def _decision(row: tuple[Any, ...]) -> Decision:
    given = dict(zip(_COLUMNS, row, strict=True))
    given["spans"] = [{**span, "numbers": _mapping(span["numbers"])} for span in given["spans"] or []]
    given["sources"] = given["sources"] or []
    given["order_ids"] = given["order_ids"] or []
    return msgspec.convert(given, Decision)


def _mapping(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        loaded = json.loads(value)
        return dict(loaded) if isinstance(loaded, dict) else {}
    return dict(value or {})


def one(board: Board, run_dir: Path, decision_id: str) -> Decision:
    """The decision. Raises UnknownDecision."""
    known = board.decision(decision_id)
    if known is not None:
        return known
    columns = ", ".join(f'"{name}"' for name in _COLUMNS)
    try:
        rows = audit.ask(run_dir, f"SELECT {columns} FROM decisions WHERE id = ?", [decision_id])
    except audit.NoAudit:
        rows = []
    if not rows:
        raise UnknownDecision(f"there is no decision {decision_id[:80]}.", "Choose one of the list of decisions.")
    return _decision(rows[0])


def trace(board: Board, run_dir: Path, decision_id: str) -> Trace:
    """The trace; as far as the archive has come. Raises UnknownDecision."""
    decision = one(board, run_dir, decision_id)
    view = board.seen(decision)
    try:
        chain = chain_of(Places(run_dir), decision_id, decision)
    except Failure as failure:
        return Trace(
            sentence=view.sentence, decision=view, frames=[], journal=[], orders=[], fills=[], postings=[],
            outcome=None, position=None, realised_usd=None, complete=False, notes=[f"frames follow: {failure.cause}"],
        )  # fmt: skip
    title = board.title
    return Trace(
        sentence=chain.sentence,
        decision=view,
        frames=chain.frames,
        journal=chain.journal,
        orders=[presenting.order(each, title) for each in chain.orders],
        fills=[presenting.fill(each, title) for each in chain.fills],
        postings=[presenting.posting(each) for each in chain.postings],
        outcome=presenting.outcome(chain.outcome, title) if chain.outcome is not None else None,
        position=chain.position,
        realised_usd=usd(chain.realised) if chain.realised is not None else None,
        complete=bool(chain.frames) and not any(frame.missing for frame in chain.frames),
        notes=chain.notes,
    )
