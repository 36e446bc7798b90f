"""The lints of our own fail on bad code, and only on that."""

from __future__ import annotations

import importlib.util
from pathlib import Path
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
        "import math\nx = math.exp(1.0)",
        "from math import log\nx = log(2.0)",
        "import math as m\nx = map(m.erf, [1.0])",
        "from statistics import NormalDist\nx = NormalDist().cdf(1.0)",
        "x = y ** 0.5",
        "x = y ** 3",
        "for x in {1, 2}:\n    pass",
        "for x in set(names):\n    pass",
        "x = [y for y in {z for z in names}]",
        "x = list(frozenset(names))",
        "x = tuple(set(a) | set(b))",
        "x = ','.join({'a', 'b'})",
        "x = dict.fromkeys(set(names))",
        "def f(names: set[str]) -> list[str]:\n    return [*names]",
        "def f(a: set[str], b: list[str]) -> list[str]:\n    return [x for x in a.union(b)]",
        "x: set[int] = make()\ny = next(iter(x))",
        "x = set()\ny = x.pop()",
        "class A:\n    def f(self):\n        self.seen: set[str] = set()\n        return list(self.seen)",
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
        "import math\nx = math.sqrt(2.0) + math.floor(1.5) + math.pi",
        "x = 10 ** 6",
        "x = base ** places  # deterministic: integers",
        "for x in sorted({2, 1}):\n    pass",
        "x = 'a' in {'a', 'b'} and len(set(names))",
        "x = any(y > 1 for y in set(names))",
        "x = sorted(y for y in set(names))",
        "x = {y + 1 for y in set(names)}",
        "x = frozenset(map(str, {1, 2}))",
        "def f(names: list[str]):\n    for x in names:\n        pass\ndef g(names: set[str]):\n    return len(names)",
        "x = [1]\ny = x.pop()",
    ],
)
def test_determinism_lint_passes(good: str) -> None:
    assert list(lint("determinism").findings(good, "flows/x.py")) == []


def test_a_set_of_another_module_is_known_by_its_name() -> None:
    module = lint("determinism")
    assert list(module.findings("for x in books.stale:\n    pass", "flows/x.py")) == []
    assert list(module.findings("for x in books.stale:\n    pass", "flows/x.py", frozenset({"stale"})))


def test_a_file_with_a_reason_may_call_the_c_library() -> None:
    module = lint("determinism")
    for name, reason in module.LIBM.items():
        assert (ROOT / name).is_file(), f"{name} is gone: its excuse goes too"
        assert len(reason.split()) > 3
        assert list(module.findings("import math\nx = math.log(2.0)", name)) == []


def test_connectors_are_looked_at_where_the_steps_reach_them(tmp_path: Path) -> None:
    files = {
        "flows/market.py": "from connectors.wire import decode",
        "flows/trading.py": "import flows.line",
        "flows/line.py": "from connectors import venue",
        "connectors/wire.py": "import connectors.deeper",
        "connectors/deeper.py": "import random",
        "connectors/venue.py": "",
        "connectors/door.py": "import random",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    module = lint("determinism")
    names = [path.relative_to(tmp_path).as_posix() for path in module.reached(tmp_path)]
    assert names == ["connectors/deeper.py", "connectors/venue.py", "connectors/wire.py"]
    assert module.main(tmp_path) == 1
    (tmp_path / "connectors/deeper.py").write_text("")
    assert module.main(tmp_path) == 0
    reached = {path.relative_to(ROOT).as_posix() for path in module.reached(ROOT)}
    assert any(name.startswith("connectors/venues/") for name in reached)
    assert not any(name.startswith("connectors/kafka/") for name in reached)


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
    root = Path(str(tmp_path))
    for folder in ("api", "flows", "connectors", "models"):
        (root / folder).mkdir()
    assert lint("determinism").main(root) == 0
    assert lint("imports").main(root) == 0
    (root / "flows" / "bad.py").write_text("import random\nimport api\n")
    assert lint("determinism").main(root) == 1
    assert lint("imports").main(root) == 1
    assert "flows/bad.py:1" in capsys.readouterr().out
