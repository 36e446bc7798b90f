"""Fails on an import against the direction api → flows → connectors → models.

python .ci/imports.py [ROOT]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

#: Each layer may import itself and those after it.
LAYERS = ("api", "flows", "connectors", "models")

#: `models` knows nothing of the engine and the wire's carriers; steps in it stay plain classes.
FOREIGN = {"models": {"bytewax", "confluent_kafka", "duckdb", "fastapi", "websockets", "httpx"}}


def findings(source: str, name: str) -> Iterator[str]:
    layer = name.split("/")[0]
    forbidden = set(LAYERS[: LAYERS.index(layer)]) | FOREIGN.get(layer, set()) | {"tests"}
    for node in ast.walk(ast.parse(source, name)):
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        for module in modules:
            if module.split(".")[0] in forbidden:
                yield f"{name}:{node.lineno}: {layer} must not import {module}"


def main(root: Path) -> int:
    found = [
        finding
        for layer in LAYERS
        for path in sorted((root / layer).rglob("*.py"))
        for finding in findings(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix())
    ]
    print("\n".join(found) if found else "imports go one way: api → flows → connectors → models")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent))
