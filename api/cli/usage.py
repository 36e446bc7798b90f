"""Wrong usage of the command line, told as every other failure: a line of cause, a line of cure."""

from __future__ import annotations

from typing import Any

from typer import TyperException
from typer.core import TyperGroup

from models.failures import Failure


class WrongUsage(Failure):
    """Words that the command does not take. Exit code 2."""


class Verbs(TyperGroup):
    """The verbs of `profit`; raises WrongUsage where the words do not fit."""

    def make_context(self, *words: Any, **more: Any) -> Any:
        """As the library has it."""
        try:
            return super().make_context(*words, **more)
        except TyperException as error:
            raise _told(error, "profit") from error

    def invoke(self, ctx: Any) -> Any:
        """As the library has it."""
        try:
            return super().invoke(ctx)
        except TyperException as error:
            raise _told(error, f"{ctx.command_path} {ctx.invoked_subcommand or ''}".strip()) from error


def _told(error: TyperException, command: str) -> Exception:
    said = " ".join(error.format_message().split()).rstrip(".")
    if not said or type(error).__name__ == "NoArgsIsHelpError":  # the help itself is the answer
        return error
    context = getattr(error, "ctx", None)
    usage = f"{' '.join(context.get_usage().split())}. " if context is not None and command != "profit" else ""
    end = "" if said.endswith(("?", "!")) else "."
    return WrongUsage(f"{said[:1].lower()}{said[1:]}{end}", f"{usage}See {command} --help.")
