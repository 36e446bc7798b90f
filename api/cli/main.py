"""The command `profit`: registers the verbs and turns every expected failure into one line of cause and one of cure."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer

from models.failures import Failure

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Profit System: a transparent Polymarket trading system that replays byte for byte.",
)

#: verb -> "module:function"; imported only when its verb is asked for, so that `profit sql` need not load Bytewax
VERBS: dict[str, str] = {
    "flow": "api.cli.flow:flow",
    "up": "api.cli.up:up",
    "play": "api.cli.up:play",
    "replay": "api.cli.replay:replay",
    "report": "api.cli.report:report",
    "record": "api.cli.record:record",
    "simulate": "api.cli.simulate:simulate",
    "import": "api.cli.imports:import_command",
    "sql": "api.cli.sql:sql_command",
    "why": "api.cli.why:why",
    "bench": "api.cli.bench:bench",
    "serve": "api.cli.serve:serve",
}


def _register(wanted: str | None) -> None:
    for verb, place in VERBS.items():
        if wanted is None or wanted == verb:
            module, function = place.split(":")
            command: Callable[..., Any] = getattr(import_module(module), function)
            app.command(verb)(command)


def main() -> None:
    """Entry point. Exit code 0 for success, 1 for a failure that was explained, 2 for wrong usage, 130 for Ctrl-C."""
    verb = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    _register(verb if verb in VERBS and "--help" not in sys.argv[1:2] else None)
    if verb in VERBS:
        app.callback()(lambda: None)  # keeps the verb a subcommand when it is the only one registered
    try:
        app()
    except Failure as failure:
        if os.environ.get("PROFIT_TEST_TRACEBACK"):
            raise
        print(f"profit: {failure.cause}\n        {failure.cure}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
