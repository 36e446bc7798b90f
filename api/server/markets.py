"""The market pages: every window in short, and one of them whole, from feed to profit."""

from __future__ import annotations

from typing import Final, Literal

from api.server import presenting
from api.server.board import Board
from api.server.decisions import collapsed
from api.server.formats import iso, price, shares, usd
from api.server.ladders import ladders_of
from api.server.views.markets import MarketPoint, MarketSummary, MarketView, Stage
from api.server.windows import Followed, Point, spot_usd
from models.contracts import Decision, Span
from models.fair_value import variance_interval
from models.money import DOLLAR, PIP
from models.settings import FairValue
from models.timestamps import SECOND
from models.volatility import effective_returns

_CURVE: Final = 600
_ROWS: Final = 12
_BEFORE: Final = 12
State = Literal["coming", "open", "ended", "settled"]


def summary_of(board: Board, followed: Followed) -> MarketSummary:
    window = followed.window
    now = board.newest_ns
    outcome = board.results.get(followed.key)
    state: State = "open"
    left: float | None = None
    if window is not None:
        left = max((window.end - now) / SECOND, 0.0)
        state = "coming" if now < window.start else "open" if now < window.end else "ended"
    if outcome is not None:
        state = "settled"
    definition = followed.definition
    strike = followed.features.values.get("strike") if followed.features is not None else None
    if strike is None and definition is not None and definition.strike is not None:
        strike = definition.strike / DOLLAR
    made = board.accounts.results.get(followed.key)
    return MarketSummary(
        market_key=followed.key,
        market=board.title(followed.key),
        asset=window.asset if window is not None else "",
        horizon=window.horizon if window is not None else "",
        start=iso(window.start) if window is not None else "",
        end=iso(window.end) if window is not None else "",
        time_left_s=left,
        state=state,
        result=presenting.result_of(outcome) if outcome is not None else "",
        mid=followed.mid,
        fair=followed.fair,
        strike_usd=float(strike) if isinstance(strike, int | float) else None,
        pnl_usd=usd(made) if made is not None and outcome is not None and outcome.pnl else None,
    )


def view_of(board: Board, followed: Followed, model: FairValue) -> MarketView:
    """``margin``: dollars a share, what the configuration allows for the model's own error."""
    key = followed.key
    decisions = [each for _, each in board.decision_records(1_000) if each.market_key == key]
    latest = {each.id: each for each in reversed(board.order_records()) if each.market_key == key}
    orders = [presenting.order(each, board.title) for each in reversed(latest.values())]
    fills = [presenting.fill(each, board.title) for each in board.fill_records() if each.market_key == key]
    window = followed.window
    before = [
        each
        for each in board.windows.ordered()
        if window is not None
        and each.window is not None
        and (each.window.asset, each.window.horizon) == (window.asset, window.horizon)
        and each.window.end <= window.start
    ]
    return MarketView(
        summary=summary_of(board, followed),
        stages=stages_of(board, followed, decisions),
        ladders=ladders_of(followed, board),
        curve=_curve(followed, model),
        features=dict(followed.features.values) if followed.features is not None else {},
        scans=[presenting.scan(each, board.title, board.newest_ns) for _, each in sorted(followed.scans.items())],
        decisions=collapsed(board, decisions, _ROWS),
        orders=orders[:_ROWS],
        fills=fills[:_ROWS],
        previous=[summary_of(board, each) for each in before[:_BEFORE]],
    )


def _curve(followed: Followed, model: FairValue) -> list[MarketPoint]:
    """At most some hundred points, evenly thinned; the last one always."""
    points = list(followed.curve)
    step = max(len(points) // _CURVE, 1)
    kept = points[(len(points) - 1) % step :: step] if points else []
    return [_seen_at(each, model) for each in kept]


def _seen_at(point: Point, model: FairValue) -> MarketPoint:
    low = high = None
    if point.fair is not None and point.returns:
        known = effective_returns(int(point.returns), model.half_life_s, model.sample_s)
        low, high = variance_interval(point.fair, known)
    return MarketPoint(
        time_s=float(point.second),
        mid=point.mid,
        fair=point.fair,
        low=low,
        high=high,
        edge=point.edge,
        threshold=point.threshold,
        spot=point.spot,
    )


def stages_of(board: Board, followed: Followed, decisions: list[Decision]) -> list[Stage]:
    """The loop for this window, left to right; each station with its last word."""
    scans = sorted(
        followed.scans.values(), key=lambda each: (each.metric_family != "edge_after_costs", -each.timestamp)
    )
    scan = scans[0] if scans else None
    book, features = followed.book, followed.features
    spot = board.windows.spots.get(followed.window.asset if followed.window is not None else "")
    found = [
        _stage(
            "feed",
            "pass" if book is not None and book.up is not None and book.up.ok else "block",
            book.checks[0] if book is not None and book.checks else "ok" if book is not None else "book_missing",
            " · ".join(
                part
                for part in (
                    f"mid {followed.mid:.3f}" if followed.mid is not None else "no two-sided book",
                    f"spot {spot_usd(spot):,.2f}" if spot is not None and spot.price else "no spot",
                )
            ),
            book.t if book is not None else 0,
        ),
        _stage(
            "fair value",
            "pass" if followed.fair is not None else "hold",
            "ok" if followed.fair is not None else "warming_up",
            f"Up {followed.fair:.3f}" if followed.fair is not None else "none yet",
            features.timestamp if features is not None else 0,
        ),
        _stage(
            "edge",
            str(scan.verdict) if scan is not None else "hold",
            str(scan.reason) if scan is not None else "not_started",
            f"{scan.score * 100:+.2f} ¢ of {scan.threshold * 100:.2f} ¢" if scan is not None else "not judged yet",
            scan.timestamp if scan is not None else 0,
        ),
    ]
    judged = next((each for each in decisions if _span(each, "sizing") is not None or each.action == "block"), None)
    span = (_span(judged, "sizing") or judged.spans[-1]) if judged is not None and judged.spans else None
    found.append(
        _stage(
            "sizing",
            str(span.verdict) if span is not None else "hold",
            str(span.reason) if span is not None else "ok",
            f"{shares(judged.size):,.2f} shares" if judged is not None and judged.size else
            (f"refused at {span.module}" if span is not None and span.verdict == "block" else "nothing to size"),
            judged.timestamp if judged is not None else 0,
        )
    )  # fmt: skip
    order = next((each for each in board.order_records() if each.market_key == followed.key), None)
    found.append(
        _stage(
            "execution",
            "pass" if order is not None and order.filled else "block" if order is not None else "hold",
            str(order.reason) if order is not None else "ok",
            f"{order.status}: {shares(order.filled):,.2f} of {shares(order.size):,.2f} at {price(order.limit):.3f}"
            if order is not None
            else "no order",
            order.timestamp if order is not None else 0,
        )
    )
    outcome = board.results.get(followed.key)
    found.append(
        _stage(
            "settlement",
            "pass" if outcome is not None else "hold",
            "settled" if outcome is not None else "not_started" if followed.mid is not None else "ok",
            presenting.result_of(outcome) if outcome is not None else "not resolved yet",
            outcome.timestamp if outcome is not None else 0,
        )
    )
    held = [(key, each) for key, each in board.accounts.held.items() if key[2] == followed.key and key[0] == "main"]
    open_pnl, cost, unmarked = 0, 0, False
    for (_, _, _, side), each in held:
        bid = followed.bid(side)
        unmarked = unmarked or bid is None
        open_pnl += (bid or 0) * each.size // PIP - each.basis
        cost += each.basis
    made = board.accounts.results.get(followed.key)
    value = f"{usd(made):+,.2f} $" if made is not None and outcome is not None and outcome.pnl else "no position"
    if held:
        value = f"{usd(cost):,.2f} $ at cost, no bid" if unmarked else f"{usd(open_pnl):+,.2f} $ open"
    found.append(_stage("PnL", "pass" if held or made else "hold", "ok", value, outcome.timestamp if outcome else 0))
    return found


def _stage(stage: str, verdict: str, reason: str, value: str, t: int) -> Stage:
    return Stage(
        stage=stage,
        verdict=verdict,
        reason=reason,
        meaning=presenting.meaning_of(reason),
        value=value,
        time=iso(t),
    )


def _span(decision: Decision, module: str) -> Span | None:
    return next((span for span in decision.spans if span.module == module), None)
