"""Records of the topics as the answers have them: dollars, shares, ISO times, and words beside every code."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from api.server import formats
from api.server.sentence import sentence_of
from api.server.titles import window_of
from api.server.views.decisions import DecisionView, FillView, OrderView, ScanView, SourceView, SpanView
from api.server.views.health import DeadLetterView
from api.server.views.money import OutcomeView, PostingView
from api.server.views.operator import Acknowledged
from api.server.views.risk import RiskEventView
from models.contracts import Answer, DeadLetter, Decision, Fill, Number, Order, Outcome, Posting, RiskEvent, Scan
from models.reasons import MEANING, Reason
from models.remedies import act_of, remedy
from models.timestamps import SECOND

Title = Callable[[str], str]
_PRICE_IS = {"block": "ask", "settle": "payout", "correct": "payout"}


def meaning_of(reason: str) -> str:
    """The one line of a reason code; "" for what is none."""
    try:
        return MEANING[Reason(reason)]
    except ValueError:
        return ""


def decision(record: Decision, title: Title, limits: Mapping[str, float]) -> DecisionView:
    kind = _PRICE_IS.get(record.action, "limit")
    return DecisionView(
        id=record.id,
        journal=record.journal,
        time=formats.iso(record.timestamp),
        time_ns=record.timestamp,
        strategy=record.strategy,
        market_key=record.market_key,
        market=title(record.market_key),
        outcome=record.outcome,
        action="refuse" if record.action == "block" else record.action,
        verdict=record.verdict,
        reason=record.reason,
        meaning=MEANING[record.reason],
        sentence=sentence_of(record, None, limits),
        price_usd=None if kind == "ask" and not record.price else formats.price(record.price),
        price_is=kind,
        size_shares=formats.shares(record.size),
        times=record.repeats + 1,
        first_id=record.id,
        order_ids=record.order_ids,
        spans=[
            SpanView(
                module=span.module,
                verdict=span.verdict,
                reason=span.reason,
                meaning=MEANING[span.reason],
                act=act_of(span.reason) if span.verdict != "pass" else "none",
                to_change=remedy(span.reason, span.numbers) if span.verdict != "pass" else "",
                numbers=dict(span.numbers),
            )
            for span in record.spans
        ],
        sources=[SourceView(**msgspec.structs.asdict(source)) for source in record.sources],
        configuration=record.configuration,
        model=record.model,
    )


def order(record: Order, title: Title) -> OrderView:
    return OrderView(
        id=record.id,
        decision=record.decision,
        journal=record.journal,
        time=formats.iso(record.timestamp),
        strategy=record.strategy,
        market_key=record.market_key,
        market=title(record.market_key),
        outcome=record.outcome,
        side=record.side,
        kind=record.kind,
        limit_usd=formats.price(record.limit),
        size_shares=formats.shares(record.size),
        filled_shares=formats.shares(record.filled),
        due=formats.iso(record.due),
        status=record.status,
        reason=record.reason,
        meaning=MEANING[record.reason],
    )


def fill(record: Fill, title: Title) -> FillView:
    return FillView(
        id=record.id,
        order=record.order,
        decision=record.decision,
        journal=record.journal,
        time=formats.iso(record.timestamp),
        strategy=record.strategy,
        market_key=record.market_key,
        market=title(record.market_key),
        outcome=record.outcome,
        side=record.side,
        price_usd=formats.price(record.price),
        size_shares=formats.shares(record.size),
        gross_usd=formats.usd(record.gross),
        fee_usd=formats.usd(record.fee),
        evidence=record.evidence,
        account=record.account,
    )


def posting(record: Posting) -> PostingView:
    return PostingView(
        id=record.id,
        transaction=record.transaction,
        journal=record.journal,
        time=formats.iso(record.timestamp),
        kind=record.kind,
        account=record.account,
        amount_usd=formats.usd(record.amount),
        ref=record.ref,
    )


def outcome(record: Outcome, title: Title) -> OutcomeView:
    return OutcomeView(
        id=record.id,
        journal=record.journal,
        time=formats.iso(record.timestamp),
        market_key=record.market_key,
        market=title(record.market_key),
        result=result_of(record),
        payout_up_usd=formats.price(record.payout_up),
        payout_down_usd=formats.price(record.payout_down),
        source=record.source,
        pnl_usd={name: formats.usd(amount) for name, amount in record.pnl.items()},
        corrects=record.corrects,
    )


def result_of(record: Outcome) -> str:
    """Up, Down, or what a share of Up paid."""
    if record.payout_up > record.payout_down:
        return "Up"
    return "Down" if record.payout_down > record.payout_up else "Split"


def scan(record: Scan, title: Title, now_ns: int) -> ScanView:
    window = window_of(record.market_key)
    return ScanView(
        strategy=record.strategy,
        market_key=record.market_key,
        market=title(record.market_key),
        time=formats.iso(record.timestamp),
        age_s=round(max(now_ns - record.timestamp, 0) / SECOND, 1),
        score=record.score,
        threshold=record.threshold,
        margin=record.margin,
        unit=record.unit,
        metric_family=record.metric_family,
        normalised=record.normalised,
        rank=record.rank,
        warming=record.warming,
        over=window is not None and now_ns >= window.end,
        verdict=record.verdict,
        reason=record.reason,
        meaning=MEANING[record.reason],
        act=act_of(record.reason) if record.verdict != "pass" else "none",
        to_change=to_change(record),
        detail=dict(record.numbers),
    )


def to_change(record: Scan) -> str:
    """What would have to change for the strategy to pass here."""
    if record.verdict == "pass":
        return "nothing: it passes; gates and sizing decide"
    scored: dict[str, Number] = {"score": record.score, "threshold": record.threshold, "unit": record.unit}
    return remedy(record.reason, {**record.numbers, **scored})


def dead_letter(record: DeadLetter) -> DeadLetterView:
    return DeadLetterView(
        time=formats.iso(record.timestamp),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        reason=record.reason,
        detail=record.detail,
        frame=record.frame,
    )


def answer(record: Answer) -> Acknowledged:
    return Acknowledged(
        command=record.command,
        what=record.what,
        by=record.by,
        verdict=record.verdict,
        reason=record.reason,
        text=record.text,
        time=formats.iso(record.timestamp),
    )


def risk_event(record: RiskEvent) -> RiskEventView:
    return RiskEventView(
        id=record.id,
        time=formats.iso(record.timestamp),
        kind=record.kind,
        subject=record.subject,
        scope=record.scope,
        name=record.name,
        old=record.old,
        new=record.new,
        reason=record.reason,
        text=record.text,
        numbers=record.numbers,
    )
