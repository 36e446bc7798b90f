"""One timeline tried: played, traded, and held against the oracle. Everything that is wrong, in words.

What must hold, beside the oracle's word on every order:

- **Every finding is one that a careful reader of the same frames has too** (``knowledge``), of the same reason, on the
  same feed, as often, and within one clock tick of it. Frozen feeds and books, and differences from REST, are found by
  evidence across feeds, which the reader does not weigh: they may come only where a fault holds frames back, or shows
  or dates books otherwise than REST does; and as such a book is given up, the reader may find more of it than the flow
  from then on. A REST that shows old books blames nobody.
- **Every stroke in the simulator's log whose evidence arrived gives its reason within one clock tick.** Where another
  fault is at work on the same venue at that moment, one may hide the other: then any reason of those at work will do.
- **Alone in its timeline, a stroke counts exactly once**: as many findings of its reason as frames of evidence.
- A frozen token that stays silent, alone in its timeline, is told at the latest by ``checks.stale_book_s``, if it had
  a book on its connection to grow old; a second resolution within the second in which the doors ask for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from connectors.simulator.faults.draw import OF_BOOKS
from connectors.simulator.faults.timeline import Timeline
from connectors.simulator.faults.truth import Injected
from models.settings import Feeds, Settings
from tests.faults.harness import LATENCY_NS, Played, play
from tests.faults.knowledge import NS, Knowledge, Limits, limits_from, read
from tests.faults.oracle import SessionTruth, examine
from tests.faults.pipeline import EAGER, Traded, trade
from tests.faults.timelines import SECONDS, Scene, as_toml

HOLDING_BACK = frozenset({"frozen", "token_frozen", "delayed", "lost", "reordered", "missing_field", "no_first_book"})
#: Found by evidence across feeds, or in what is said of markets: not in the frames of the books and prices.
BY_EVIDENCE = frozenset({"frozen_book", "frozen_feed", "rest_mismatch"})
#: REST, which is true, differs from what was held back, and is newer than what was shown or dated wrongly.
AGAINST_REST = HOLDING_BACK | frozenset({*OF_BOOKS, "clock_skew"})
OF_MARKETS = frozenset({"resolution_conflict", "resolution_late"})
#: One finding for each frame of evidence that arrived.
BY_FRAME = frozenset({"decode_error", "control_text", "unknown_frame", "sequence_gap", "duplicate_frame"})
#: Channels whose frames are held against the receipt by their own time.
TIMED = frozenset({"book", "price_change", "l2_data", "ticker", "market_trades"})
ENDING = frozenset({"oversized", "disconnect", "slow_consumer", "refused"})
CROSS_CHECK_S = 2.0  # so that a short run sees many comparisons
#: Longest that a fault of a moment goes on being felt: a frame held back for its successor, a silent door's patience.
AFTERMATH_NS = 16 * NS


@dataclass
class Verdict:
    """``problems``: what is wrong. ``strokes``: by kind, injected; ``told``: by kind, those that gave their reason;
    ``due``: by kind, those that had to."""

    problems: list[str] = field(default_factory=list)
    strokes: Counter[str] = field(default_factory=Counter)
    due: Counter[str] = field(default_factory=Counter)
    reported: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    entries: int = 0
    exits: int = 0
    fills: int = 0
    by_strategy: Counter[str] = field(default_factory=Counter)
    digest: str = ""


def try_timeline(timeline: Timeline, scene: Scene, settings: Settings = EAGER, seconds: float = SECONDS) -> Verdict:
    """Play and judge. Never raises for what the system does wrong: that is a problem of the verdict."""
    feeds = Feeds(assets=list(scene.assets), horizons=list(scene.horizons), cross_check_s=CROSS_CHECK_S)
    parameters = scene.parameters()
    played = play(
        timeline, seconds, parameters, start=scene.start, feeds=feeds, seed=scene.seed, checks=settings.checks
    )
    traded = trade(played.records, settings)
    limits = limits_from(settings.model_dump())
    violations, known = examine(
        (read(each.topic, each.offset, each.value, each.envelope) for each in played.records),
        traded.decisions,
        traded.orders,
        traded.fills,
        [SessionTruth(each.conn, each.opened_ns, each.closed_ns) for each in played.truth.sessions],
        limits,
        LATENCY_NS,
        traded.given_up,
    )
    verdict = Verdict(digest=traded.digest, fills=len(traded.fills))
    verdict.problems += [f"{each.what} at {_at(each.t, played)}: {each.why}" for each in violations]
    for order in traded.orders:
        if order["status"] == "submitted":
            verdict.entries += order["side"] == "buy"
            verdict.exits += order["side"] == "sell"
            verdict.by_strategy[order["strategy"]] += 1
    verdict.findings.update(reason for _, _, _, reason in traded.findings)
    verdict.problems += _compare(timeline, played, traded, known, limits)
    verdict.problems += _paid(played, traded)
    verdict.problems += _strokes(timeline, played, traded, limits, verdict)
    if len(timeline.fault) == 1:
        verdict.problems += _alone(played, traded, limits)
    return verdict


def report(timeline: Timeline, scene: Scene, verdict: Verdict) -> str:
    """A failing timeline for people, with the file that repeats it."""
    shown = "\n".join(verdict.problems[:20])
    more = len(verdict.problems) - 20
    return f"{scene}\n{shown}\n{f'and {more} more' if more > 0 else ''}\n{as_toml(timeline)}"


def _at(t: int, played: Played) -> str:
    return f"{(t - played.start_ns) / NS:.3f} s"


def _paid(played: Played, traded: Traded) -> list[str]:
    """What was paid against how the exchange resolved: never before it did, and what it said first."""
    problems: list[str] = []
    for key, (t, up, down) in traded.paid.items():
        market = played.core.markets.get(key)
        if market is None:
            continue
        resolved, up_won = market.resolved_ns, market.up_won
        if resolved is None or t < resolved:
            problems.append(f"{key} paid {up}/{down} at {_at(t, played)}, before it was resolved")
            continue
        if market.resolution.contradicted:
            up_won = not up_won
        if (up, down) != {None: (5000, 5000), True: (10000, 0), False: (0, 10000)}[up_won]:
            problems.append(f"{key} paid {up}/{down} at {_at(t, played)}, and Up won: {up_won}")
    return problems


def _compare(timeline: Timeline, played: Played, traded: Traded, known: Knowledge, limits: Limits) -> list[str]:
    """The flows' findings against those of the careful reader."""
    problems: list[str] = []
    kinds = {fault.kind for fault in timeline.fault}
    ours: dict[tuple[str, str], list[int]] = defaultdict(list)
    theirs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for t, feed, _, reason in traded.findings:
        if reason in BY_EVIDENCE:
            if not kinds & (HOLDING_BACK if reason == "frozen_feed" else AGAINST_REST):
                problems.append(f"{reason} on {feed} at {_at(t, played)}, and nothing holds frames back")
        elif reason in OF_MARKETS:
            if "resolves_twice" not in kinds:
                problems.append(f"{reason} on {feed} at {_at(t, played)}, and no market resolved oddly")
        else:
            ours[feed, reason].append(t)
    for objection in known.objections:
        theirs[objection.feed, objection.reason].append(objection.t)
    clouded = any(reason in BY_EVIDENCE for _, _, _, reason in traded.findings)
    for feed, reason in sorted(ours.keys() | theirs.keys()):
        found, meant = ours[feed, reason], theirs[feed, reason]
        if len(found) > len(meant) or (len(found) < len(meant) and not clouded):
            first = next((t for t in sorted({*found, *meant}) if found.count(t) != meant.count(t)), 0)
            where = f"first at {_at(first, played)}"
            problems.append(f"{reason} on {feed}: {len(found)} findings, {len(meant)} objections, {where}")
        elif len(found) == len(meant):
            late = [(a, b) for a, b in zip(found, meant, strict=True) if not 0 <= a - b <= limits.tick]
            if late:
                problems.append(
                    f"{reason} on {feed}: found at {_at(late[0][0], played)}, there {_at(late[0][1], played)}"
                )
    return problems


def _strokes(timeline: Timeline, played: Played, traded: Traded, limits: Limits, verdict: Verdict) -> list[str]:
    """Every stroke whose evidence arrived, against the findings of the moment after."""
    problems: list[str] = []
    received = {(each.session, each.number): each.recv_ns for each in played.receptions}
    by_reason: dict[str, list[int]] = defaultdict(list)
    for t, _, _, reason in traded.findings:
        by_reason[reason].append(t)
    for stroke in played.injected:
        verdict.strokes[stroke.kind] += 1
        arrived = _arrived(stroke, received, played)
        reasons = _sure(stroke, limits)
        if arrived is None or not reasons or arrived + limits.tick > played.end_ns:
            continue
        verdict.due[stroke.kind] += 1
        t = arrived
        until = t + limits.tick + (NS if stroke.kind == "resolves_twice" else 0)
        # A second resolution may come before the last of what is held back.
        first = stroke.shown_ns or t if stroke.kind == "resolves_twice" else t
        if any(_within(by_reason[reason], first, until) for reason in reasons):
            verdict.reported[stroke.kind] += 1
            continue
        others = [other for other in played.injected if other.fault != stroke.fault and _at_work(other, stroke, t)]
        instead = {reason for other in others for reason in (*other.reasons, *other.possible, "disconnected")}
        if any(other.kind == stroke.kind == "locked_book" and {*other.tokens} & {*stroke.tokens} for other in others):
            instead.add("crossed_book")  # what is moved onto the other side twice is beyond it
        if not any(_within(by_reason[str(reason)], t - limits.stale_book, until) for reason in instead):
            problems.append(f"{stroke.kind} ({stroke.venue}) shown at {_at(t, played)}: no {' or '.join(reasons)}")
    return problems


def _arrived(stroke: Injected, received: dict[tuple[str, int], int], played: Played) -> int | None:
    """When the client was given the evidence; None when it never was."""
    if stroke.shown_ns is None:
        return None
    if stroke.kind == "resolves_twice":  # on the socket, after whatever is held back there
        delayed = [each for each in played.injected if each.kind == "delayed" and each.venue == stroke.venue]
        ends = [each.shown_ns for each in delayed if each.shown_ns and each.t_ns <= stroke.shown_ns < each.shown_ns]
        return max(ends, default=stroke.shown_ns)
    if stroke.kind in ENDING or stroke.kind == "http_status":
        return stroke.shown_ns + (LATENCY_NS if stroke.session else 0)  # a refused dial is told at once
    return received.get((stroke.session, stroke.frame))


def _sure(stroke: Injected, limits: Limits) -> tuple[str, ...]:
    """The reasons that must come. An HTTP answer is told when a host begins to fail, not each time; a delay shows by
    its time only beyond the bound."""
    if stroke.kind == "http_status" or (stroke.kind == "delayed" and stroke.amount * NS <= limits.old + NS // 20):
        return ()
    if stroke.kind == "delayed" and stroke.channel not in (
        "book",
        "price_change",
        "l2_data",
        "ticker",
        "market_trades",
    ):
        return ()
    if stroke.kind == "parity_torn":
        return ()  # by how much it tore is the timeline's; the careful reader knows
    return tuple(str(reason) for reason in stroke.reasons)


def _at_work(other: Injected, stroke: Injected, t: int) -> bool:
    """Whether ``other`` may hide ``stroke``, whose evidence came at ``t``."""
    if other.venue != stroke.venue:
        return False
    end = other.ends_ns if other.ends_ns is not None else (other.shown_ns or other.t_ns)
    return other.t_ns <= t <= end + AFTERMATH_NS


def _within(times: list[int], start: int, end: int) -> bool:
    at = bisect_left(times, start)
    return at < len(times) and times[at] <= end


def _alone(played: Played, traded: Traded, limits: Limits) -> list[str]:
    """The counts of a single fault's reasons, by the simulator's log."""
    problems: list[str] = []
    counts = Counter(reason for _, _, _, reason in traded.findings)
    received = {(each.session, each.number) for each in played.receptions}
    strokes = played.injected
    frames = {(each.session, each.frame) for each in strokes if each.shown_ns is not None} & received
    for reason in sorted({str(reason) for each in strokes for reason in each.reasons} & BY_FRAME):
        if counts[reason] != len(frames):
            problems.append(f"{len(frames)} frames showed it, and {reason} counts {counts[reason]}")
    ended = sum(1 for each in played.truth.sessions if each.closed_ns is not None)
    refused = sum(1 for each in strokes if each.kind == "refused" and not each.session)
    if {each.kind for each in strokes} & ENDING and counts["disconnected"] != ended + refused:
        problems.append(f"{ended} connections ended, {refused} were refused; disconnected: {counts['disconnected']}")
    opened = {each.id: each.opened_ns for each in played.truth.sessions}
    for stroke in strokes:
        if stroke.kind != "token_frozen" or stroke.ends_ns is None or stroke.t_ns == opened[stroke.session]:
            continue
        due = stroke.t_ns + limits.stale_book + limits.tick
        silent = [t for t, _, _, reason in traded.findings if reason in ("frozen_book", "stale_book")]
        if stroke.ends_ns > due + NS and due < played.end_ns and not _within(sorted(silent), stroke.t_ns, due):
            problems.append(f"a token frozen from {_at(stroke.t_ns, played)} on was never told")
    return problems
