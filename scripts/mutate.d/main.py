"""Mutation testing: one change of the source at a time, and the tests that should notice it.

Each mutant is a process that loads the changed module from memory; no file is written. The tests that run the changed line are
tried, the quickest first; for a line that runs at import, all tests of its folder and of what uses it. Prints a line for each
survivor, and the share that was killed.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from reach import QUIET, Reach, reach_of

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
FOLDERS = ("superd/policy", "superd/wire", "superd/config")
FURTHER = {
    "superd/policy": ["tests/policy", "tests/front/test_decision_table.py", "tests/lint", "tests/cli/test_explain.py"],
    "superd/wire": ["tests/wire", "tests/net", "tests/fuzz"],
    "superd/config": ["tests/config", "tests/load", "tests/cli/test_check.py", "tests/cli/test_importer.py"],
}
SECONDS = 120
"""What takes longer has changed something, too: a loop that does not end."""
FIRST = 12
"""Tests that are tried before the rest of those that run a line."""
_COMPARISONS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


class Change:
    """One change: how it reads, where it is, and how to make it."""

    def __init__(self, node: ast.AST, kind: str, number: int) -> None:
        self.node, self.kind, self.number = node, kind, number


def changes(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield (number of the node in ast.walk's order, kind) of every change that can be made."""
    skipped: set[ast.AST] = set()
    for number, node in enumerate(ast.walk(tree)):
        if node in skipped or _is_for_types(node):
            skipped.update(ast.walk(node))
            continue
        match node:
            case ast.AnnAssign() | ast.arg() if node.annotation is not None:
                skipped.update(ast.walk(node.annotation))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                for part in (*node.decorator_list, *([node.returns] if node.returns else [])):
                    skipped.update(ast.walk(part))
            case ast.Assert():
                skipped.update(ast.walk(node))
                continue
            case ast.JoinedStr():
                skipped.update(ast.walk(node))
                continue
        match node:
            case ast.Compare() if type(node.ops[0]) in _COMPARISONS:
                yield number, "comparison"
            case ast.BinOp() if type(node.op) in _ARITHMETIC and not _is_text(node):
                yield number, "arithmetic"
            case ast.BoolOp():
                yield number, "and/or"
            case ast.UnaryOp(op=ast.Not()):
                yield number, "not"
            case ast.Constant(value=bool()):
                yield number, "truth"
            case ast.Constant(value=int() | float()):
                yield number, "number"
            case ast.If() | ast.While():
                yield number, "condition"
            case ast.Return(value=ast.AST()) if not (isinstance(node.value, ast.Constant) and node.value.value is None):
                yield number, "return"
            case ast.Expr(value=ast.Call()) | ast.AugAssign():
                yield number, "statement"


def _is_text(node: ast.BinOp) -> bool:
    return any(isinstance(side, ast.JoinedStr) or (isinstance(side, ast.Constant) and isinstance(side.value, str))
               for side in (node.left, node.right))  # fmt: skip


def _is_for_types(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            return True
        case ast.Assign(targets=[ast.Name(id="__slots__")]):
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.ClassDef(bases=[ast.Name(id="Protocol")]):
            return True
    return False


def mutant(tree: ast.Module, wanted: int) -> tuple[ast.Module, int, str]:
    """Return a changed copy, the line of the change, and how it reads."""
    changed = copy.deepcopy(tree)
    node = next(node for number, node in enumerate(ast.walk(changed)) if number == wanted)
    line, before = getattr(node, "lineno", 0), _text(node)
    match node:
        case ast.Compare():
            node.ops[0] = _COMPARISONS[type(node.ops[0])]()
        case ast.BinOp():
            node.op = _ARITHMETIC[type(node.op)]()
        case ast.BoolOp():
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp():
            node.op = ast.UAdd()
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(value=bool()):
            node.value = not node.value
        case ast.Constant():
            assert isinstance(node.value, int | float)
            node.value += 1
        case ast.If() | ast.While():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Return():
            node.value = ast.Constant(None)
        case ast.Expr() | ast.AugAssign():
            _replace(changed, node, ast.Pass())
    after = "nothing" if isinstance(node, ast.Expr | ast.AugAssign) else _text(node)
    return ast.fix_missing_locations(changed), line, f"`{before}` → `{after}`"


def _text(node: ast.AST) -> str:
    return ast.unparse(node.test if isinstance(node, ast.If | ast.While) else node).split("\n")[0]


def _replace(tree: ast.AST, old: ast.stmt, new: ast.stmt) -> None:
    for parent in ast.walk(tree):
        for _, value in ast.iter_fields(parent):
            if isinstance(value, list) and old in value:
                value[value.index(old)] = ast.copy_location(new, old)
                return


class Loader(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Gives one module its changed code."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self._name, self._path, self._tree = name, path, tree

    def find_spec(self, name: str, path: object = None, target: object = None) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_file_location(name, self._path, loader=self) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._tree, str(self._path), "exec"), module.__dict__)


def survives(name: str, path: Path, tree: ast.Module, tests: list[str]) -> bool:
    """Whether the tests pass with the changed module."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setpgid(0, 0)
            null = os.open(os.devnull, os.O_RDWR)
            for number in (0, 1, 2):
                os.dup2(null, number)
            sys.meta_path.insert(0, Loader(name, path, tree))
            status = int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", *QUIET, *tests]))
        finally:
            os._exit(status)
    until = time.monotonic() + SECONDS
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return status == 0
        if time.monotonic() > until:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False
        time.sleep(0.02)


def words() -> Iterator[str]:
    """Yield the modules that load none of those that are changed."""
    for file in sorted(Path("superd").glob("*.py")):
        if not file.stem.startswith("__"):
            yield f"superd.{file.stem}"


def _lines(tree: ast.Module, number: int) -> set[int]:
    """Return the lines that run where this node does: its own, and its statement's, unless that is a function or a class."""
    node = next(node for count, node in enumerate(ast.walk(tree)) if count == number)
    lines = {getattr(node, "lineno", 0)}
    for statement in ast.walk(tree):
        if isinstance(statement, ast.stmt) and any(inner is node for inner in ast.walk(statement)):
            if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                lines.add(statement.lineno)
    return lines


def _steps(reach: dict[int, list[str]], lines: set[int], file: Path, every: list[str]) -> list[list[str]]:
    """Return lists of tests to try one after another."""
    tests = list(dict.fromkeys(test for line in sorted(lines, reverse=True) for test in reach.get(line, ())))
    if not tests:
        own = Path("tests", *file.parts[1:-1], f"test_{file.name}")
        return [[str(own)], every] if own.exists() else [every]
    return [part for part in (tests[:FIRST], tests[FIRST:]) if part]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=200, help="changes to try; default: 200")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lines", help="only changes of these lines: FILE:LINE,FILE:LINE")
    parser.add_argument("paths", nargs="*", default=FOLDERS, help=f"files or folders; default: {' '.join(FOLDERS)}")
    options = parser.parse_args()
    os.chdir(ROOT)
    for name in ("hypothesis", "netaddr", "pydantic", "trio", *words()):
        importlib.import_module(name)  # once, for all of them

    files = [
        file for path in options.paths for file in ([Path(path)] if path.endswith(".py") else sorted(Path(path).rglob("*.py")))
    ]
    trees = {file: ast.parse(file.read_text()) for file in files}
    every = [(file, number, kind) for file, tree in trees.items() for number, kind in changes(tree)]
    if options.lines:
        nodes = {file: list(ast.walk(tree)) for file, tree in trees.items()}
        lines = options.lines.split(",")
        every = [change for change in every if f"{change[0]}:{getattr(nodes[change[0]][change[1]], 'lineno', 0)}" in lines]
    chosen = random.Random(options.seed).sample(every, min(options.sample, len(every)))
    killed = 0
    reached: dict[str, Reach] = {}
    for count, (file, number, kind) in enumerate(chosen, 1):
        name = ".".join(file.with_suffix("").parts)
        tree, line, change = mutant(trees[file], number)
        folder = next(folder for folder in FURTHER if str(file).startswith(folder))
        if folder not in reached:
            own = {str(one.resolve()) for one in Path(folder).rglob("*.py")}
            reached[folder] = reach_of(FURTHER[folder], own)
        steps = _steps(reached[folder].get(str(file.resolve()), {}), _lines(trees[file], number), file, FURTHER[folder])
        if not any(not survives(name, file.resolve(), tree, tests) for tests in steps):
            print(f"{file}:{line}: {kind}: {change}", flush=True)
        else:
            killed += 1
        print(f"{killed} of {count}", file=sys.stderr, flush=True)
    print(
        f"{killed} of {len(chosen)} killed ({100 * killed / max(1, len(chosen)):.1f} %), of {len(every)} changes that can be made"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
