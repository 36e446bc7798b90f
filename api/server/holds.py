"""The one list of everything that holds trading back now: reason, since, until, who acts, how it is released."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from api.server.board import Board
from api.server.catalogue import room_of
from api.server.formats import iso
from api.server.guards import breakers_of
from api.server.modules import said_of
from api.server.presenting import meaning_of
from api.server.sentence import why_of
from api.server.views.health import Hold, Holds
from api.server.views.risk import BreakerView
from models.contracts import Answer, Decision, Number, Scan
from models.reasons import Reason, Verdict
from models.remedies import REDUCED, act_of, release_of, remedy
from models.timestamps import SECOND

#: A refusal or scan older than this, in event time, says nothing of now.
_NOW_NS: Final = 15 * SECOND
_TRADING: Final = {"killed": Reason.KILL_SWITCH, "paused": Reason.PAUSED}
#: What the market flow calls a feed that is not to be traded on.
_SOUND: Final = frozenset({"healthy", "online"})


def trading_of(board: Board) -> tuple[str, Answer | None]:
    """``on``, ``paused``, ``killed`` or ``unknown``, and the answer to the command that made it so."""
    chief = board.modules.known.get("portfolio")
    state = str(chief.row.gauges.get("trading", "unknown")) if chief is not None else "unknown"
    wanted = {"killed": ("kill",), "paused": ("pause", "flatten", "release"), "on": ("resume",)}.get(state, ())
    made = next((a for a in board.answer_records() if a.what in wanted and a.verdict == Verdict.PASS), None)
    return state, made


def holds_of(board: Board, now: float, shadows: Collection[str] = ()) -> Holds:
    """Everything that holds trading back, the worst first. ``shadows``: instances that are judged and never ordered:
    nothing that they wait for holds anything back, and they share one line."""
    found = [
        *_operator(board),
        *_guards(board, shadows),
        *_modules(board, now),
        *_feeds(board),
        *_judgements(board, shadows),
        *_refusals(board, shadows),
        *_shadows(board, shadows),
    ]
    if board.modules.ended:  # nobody waits for anything any more
        found = [hold.model_copy(update={"act": "none", "until": "", "release": ""}) for hold in found]
    found.sort(key=lambda hold: (hold.severity, hold.since, hold.subject, hold.reason))
    return Holds(holds=found, summary=_summary(board, found))


def _summary(board: Board, found: list[Hold]) -> str:
    if board.modules.ended:
        return "This run is over. At its end this held trading back:" if found else "This run is over."
    yours = [hold for hold in found if hold.act == "you"]
    if yours:
        return f"You have to act: {yours[0].what}"
    if not board.modules.known:
        return "The system is starting: no module has reported yet."
    faults = [hold for hold in found if hold.severity <= 2]
    if faults:
        return f"Needs a look: {faults[0].what}"
    if found:
        reasons = "one reason keeps" if len(found) == 1 else f"{len(found)} reasons keep"
        return f"Nothing is broken; {reasons} it from trading at the moment."
    return "Nothing holds trading back."


def _hold(
    subject: str,
    reason: str,
    what: str,
    since_ns: int,
    severity: int,
    link: str,
    decision: str = "",
    until: str = "",
    numbers: Mapping[str, Number] = {},
) -> Hold:
    act, release = act_of(reason), remedy(reason, numbers)
    return Hold(
        subject=subject,
        reason=reason,
        what=what,
        since=iso(since_ns),
        until=until or release,
        act=act,
        release=release,
        severity=severity,
        link=link,
        decision=decision,
    )


def _operator(board: Board) -> Iterator[Hold]:
    state, answer = trading_of(board)
    reason = _TRADING.get(state)
    since, by = (answer.timestamp, f" by {answer.by}") if answer is not None else (0, "")
    if reason is not None:
        words = "no order of any kind goes out" if state == "killed" else "no new entries; exits and settlement go on"
        yield _hold("all", reason, f"Trading is {state}{by}: {words}.", since, 0, "/risk")
    chief = board.modules.known.get("portfolio")
    if chief is not None and chief.row.gauges.get("anomaly"):
        what = "Ledger, fills and positions disagree: no entries until it is explained."
        yield _hold("all", Reason.ANOMALY, what, 0, 0, "/portfolio")


def _guards(board: Board, shadows: Collection[str]) -> Iterator[Hold]:
    """Breakers that stop or reduce, those of one kind, scope and level in one line; and a release gate that reduces the
    caps."""
    alike: dict[tuple[str, str], list[BreakerView]] = {}
    for breaker in breakers_of(board):
        if breaker.level != "clear":
            alike.setdefault((breaker.id.rpartition(":")[0], breaker.level), []).append(breaker)
    for (kind, level), breakers in alike.items():
        first = breakers[0]
        act, release = release_of(first.reason) if level == "stopped" else REDUCED
        said = "stops entries" if level == "stopped" else "reduces sizes"
        over = sorted(each.id.rpartition(":")[2] for each in breakers)
        named = first.id if len(breakers) == 1 else f"{kind} {said} of {len(over)} ({', '.join(over)})"
        yield Hold(
            subject=first.id if len(breakers) == 1 else kind,
            reason=first.reason,
            what=f"The breaker {named}{f' {said}' if len(breakers) == 1 else ''}: {first.meaning}.",
            since=min(each.since for each in breakers),
            until=release,
            act=act,
            release=f"{release}; the operator: profit control release --what breaker:{first.id}",
            severity=1 if level == "stopped" else 3,
            link="/risk",
        )
    state = board.modules.known.get("gate.state")
    for key, by in sorted(state.row.gauges.items()) if state is not None else ():
        kind, _, name = key.partition(":")
        if kind == "off" and name not in shadows:
            yield _hold(name, Reason.DISABLED, f"{name} is switched off by {by}.", 0, 3, f"/strategies/{name}")
    gate = board.modules.known.get("gate.release")
    if gate is not None and gate.row.gauges.get("gate") == "PAPER_CANARY":
        since = gate.row.gauges.get("since")
        what = "The release gate is PAPER_CANARY: caps are reduced."
        yield _hold("all", Reason.CAP_GATE, what, since if isinstance(since, int) else 0, 4, "/gates")


def _modules(board: Board, now: float) -> Iterator[Hold]:
    """What is offline or missing: one line a process, however many modules it has."""
    processes: dict[str, list[str]] = {}
    for name in board.modules.names():
        entry = board.modules.known.get(name)
        status = board.modules.status(name, now)
        if status == "missing" or (
            status == "offline" and entry is not None and entry.row.gauges.get("state") != "down"
        ):
            producer = entry.producer if entry is not None else "missing"
            processes.setdefault(producer or name, []).append(name)
    for names in processes.values():
        view = board.modules.view(names[0], now)
        others = f", nor have {len(names) - 1} more of it: {', '.join(names[1:4])} …" if len(names) > 1 else ""
        process = any(room_of(name).id in ("processes", "flows", "connections") for name in names)
        yield Hold(
            subject=names[0],
            reason=view.status,
            what=f"{said_of(view)}{others}.",
            since=view.heartbeat,
            until="it reports again; the supervisor starts again what died",
            act="wait",
            release="see its log in the run's folder, logs/, if it stays away",
            severity=1 if process else 2,
            link="/",
        )
    if board.kafka not in ("connected", "archive", "connecting"):
        yield Hold(
            subject="all", reason="kafka", what=f"Kafka: {board.kafka}.", since="", until="the cluster answers",
            act="you", release="bring the cluster back", severity=0, link="/",
        )  # fmt: skip


def _feeds(board: Board) -> Iterator[Hold]:
    for name in board.modules.names():
        kept = board.modules.known.get(name)
        if not name.startswith("feed.") or kept is None or board.modules.ended:
            continue
        gauges = kept.row.gauges
        state = str(gauges.get("state", ""))
        if state and state not in _SOUND:
            why = str(gauges.get("why") or kept.row.last_reason)
            since = gauges.get("since")
            meaning = meaning_of(why) or why
            what = f"{name} is {state}: {meaning}."
            severity = 4 if act_of(why) == "none" else 2
            yield _hold(name, why, what, since if isinstance(since, int) else 0, severity, "/quality")


def _judgements(board: Board, shadows: Collection[str]) -> Iterator[Hold]:
    """What the data gates and strategies say of the windows that are open."""
    newest = board.newest_ns
    best: dict[str, Scan] = {}
    grouped: dict[tuple[str, str], list[Scan]] = {}
    for scan in board.scan_records():
        window = board.windows.markets.get(scan.market_key)
        known = window.window if window is not None else None
        if scan.strategy in shadows or newest - scan.timestamp > _NOW_NS or (known is not None and known.end <= newest):
            continue
        if scan.reason is Reason.BELOW_THRESHOLD:
            if scan.strategy not in best or scan.normalised > best[scan.strategy].normalised:
                best[scan.strategy] = scan
        elif scan.verdict != Verdict.PASS and scan.reason not in (Reason.NOT_STARTED, Reason.EXPIRED):
            grouped.setdefault((scan.strategy, scan.reason), []).append(scan)
    for (strategy, reason), scans in sorted(grouped.items()):
        since = min(board.scan_since.get((scan.strategy, scan.market_key), scan.timestamp) for scan in scans)
        titles = ", ".join(board.title(scan.market_key) for scan in scans[:3])
        severity = 3 if act_of(reason) != "none" else 4
        what = f"{strategy} cannot judge {titles}: {meaning_of(reason)}."
        link = f"/strategies/{strategy}"
        yield _hold(strategy, reason, what, since, severity, link, numbers=scans[0].numbers)
    for strategy, scan in sorted(best.items()):
        unit = "a pair" if "pair" in scan.unit else "a share"
        what = (
            f"{strategy} finds no edge: the best is {scan.score * 100:+.2f} ¢ {unit} after costs in "
            f"{board.title(scan.market_key)}, needed {scan.threshold * 100:.2f} ¢."
        )
        since = board.scan_since.get((strategy, scan.market_key), scan.timestamp)
        scored: Mapping[str, Number] = {"score": scan.score, "threshold": scan.threshold, "unit": scan.unit}
        yield _hold(strategy, scan.reason, what, since, 5, f"/strategies/{strategy}", numbers=scored)


def _refusals(board: Board, shadows: Collection[str]) -> Iterator[Hold]:
    """Entries that gates or sizing refused in the last seconds: one line for each strategy, market and reason."""
    newest = board.newest_ns
    seen: dict[tuple[str, str, str], Decision] = {}
    for decision in board.refusals_since(newest - _NOW_NS):
        if decision.strategy not in shadows:
            seen.setdefault((decision.strategy, decision.market_key, decision.reason), decision)
    for (strategy, market, reason), decision in sorted(seen.items()):
        module = decision.spans[-1].module if decision.spans else ""
        title = board.title(market)
        why = why_of(decision, board.limits)
        until = ""
        left = decision.spans[-1].numbers.get("left_s") if decision.spans else None
        if isinstance(left, int | float):
            until = f"{iso(decision.timestamp + int(left * SECOND))[11:19]} UTC"
        what = f"{strategy} in {title}: refused by {module}: {why}."
        link = f"/decisions/{decision.id}"
        numbers = decision.spans[-1].numbers if decision.spans else {}
        yield _hold(f"{strategy}, {title}", reason, what, decision.timestamp, 4, link, decision.id, until, numbers)


def _shadows(board: Board, shadows: Collection[str]) -> Iterator[Hold]:
    if not shadows or not board.modules.known:
        return
    named = ", ".join(sorted(shadows))
    many = f"{len(shadows)} instances are shadows" if len(shadows) > 1 else "one instance is a shadow"
    yield _hold("all", Reason.SHADOW, f"{many}, judged and never ordered: {named}.", 0, 6, "/strategies")
