"""Fails on anything in deterministic code whose result could differ between two runs.

    python .ci/determinism.py [ROOT]

Looked at are `models/` (settings apart) and `flows/`. Forbidden: clock reads, randomness, process identity, `hash()`
and `id()`, and the built-in `sum()`, whose result on floats differs between Python versions (`math.fsum`, or a loop
over integers, take its place). A line may be excused with `# deterministic: WHY`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("models", "flows")
EXEMPT = {"models/settings.py"}
EXCUSE = "# deterministic:"

BUILTINS = {
    "sum": "adds floats differently in Python 3.11 and 3.12: use math.fsum or an integer loop",
    "hash": "differs from process to process for strings",
    "id": "is an address",
    "input": "asks a person",
}
MODULES = {
    "random": "is random",
    "secrets": "is random",
    "uuid": "is random: build ids from the input",
}
CALLS = {
    "time": {
        name
        for base in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
        for name in (base, f"{base}_ns")
    }
    | {"localtime", "gmtime", "ctime", "strftime"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
    "os": {"urandom", "getrandom", "getpid"},
    "threading": {"get_ident"},
    "numpy.random": {"*"},
}


def findings(source: str, name: str) -> Iterator[str]:
    """One line of text per offence in the source code of file ``name``."""
    lines = source.splitlines()
    aliases: dict[str, str] = {}

    def report(node: ast.expr | ast.stmt, what: str, why: str) -> Iterator[str]:
        if EXCUSE not in lines[node.lineno - 1]:
            yield f"{name}:{node.lineno}: {what} {why}"

    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                aliases[(alias.asname or alias.name).split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                if alias.name.split(".")[0] in MODULES:
                    yield from report(node, f"import {alias.name}:", MODULES[alias.name.split(".")[0]])
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            if node.module.split(".")[0] in MODULES:
                yield from report(node, f"from {node.module}:", MODULES[node.module.split(".")[0]])
    for node in ast.walk(ast.parse(source, name)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in BUILTINS and node.id not in aliases:
                yield from report(node, f"{node.id}()", BUILTINS[node.id])
            elif _forbidden(aliases.get(node.id, "")):
                yield from report(node, aliases[node.id], "is not the same in every run: take the event's time")
        elif isinstance(node, ast.Attribute):
            path = _path(node, aliases)
            if _forbidden(path):
                yield from report(node, path, "is not the same in every run: take the event's time")


def _path(node: ast.expr, aliases: dict[str, str]) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([aliases.get(node.id, node.id), *reversed(parts)])


def _forbidden(path: str) -> bool:
    owner, _, call = path.rpartition(".")
    for module, names in CALLS.items():
        if "*" in names and (path == module or path.startswith(f"{module}.")):
            return True
        if call in names and (owner == module or owner.endswith(f".{module}")):
            return True
    return False


def main(root: Path) -> int:
    found = [
        finding
        for folder in FOLDERS
        for path in sorted((root / folder).rglob("*.py"))
        if path.relative_to(root).as_posix() not in EXEMPT
        for finding in findings(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix())
    ]
    print("\n".join(found) if found else "deterministic: no clock, no randomness, no plain sum in models and flows")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent))
