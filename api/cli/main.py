"""The command `profit`: registers the verbs and turns every expected failure into one line of cause and one of cure."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from importlib import import_module, metadata
from typing import Annotated, Any

import typer

from api.cli.usage import Verbs, WrongUsage
from connectors.failures import explained, unforeseen
from connectors.heap import bound_heap

app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Profit System: a transparent Polymarket trading system that replays byte for byte.",
)

#: verb -> "module:function"; imported only when its verb is asked for, so that `profit sql` need not load Bytewax
VERBS: dict[str, str] = {
    "prepare": "api.cli.prepare:prepare",
    "flow": "api.cli.flow:flow",
    "up": "api.cli.up:up",
    "play": "api.cli.up:play",
    "replay": "api.cli.replay:replay",
    "verify": "api.cli.verify:verify",
    "worlds": "api.cli.worlds:worlds",
    "validate": "api.cli.validate:validate_command",
    "sweep": "api.cli.sweep:sweep",
    "runs": "api.cli.runs:runs",
    "report": "api.cli.report:report",
    "record": "api.cli.record:record",
    "simulate": "api.cli.simulate:simulate",
    "import": "api.cli.imports:import_command",
    "sql": "api.cli.sql:sql_command",
    "why": "api.cli.why:why",
    "bench": "api.cli.bench:bench",
    "serve": "api.cli.serve:serve",
    "doctor": "api.cli.doctor:doctor",
    "control": "api.cli.control:control",
    "live": "api.cli.live:live",
}

#: The processes of a run. When such a command returns, all that it held is written and closed; what the interpreter and
#: the client libraries would still take to clear up is a second or two on a busy machine, of the five there are.
LEAVE_AT_ONCE = frozenset({"up", "flow", "record", "simulate", "serve", "play", "live"})

#: What is true of an interrupted command that has no run of its own to go on with.
AFTERWARDS = {"validate": "the same command begins anew, with the journal where that was made"}


def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        print(f"profit {_version()}, Python {platform.python_version()}")
        raise typer.Exit


def _version() -> str:
    try:
        return metadata.version("profit-system")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def _register(wanted: str | None) -> None:
    for verb, place in VERBS.items():
        if wanted is None or wanted == verb:
            module, function = place.split(":")
            command: Callable[..., Any] = getattr(import_module(module), function)
            app.command(verb)(command)


def _interrupted(end: BaseException, verb: str | None) -> str:
    """What is said after Ctrl-C: that the command ended, and what becomes of it, where a note of the interrupt or
    ``AFTERWARDS`` tells."""
    cause: BaseException | None = end
    while cause is not None and not isinstance(cause, KeyboardInterrupt):
        cause = cause.__cause__ or cause.__context__
    notes: list[str] = getattr(cause, "__notes__", [])
    told = notes[0] if notes else AFTERWARDS.get(verb or "", "")
    return f"profit: ended{f'; {told}' if told else ''}."


def main() -> None:
    """Entry point. Exit code 0 for success, 1 for a failure that was explained, 2 for wrong usage, 130 for Ctrl-C."""
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if verb in LEAVE_AT_ONCE:
        bound_heap()  # these run for days
    try:
        _register(verb if verb in VERBS and "--help" not in sys.argv[1:2] else None)
        app.callback(invoke_without_command="--version" in sys.argv[1:2])(_root)
        app(prog_name="profit")
        code = 0
    except KeyboardInterrupt as end:
        print(_interrupted(end, verb), file=sys.stderr)
        code = 130
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        code = end.code or 0
        if code == 130:  # what Typer makes of Ctrl-C
            print(_interrupted(end, verb), file=sys.stderr)
    except BaseException as error:  # a panic of a library in Rust is no Exception
        if os.environ.get("PROFIT_TEST_TRACEBACK"):
            raise
        failure = explained(error) or unforeseen(error)
        print(f"profit: {failure.cause}\n        {failure.cure}", file=sys.stderr)
        code = 2 if isinstance(failure, WrongUsage) else 1
    if verb in LEAVE_AT_ONCE:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
