"""`profit why`: the chain of a decision, from the raw frames to its PnL."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from api.runs import find_run, newest_run, runs_in
from api.server.chain import Chain, FrameView, JournalEvent, chain_of, find_decision
from api.server.places import Places
from models.contracts import Decision, Outcome
from models.failures import Failure
from models.money import DOLLAR, PIP, SHARE
from models.reasons import MEANING, Verdict
from models.settings import load
from models.timestamps import utc

_FRAME_CHARACTERS = 300
_EVENT_CHARACTERS = 400
_VERDICTS = {Verdict.PASS: "passed", Verdict.HOLD: "waiting", Verdict.BLOCK: "refused"}
_PRICES = {"block": "ask", "settle": "payout"}  # else the limit of the order


def why(
    decision: Annotated[
        str,
        typer.Argument(
            help="Id of a decision, such as d1042-parity-btc-updown-5m-1790000100, or of its order or fill."
        ),
    ],
    run: Annotated[str, typer.Option(help="Name of the run; default: the newest one that has the decision.")] = "",
    run_dir: Annotated[Path | None, typer.Option(help="Folder of the run, wherever it is.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, frames included.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings.")] = None,
) -> None:
    """Tell why: raw frames, journal events, spans, decision, orders, fills, postings, outcome."""
    decision = decision.strip()
    if not decision:
        raise Failure(
            "why of what? The id is empty.",
            "Give that of a decision, order or fill: profit sql 'FROM v_decisions' lists.",
        )
    if run and run_dir is not None:
        raise Failure("--run and --run-dir were both given.", "Give one of them.")
    if run_dir is not None and config is not None:
        raise Failure("--config says where runs are, and --run-dir names one.", "Give one of them.")
    places = _places(decision, run, run_dir, load(config).data_dir)
    chain = chain_of(places, decision)
    if chain.decision.id != decision and not as_json:
        print(f"{decision} came of the decision {chain.decision.id}:")
    if as_json:
        print(chain.model_dump_json())
        return
    show(chain, Console())


def _places(decision: str, run: str, run_dir: Path | None, data_dir: Path) -> Places:
    if run_dir is not None:
        return Places(run_dir)
    if run:
        return Places(find_run(data_dir, run))
    for folder in runs_in(data_dir):
        places = Places(folder)
        if find_decision(places, decision) is not None:
            return places
    return Places(newest_run(data_dir))


def show(chain: Chain, console: Console) -> None:
    """Print the chain in the order in which it came about."""
    _line(console, f"Why {chain.decision.id}  (run {chain.run})", "bold")
    _line(console, chain.sentence)
    _frames(chain.frames, console)
    _journal(chain.journal, console)
    _spans(chain.decision, console)
    _decision(chain.decision, console)
    _orders(chain, console)
    _postings(chain, console)
    _outcome(chain, console)
    for note in chain.notes:
        _line(console, f"note: {note}", "yellow")


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Text(text, style="bold"))


def _line(console: Console, text: str, style: str = "", rest: str = "") -> None:
    """A line that is never cut or folded, so that ids can be copied and output can be piped."""
    console.print(Text.assemble((text, style), rest), soft_wrap=True)


def _frames(frames: list[FrameView], console: Console) -> None:
    _heading(console, "1. Raw frames")
    for frame in frames:
        place = f"{', '.join(frame.roles)}: {frame.topic} / partition {frame.partition} / offset {frame.offset}"
        _line(console, "  " + place, "cyan")
        if frame.received_ns is not None:
            console.print(
                Text(
                    f"    received {moment(frame.received_ns)}, connection {frame.connection}, number {frame.number}; "
                    f"recorder run {frame.recorder_run}, sequence {frame.sequence}; {frame.size:,} bytes"
                ),
                soft_wrap=True,
            )
        if frame.missing:
            _line(console, f"    {frame.missing}", "yellow")
        if frame.frame is not None:
            _line(console, "    " + shorten(frame.frame, _FRAME_CHARACTERS), "dim")


def _journal(events: list[JournalEvent], console: Console) -> None:
    _heading(console, "2. Journal events")
    for each in events:
        kind = each.event["kind"] if each.event else "not in the archive"
        at = f" at {moment(each.event['t'])}" if each.event else ""
        _line(console, f"  {each.seq} {kind} ({', '.join(each.roles)}){at}", "cyan")
        if each.event:
            body = json.dumps({k: v for k, v in each.event.items() if k not in ("kind", "seq", "t", "src", "lane")})
            _line(console, "    " + shorten(body, _EVENT_CHARACTERS), "dim")


def _spans(decision: Decision, console: Console) -> None:
    _heading(console, "3. Spans")
    width = max((len(span.module) for span in decision.spans), default=0)
    for span in decision.spans:
        verdict = f"  {span.module:<{width}}  {_VERDICTS[span.verdict]:<7}  {span.reason}"
        _line(console, verdict, "cyan" if span.verdict == "pass" else "yellow", f": {MEANING[span.reason]}")
        if span.numbers:
            _line(
                console, "    " + ", ".join(f"{name} {_number(value)}" for name, value in span.numbers.items()), "dim"
            )


def _decision(decision: Decision, console: Console) -> None:
    _heading(console, "4. Decision")
    sized = f" {decision.size / SHARE:,.2f} shares" if decision.size else ""
    console.print(
        Text(
            f"  {moment(decision.timestamp)}  {decision.strategy}  {_acted(decision)}{sized}, "
            f"{_PRICES.get(decision.action, 'limit')} ${decision.price / PIP:.4f}, in {decision.market_key}\n"
            f"  {_VERDICTS[decision.verdict]}: {decision.reason} ({MEANING[decision.reason]})\n"
            f"  journal event {decision.journal}, portfolio {decision.portfolio}, configuration "
            f"{decision.configuration}, model {decision.model}"
            + (f"; {decision.repeats:,} equal refusals before it were counted and not sent" if decision.repeats else "")
        ),
        soft_wrap=True,
    )


def _acted(decision: Decision) -> str:
    return f"{'refused' if decision.action == 'block' else decision.action} {decision.outcome}"


def _orders(chain: Chain, console: Console) -> None:
    _heading(console, "5. Orders and fills")
    if not chain.orders:
        console.print("  none: this decision sent no order")
        return
    for order in chain.orders:
        _line(console, f"  order {order.id}", "cyan", f" {order.status}: {MEANING[order.reason]}")
        _line(
            console,
            f"    {moment(order.timestamp)}: {order.side} {order.outcome} {order.kind}, "
            f"limit ${order.limit / PIP:.4f}, {order.filled / SHARE:,.2f} of {order.size / SHARE:,.2f} shares filled",
        )
    for fill in chain.fills:
        _line(console, f"  fill {fill.id}", "cyan")
        _line(
            console,
            f"    {moment(fill.timestamp)}: {fill.side} {fill.outcome} {fill.size / SHARE:,.2f} shares at "
            f"${fill.price / PIP:.4f} = $ {_dollars(fill.gross)}, fee $ {_dollars(fill.fee)}; "
            f"against the book of event {fill.book_journal}",
        )


def _postings(chain: Chain, console: Console) -> None:
    _heading(console, "6. Ledger postings")
    if not chain.postings:
        console.print("  none")
    transaction = ""
    for posting in chain.postings:
        if posting.transaction != transaction:
            transaction = posting.transaction
            _line(console, f"  {transaction} {posting.kind}", "cyan", f" for {posting.ref}")
        _line(console, f"    $ {_dollars(posting.amount):>16}  {posting.account}")


def _outcome(chain: Chain, console: Console) -> None:
    _heading(console, "7. Outcome")
    if chain.position is not None:
        _line(console, f"  {chain.position.text}")
    if chain.outcome is None or chain.realised is None:
        console.print("  the market is not settled")
        return
    outcome, decision = chain.outcome, chain.decision
    console.print(
        Text(
            f"  {moment(outcome.timestamp)}  {outcome.market_key}: {_result(outcome)} (by {outcome.source})\n"
            f"  closed PnL of {decision.strategy} in this market, less all fees: $ {_dollars(chain.realised)}"
        ),
        soft_wrap=True,
    )


def _result(outcome: Outcome) -> str:
    paid = f"a share of Up paid ${outcome.payout_up / PIP:.4f}, of Down ${outcome.payout_down / PIP:.4f}"
    return f"result { ({PIP: 'Up', 0: 'Down'}.get(outcome.payout_up, 'split')) }; {paid}"


def moment(t_ns: int) -> str:
    """A Unix time in nanoseconds as UTC to the millisecond."""
    return f"{utc(t_ns, 'millisecond')} UTC"


def shorten(text: str, most: int) -> str:
    """``text`` on one line, cut to ``most`` characters with a word of how many are left out."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]} … ({len(line) - most:,} more characters)"


def _dollars(micro: int) -> str:
    return f"{micro / DOLLAR:,.6f}"


def _number(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)
