"""Fails on anything in deterministic code whose result could differ between two runs.

    python .ci/determinism.py [ROOT]

Looked at are `models/` (settings apart), `flows/`, and every module of `connectors/` that code of the steps reaches
from `flows/market.py` and `flows/trading.py`. Forbidden: clock reads, randomness, process identity, `hash()` and
`id()`, and the built-in `sum()`, whose result on floats differs between Python versions (`math.fsum`, or a loop over
integers, take its place); going through a set, whose order is another one in each process; functions of the platform's
C library (`exp`, `log`, `erf`, powers), whose last bit differs between platforms, outside of the files in `LIBM`, which
say why that turns no verdict. A line may be excused with `# deterministic: WHY`.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("models", "flows")
ROOTS = ("flows/market.py", "flows/trading.py")
REACHED = ("connectors",)
EXEMPT = {"models/settings.py"}
EXCUSE = "# deterministic:"

#: Files that may call the C library's functions, and why its last bit turns no verdict.
LIBM = {
    "models/fair_value.py": "probabilities are rounded to 1e-9 before anything is compared with them",
    "models/volatility.py": "returns are rounded to 1e-12 and weights to 1e-9 before they are summed",
    "models/scores.py": "scores of forecasts, for reports; no decision reads them",
    "flows/report/fair_value.py": "a report; no decision reads it",
    "models/features/spot_move.py": "the return is rounded to 1e-8",
    "models/features/fair_move.py": "the price before goes into a probability rounded to 1e-9, the move to 1e-6",
    "models/features/flow.py": "the flow is rounded to 1e-6 shares",
    "models/strategies/window_consistency.py": "the implied price is rounded to 1e-6 dollars",
    "models/statistics/sharpe.py": "figures that inform people; no gate reads them",
    "models/statistics/power.py": "when a gate could open, for people; no gate reads it",
    "models/portfolio/allocation.py": "the decay of a round is rounded to 1e-12, the multiplier to 1e-6",
}

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
#: Of `math`: what every platform computes to the last bit alike.
EXACT = {
    "ceil", "comb", "copysign", "fabs", "factorial", "floor", "fmod", "frexp", "fsum", "gcd", "inf", "isclose",
    "isfinite", "isinf", "isnan", "isqrt", "lcm", "ldexp", "modf", "nan", "nextafter", "perm", "pi", "e", "tau", "prod",
    "remainder", "sqrt", "sumprod", "trunc", "ulp",
}  # fmt: skip
_INEXACT_OWNERS = ("math", "cmath")
_SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
#: Calls that make an order of what they are given.
_ORDERING = {
    "list", "tuple", "iter", "enumerate", "zip", "map", "filter", "reversed", "next", "join", "fromkeys", "extend",
}  # fmt: skip
#: Calls whose result is the same in whatever order they see things.
_ORDERLESS = {"sorted", "set", "frozenset", "len", "any", "all", "min", "max", "Counter", "fsum"}

NO_CLOCK = "is not the same in every run: take the event's time"
NO_ORDER = "goes through a set: its order is another one in each process; sort it"
NO_LIBM = "is of the C library, whose last bit differs between platforms: round the result, and list the file in LIBM"


def findings(source: str, name: str, sets: frozenset[str] = frozenset()) -> Iterator[str]:
    """One line of text per offence in the source code of file ``name``. ``sets``: attributes that are sets wherever
    they are met."""
    lines = source.splitlines()
    tree = ast.parse(source, name)
    aliases: dict[str, str] = {}

    def report(node: ast.expr | ast.stmt, what: str, why: str) -> Iterator[str]:
        last = (node.end_lineno or node.lineno) if isinstance(node, ast.expr) else node.lineno
        if not any(EXCUSE in line for line in lines[node.lineno - 1 : last]):
            yield f"{name}:{node.lineno}: {what} {why}"

    for node in ast.walk(tree):
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
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id in BUILTINS and node.id not in aliases:
                yield from report(node, f"{node.id}()", BUILTINS[node.id])
            elif _forbidden(aliases.get(node.id, "")):
                yield from report(node, aliases[node.id], NO_CLOCK)
            elif name not in LIBM and _is_inexact(aliases.get(node.id, "")):
                yield from report(node, aliases[node.id], NO_LIBM)
        elif isinstance(node, ast.Attribute):
            path = _path(node, aliases)
            if _forbidden(path):
                yield from report(node, path, NO_CLOCK)
            elif name not in LIBM and _is_inexact(path):
                yield from report(node, path, NO_LIBM)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and name not in LIBM:
            yield from () if _is_integer(node.left) and _is_integer(node.right) else report(node, "a power", NO_LIBM)
    known = _Sets(tree, sets)
    for node in known.ordered():
        yield from report(node, ast.unparse(node)[:60], NO_ORDER)


class _Sets:
    """What of a module's expressions is a set, as far as its text says it, and where one is gone through in order."""

    def __init__(self, tree: ast.Module, attributes: frozenset[str]) -> None:
        self._tree = tree
        self._attributes = attributes | set_attributes(tree)
        self._scopes: dict[ast.AST, set[str]] = {}

    def ordered(self) -> Iterator[ast.expr]:
        """Sets that something goes through whose result depends on the order."""
        yield from self._in(self._tree, self._names(self._tree), orderless=False)

    def _in(self, node: ast.AST, names: set[str], orderless: bool) -> Iterator[ast.expr]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            names = names | self._names(node)
        if isinstance(node, ast.For | ast.AsyncFor) and self._is_set(node.iter, names):
            yield node.iter
        elif isinstance(node, ast.ListComp | ast.GeneratorExp | ast.DictComp) and not orderless:
            yield from (each.iter for each in node.generators if self._is_set(each.iter, names))
        elif isinstance(node, ast.Starred) and not orderless and self._is_set(node.value, names):
            yield node.value
        elif isinstance(node, ast.Call):
            called = node.func
            word = (
                called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else ""
            )
            makes_order = (
                word in _ORDERING or word in ("join", "fromkeys", "extend") or (word == "pop" and not node.args)
            )
            if makes_order and not orderless:
                yield from (each for each in node.args if self._is_set(each, names))
                if word == "pop" and isinstance(called, ast.Attribute) and self._is_set(called.value, names):
                    yield called.value
            for child in ast.iter_child_nodes(node):
                yield from self._in(child, names, child is not called and word in _ORDERLESS)
            return
        keeps = orderless and isinstance(node, ast.Starred | ast.List | ast.Tuple | ast.Set)
        for child in ast.iter_child_nodes(node):
            yield from self._in(child, names, keeps or isinstance(node, ast.SetComp | ast.Set))

    def _is_set(self, node: ast.expr, names: set[str]) -> bool:
        if isinstance(node, ast.Set | ast.SetComp):
            return True
        if isinstance(node, ast.Name):
            return node.id in names
        if isinstance(node, ast.Attribute):
            return node.attr in self._attributes
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
            return self._is_set(node.left, names) or self._is_set(node.right, names)
        if isinstance(node, ast.IfExp):
            return self._is_set(node.body, names) or self._is_set(node.orelse, names)
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                return node.func.id in ("set", "frozenset")
            if isinstance(node.func, ast.Attribute) and node.func.attr in _SET_METHODS:
                return self._is_set(node.func.value, names)
        return False

    def _names(self, scope: ast.AST) -> set[str]:
        """Names that are sets in the scope itself: by annotation, or by what is assigned to them."""
        found: set[str] = set()
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            every = (*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs)
            found.update(each.arg for each in every if each.annotation is not None and _says_set(each.annotation))
        for node in _own(scope):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and _says_set(node.annotation):
                found.add(node.target.id)
            elif isinstance(node, ast.Assign) and self._is_set(node.value, found):
                found.update(each.id for each in node.targets if isinstance(each, ast.Name))
        return found


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of functions and classes in it."""
    for child in ast.iter_child_nodes(scope):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        yield child
        yield from _own(child)


def set_attributes(tree: ast.AST) -> frozenset[str]:
    """Attributes that the module annotates as sets, or to which it assigns one."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and _says_set(node.annotation):
            if isinstance(node.target, ast.Attribute):
                found.add(node.target.attr)
        elif isinstance(node, ast.ClassDef):
            found.update(
                each.target.id
                for each in node.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and _says_set(each.annotation)
            )
    return frozenset(found)


def _word(node: ast.expr) -> str:
    """The last word of a name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _says_set(annotation: ast.expr) -> bool:
    return _word(annotation.value if isinstance(annotation, ast.Subscript) else annotation) in (
        "set",
        "frozenset",
        "Set",
        "AbstractSet",
        "FrozenSet",
    )


def _is_integer(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def _is_inexact(path: str) -> bool:
    owner, _, call = path.rpartition(".")
    return (owner in _INEXACT_OWNERS and call not in EXACT) or path == "statistics.NormalDist"


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


def reached(root: Path) -> list[Path]:
    """The modules of `connectors/` that the steps' code imports, directly or through others."""
    waiting = [root / name for name in ROOTS if (root / name).is_file()]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            for module in _imported(node):
                place = root.joinpath(*module.split("."))
                waiting += [each for each in (place.with_suffix(".py"), place / "__init__.py") if each.is_file()]
    return sorted(path for path in seen if path.relative_to(root).parts[0] in REACHED)


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def main(root: Path) -> int:
    paths = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*.py"))] + reached(root)
    names = {path: path.relative_to(root).as_posix() for path in paths}
    texts = {path: path.read_text(encoding="utf-8") for path in paths if names[path] not in EXEMPT}
    sets = frozenset(name for path, text in texts.items() for name in set_attributes(ast.parse(text, names[path])))
    found = [finding for path, text in texts.items() for finding in findings(text, names[path], sets)]
    said = "deterministic: no clock, no randomness, no plain sum, no order of a set, no last bit of the C library"
    print("\n".join(found) if found else f"{said} in {len(texts)} files")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent))
