"""The chain of a decision: raw frames, journal events, spans, decision, orders, fills, postings, outcome.

Read from the archive alone, so that it can be read long after the run, and by anyone who has the files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from pydantic import BaseModel

from api.server.held import HeldPosition, held_by
from api.server.lookup import Lookup
from api.server.places import Places
from api.server.sentence import limits_of, sentence_of
from models.contracts import Decision, Fill, Order, Outcome, Posting
from models.envelope import not_an_envelope
from models.failures import Failure
from models.message import Stored
from models.record import Record
from models.timestamps import SECOND
from models.topics import DECISIONS, FILLS, JOURNAL, LEDGER, ORDERS, OUTCOMES

#: The producer that numbers the journal: an event's seq is the ordinal of its record.
JOURNAL_PRODUCER: Final = "market"
_SHOWN_BYTES: Final = 2_000
_NEAR_NS: Final = 60 * SECOND
_NEAR: Final = 3
_ID: Final = re.compile(r"d(\d+)-.+")
_FINAL: Final = ("filled", "partly_filled", "rejected")
_R = TypeVar("_R", bound=Record)


class FrameView(BaseModel):
    """A feed record. ``roles``: what it was used as. ``frame``: its first bytes as text; ``missing``: why there is
    none. Times are Unix nanoseconds, ``size`` is in bytes."""

    roles: list[str]
    topic: str
    partition: int
    offset: int
    received_ns: int | None = None
    recorder_run: str | None = None
    sequence: int | None = None
    connection: str | None = None
    number: int | None = None
    size: int | None = None
    frame: str | None = None
    shortened: bool = False
    missing: str | None = None


class JournalEvent(BaseModel):
    """A journal event, whole. ``event`` is None where the archives do not hold it."""

    seq: int
    roles: list[str]
    topic: str | None = None
    offset: int | None = None
    event: dict[str, Any] | None = None


class Chain(BaseModel):
    """Everything from the raw frames to the money. ``sentence``: what was done and why. ``position``: what became of
    what the decision bought or sold. ``realised`` is the PnL of the decision's strategy in its market in micro-dollars,
    None while the market is not settled; ``notes`` says what could not be found and why."""

    run: str
    sentence: str
    frames: list[FrameView]
    journal: list[JournalEvent]
    decision: Decision
    orders: list[Order]
    fills: list[Fill]
    postings: list[Posting]
    outcome: Outcome | None
    position: HeldPosition | None
    realised: int | None
    notes: list[str]


class UnknownDecision(Failure):
    """No decision of that id in the run."""


def find_decision(places: Places, name: str) -> Decision | None:
    """The decision that ``name`` is the id of, or that sent the order, or the order of the fill, of that id."""
    found = _decision(places, name)
    if found is not None:
        return found
    text = b'"id":' + json.dumps(name).encode()
    orders = _parsed(Order, places.own.containing(ORDERS, text))
    fills = _parsed(Fill, places.own.containing(FILLS, text))
    senders = {each.id: each.decision for each in orders} | {each.id: each.decision for each in fills}
    return _decision(places, senders[name]) if name in senders else None


def _decision(places: Places, decision_id: str) -> Decision | None:
    """The decision, by the journal event in its id, else by a search of the whole topic."""
    match = _ID.fullmatch(decision_id)
    if match:
        event = _journal_event(places, int(match[1]))
        if event is not None:
            # Kafka may have carried the time in milliseconds
            near = places.own.between(DECISIONS, event.t_ns - SECOND // 1000, event.t_ns + SECOND // 1000)
            for found in _parsed(Decision, near):
                if found.id == decision_id:
                    return found
    text = b'"id":' + json.dumps(decision_id).encode()
    return next((d for d in _parsed(Decision, places.own.containing(DECISIONS, text)) if d.id == decision_id), None)


def chain_of(places: Places, decision_id: str, known: Decision | None = None) -> Chain:
    """The chain. ``known``: the decision, where somebody has it who is quicker than the archive. Raises UnknownDecision
    with ids that are near."""
    decision = known or find_decision(places, decision_id)
    if decision is None:
        raise _unknown(places, decision_id)
    own = places.own
    notes: list[str] = []
    orders = _orders(own, decision)
    stored_fills = own.keyed(FILLS, decision.order_ids, decision.timestamp) if decision.order_ids else []
    fills = _parsed(Fill, stored_fills)
    outcome = _outcome(own, decision)
    postings = _postings(own, decision, orders, stored_fills, fills, outcome)
    if outcome is None:
        notes.append(f"{decision.market_key} is not settled in this archive: what all of it came to is not known yet")
    missing = sorted(set(decision.order_ids) - {order.id for order in orders if order.status in _FINAL})
    if missing:
        notes.append(f"no final state of {', '.join(missing)} in this archive")
    journal, frames = _evidence(places, decision, fills, notes)
    return Chain(
        run=places.folder.name,
        sentence=sentence_of(decision, fills, limits_of(places.folder)),
        frames=frames,
        journal=journal,
        decision=decision,
        orders=orders,
        fills=fills,
        postings=postings,
        outcome=outcome,
        position=held_by(own, fills, outcome),
        realised=None if outcome is None else outcome.pnl.get(decision.strategy, 0),
        notes=notes,
    )


def _journal_event(places: Places, seq: int) -> Stored | None:
    archive = places.holding(JOURNAL)
    return archive.numbered(JOURNAL, JOURNAL_PRODUCER, seq) if archive is not None else None


def _orders(own: Lookup, decision: Decision) -> list[Order]:
    if not decision.order_ids:
        return []
    return _parsed(Order, own.keyed(ORDERS, decision.order_ids, decision.timestamp))


def _outcome(own: Lookup, decision: Decision) -> Outcome | None:
    found = _parsed(Outcome, own.keyed(OUTCOMES, [decision.market_key], decision.timestamp))
    return found[0] if found else None


def _postings(
    own: Lookup,
    decision: Decision,
    orders: list[Order],
    stored_fills: list[Stored],
    fills: list[Fill],
    outcome: Outcome | None,
) -> list[Posting]:
    """The transactions of the decision's orders and fills, and the settlement of its strategy's position."""
    references = {order.id for order in orders} | {fill.id for fill in fills}
    times = {order.timestamp for order in orders} | {stored.t_ns for stored in stored_fills}
    holds = decision.action == "settle" or bool(fills)
    if outcome is not None and holds:
        times.add(outcome.timestamp)
    outcomes: set[str] = {fill.outcome for fill in fills} or {decision.outcome}
    positions = {f"position:{decision.strategy}:{decision.market_key}:{each}" for each in outcomes}
    selected: list[Posting] = []
    for t in sorted(times):
        rows = _parsed(Posting, own.between(LEDGER, t, t))
        settled = {row.transaction for row in rows if row.kind == "settle" and row.account in positions}
        selected.extend(row for row in rows if row.ref in references or (holds and row.transaction in settled))
    return selected


def _evidence(
    places: Places, decision: Decision, fills: list[Fill], notes: list[str]
) -> tuple[list[JournalEvent], list[FrameView]]:
    """The journal events and frames that decision and fills rest on, each once, in their order."""
    events: dict[int, list[str]] = {}
    frames: dict[tuple[str, int, int], list[str]] = {}
    for source in decision.sources:
        if source.journal >= 0:
            _add(events, source.journal, source.name.removesuffix("_snapshot"))
        if source.topic:
            _add(frames, (source.topic, source.partition, source.offset), source.name)
    for fill in fills:
        _add(events, fill.journal, "execution")
        if fill.book_journal >= 0:
            _add(events, fill.book_journal, "book of the fill")
    journal: list[JournalEvent] = []
    for seq, roles in sorted(events.items()):
        stored = _journal_event(places, seq)
        if stored is None:
            journal.append(JournalEvent(seq=seq, roles=roles))
            continue
        event = json.loads(stored.value)
        journal.append(JournalEvent(seq=seq, roles=roles, topic=stored.topic, offset=stored.offset, event=event))
        topic, partition, offset = event["src"]
        if topic and any(role in ("execution", "book of the fill") for role in roles):
            _add(
                frames, (topic, partition, offset), next(role for role in roles if role.endswith(("execution", "fill")))
            )
    if any(each.event is None for each in journal):
        notes.append("the archives do not hold all journal events this rests on")
    found = [_frame(places, place, roles) for place, roles in sorted(frames.items())]
    if any(frame.missing for frame in found):
        notes.append("the archives do not hold all raw frames this rests on")
    return journal, found


def _add(selected: dict[Any, list[str]], key: Any, role: str) -> None:
    roles = selected.setdefault(key, [])
    if role not in roles:
        roles.append(role)


def _frame(places: Places, place: tuple[str, int, int], roles: list[str]) -> FrameView:
    topic, partition, offset = place
    frame = FrameView(roles=roles, topic=topic, partition=partition, offset=offset)
    archive = places.holding(topic)
    stored = archive.at(topic, offset) if archive is not None else None
    if stored is None:
        why = f"no archive of this run holds {topic}" if archive is None else f"{archive.directory} has no such offset"
        return frame.model_copy(update={"missing": why})
    update: dict[str, Any] = {
        "size": len(stored.value),
        "frame": stored.value[:_SHOWN_BYTES].decode("utf-8", "replace"),
        "shortened": len(stored.value) > _SHOWN_BYTES,
    }
    receipt = stored.receipt
    if receipt is not None:
        update |= {
            "received_ns": receipt.recv_ns,
            "recorder_run": receipt.run,
            "sequence": receipt.seq,
            "connection": receipt.conn,
            "number": receipt.n,
        }
    elif stored.envelope:
        update["missing"] = not_an_envelope(stored.envelope)
    return frame.model_copy(update=update)


def _parsed(contract: type[_R], records: Iterable[Stored]) -> list[_R]:
    return [contract.read(record.value) for record in records]


def _unknown(places: Places, decision_id: str) -> UnknownDecision:
    near: list[Decision] = []
    match = _ID.fullmatch(decision_id)
    event = _journal_event(places, int(match[1])) if match else None
    if match and event is not None:
        around = _parsed(Decision, places.own.between(DECISIONS, event.t_ns - _NEAR_NS, event.t_ns + _NEAR_NS))
        near = sorted(around, key=lambda each: (abs(each.journal - int(match[1])), each.id))[:_NEAR]
    words = "Near it are"
    if not near:
        near, words = _parsed(Decision, places.own.last(DECISIONS, _NEAR)), "The last ones are"
    if not near:
        return UnknownDecision(
            f"the run {places.folder.name} holds no decision yet.",
            f"Its archive is at most seconds behind; all: profit sql --run {places.folder.name} 'FROM v_decisions'",
        )
    ids = ", ".join(each.id for each in near)
    return UnknownDecision(
        f"the run {places.folder.name} has no decision, order or fill {decision_id}.",
        f"{words} {ids}. All are listed by: profit sql --run {places.folder.name} 'FROM v_decisions'",
    )
