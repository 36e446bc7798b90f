"""Words that a command does not take are told as every failure is, with exit code 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands import profit


@pytest.mark.parametrize(
    ("words", "cause", "cure"),
    [
        (["repaly"], "no such command 'repaly'. Did you mean ", "See profit --help."),
        (["replay", "--wokers", "2"], "no such option: --wokers ", "Usage: profit replay "),
        (["replay", "x", "--workers", "many"], "invalid value for '--workers': ", "See profit replay --help."),
        (["replay", "x", "--config"], "option '--config' requires an argument.", "See profit replay --help."),
        (["why"], "missing argument 'decision'.", "See profit why --help."),
        (["runs", "a", "b"], "got unexpected extra argument", "See profit runs --help."),
        (["--nosuch"], "no such option: --nosuch.", "See profit --help."),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_wrong_usage_has_a_cause_and_a_cure(words: list[str], cause: str, cure: str, tmp_path: Path) -> None:
    done = profit(tmp_path, *words)
    assert done.returncode == 2 and done.stdout == ""
    first, second = done.stderr.splitlines()
    assert first.startswith("profit: ") and cause in first and second.startswith("        ") and cure in second


def test_no_words_at_all_are_answered_by_the_help(tmp_path: Path) -> None:
    done = profit(tmp_path)
    assert done.returncode == 2 and "replay" in done.stdout + done.stderr and "Usage: profit" in done.stdout
