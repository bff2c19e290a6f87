"""No test sleeps, and none looks again and again: it waits for the event itself (a clock of the test's own may be slept on)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent

CLOCKS = {"autojump_clock", "mock_clock"}
"""Fixtures of a clock that stands still until all tasks wait: a sleep on it takes no time."""

VIRTUAL = {"simulation"}
"""Folders whose code runs on such a clock."""

ALLOWED = {
    ("front/gate/test_policy_watch.py", "trio.sleep(0.01)"): "the pace at which a table grows, which the test is about",
    ("launcher/test_process.py", "while not launcher.process.programs()"): "memory without an event, and the moment it changes",
    ("trips/test_reload.py", "while time.monotonic() < pause"): "load for a time: each round connects",
    ("daemon_process.py", "while not (found := self._children(b'superd: front'))"): "no event says that a process has a title",
}
"""(File, call or loop) → why nothing can be waited for."""

IN_SHELL = re.compile(r"\b(?:while|until)\b(?! :)[^;\n]*; *do +sleep")
"""A shell that looks for something again and again; ``while :`` only stays."""


def clocks_of(node: ast.AST) -> set[str]:
    """Return the clocks among the arguments of a function."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    return CLOCKS & {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}


def found_in(tree: ast.AST, *, clock: bool = False) -> Iterator[tuple[int, str]]:
    """(line, text) of every sleep on real time, and of every loop that only looks."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("sleep", "sleep_until") and not clock:
            yield node.lineno, ast.unparse(node)
        if isinstance(node, ast.While):
            test = ast.unparse(node.test)
            # A test that reads or sends waits in the kernel; one that only looks is a poll.
            looks = not re.search(r"recv|read|send|event\(|pump\(|give\(|enter\(|ask\(|select", test)
            passes = all(isinstance(part, ast.Pass) or "checkpoint()" in ast.unparse(part) for part in node.body)
            if (passes and looks) or re.search(r"time\.(?:monotonic|time)\(\) *<", test) or "self._children(" in test:
                yield node.lineno, f"while {test}"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and IN_SHELL.search(node.value):
            yield node.lineno, node.value.strip()
        yield from found_in(node, clock=clock or bool(clocks_of(node)))


def files() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if path != Path(__file__))


def test_no_test_sleeps_or_polls() -> None:
    found = {
        (str(path.relative_to(ROOT)), text)
        for path in files()
        for _, text in found_in(ast.parse(path.read_text()), clock=path.parent.name in VIRTUAL)
    }
    assert sorted(found - ALLOWED.keys()) == []
    assert sorted(ALLOWED.keys() - found) == [], "no longer there: remove it from the list"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import time\ntime.sleep(1)\n", ["time.sleep(1)"]),
        ("async def test_x(nursery):\n    await trio.sleep(1)\n", ["trio.sleep(1)"]),
        ("async def test_x(autojump_clock):\n    async def y():\n        await trio.sleep(1)\n", []),
        ("while not seen:\n    pass\n", ["while not seen"]),
        ("async def f():\n    while not seen:\n        await trio.lowlevel.checkpoint()\n", ["while not seen"]),
        ("while time.monotonic() < end:\n    look()\n", ["while time.monotonic() < end"]),
        ("while sock.recv(10):\n    pass\n", []),
        ("x = 'spawn while test ! -e /go; do sleep 0.1; done'\n", ["spawn while test ! -e /go; do sleep 0.1; done"]),
        ("x = ['/bin/sleep', '60']\n", []),
    ],
)
def test_such_a_sleep_is_found(text: str, found: list[str]) -> None:
    assert [what for _, what in found_in(ast.parse(text))] == found
