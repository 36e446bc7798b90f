"""The lints of our own fail on bad code, and only on that."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from tests.conftest import ROOT


def lint(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "bad",
    [
        "import time\nx = time.time()",
        "import time as t\nx = t.monotonic_ns()",
        "from time import perf_counter as pc\nx = pc()",
        "from datetime import datetime\nx = datetime.now()",
        "import datetime\nx = datetime.datetime.utcnow()",
        "from datetime import date\nx = date.today()",
        "import random",
        "from random import choice",
        "import uuid",
        "import secrets",
        "import os\nx = os.urandom(8)",
        "from os import urandom\nx = urandom(8)",
        "import numpy as np\nx = np.random.default_rng()",
        "from numpy import random\nx = random.rand()",
        "x = sum([0.1, 0.2])",
        "from functools import partial\nx = map(sum, [[0.1]])",
        "x = hash('a')",
        "clock = __import__\nimport time\nf = time.time",
    ],
)
def test_determinism_lint_fails_on(bad: str) -> None:
    assert list(lint("determinism").findings(bad, "flows/x.py"))


@pytest.mark.parametrize(
    "good",
    [
        "import math\nx = math.fsum([0.1])",
        "from datetime import datetime, UTC\nx = datetime.fromtimestamp(1, UTC)",
        "x = event.time\ny = tick.t_ns",
        "x = sum(n for n in [1])  # deterministic: integers",
        "class A:\n    def time(self): return 1\nx = A().time()",
        "import numpy as np\nx = np.sum([1])",
        "x = total.sum",
    ],
)
def test_determinism_lint_passes(good: str) -> None:
    assert list(lint("determinism").findings(good, "flows/x.py")) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("models/x.py", "import connectors.kafka"),
        ("models/x.py", "from flows import market"),
        ("models/x.py", "import bytewax"),
        ("connectors/x.py", "from api.cli import main"),
        ("connectors/x.py", "def f():\n    import flows.market"),
        ("flows/x.py", "from tests import conftest"),
    ],
)
def test_import_lint_fails_on(name: str, source: str) -> None:
    assert list(lint("imports").findings(source, name))


@pytest.mark.parametrize("name", ["api/x.py", "flows/x.py", "connectors/x.py", "models/x.py"])
def test_import_lint_passes_downwards(name: str) -> None:
    assert list(lint("imports").findings("import models.topics\nfrom . import y", name)) == []


def test_a_tree_with_an_offence_fails(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    from pathlib import Path

    root = Path(str(tmp_path))
    for folder in ("api", "flows", "connectors", "models"):
        (root / folder).mkdir()
    assert lint("determinism").main(root) == 0
    assert lint("imports").main(root) == 0
    (root / "flows" / "bad.py").write_text("import random\nimport api\n")
    assert lint("determinism").main(root) == 1
    assert lint("imports").main(root) == 1
    assert "flows/bad.py:1" in capsys.readouterr().out
