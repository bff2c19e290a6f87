"""Comments, docstrings, messages and pages are in plain English: turns that are hard to read are refused (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

REFUSED = {
    r"behind": "after",
    r"beside": "next to, with",
    r"(?<!nowait )(?<!nowait{dot} )(?<!--user )nobody|whoever|whom": "the one with a name: the client, the front, an operator",
    r"(?<!there )(?:is|are|was|were) no(?= [a-z])(?! longer| more)": "is not",
    r"tell(?:s|ing)? of|(?:is|are|was|were|be) told": "logs, reports, gets",
    r"mend(?:s|ed|ing)?": "fix",
    r"for want of": "without",
    r"(?:some|any|every)(?:body|one)": "an operator, any user, every client",
    r"what is (?:not )?there|(?:is|are) not there": "exists, does not exist",
    r"be it|but for": "except",
    r"he|his|him": "they, their",
    r"of before": "earlier, former",
    r"let(?:s|ting)? (?:him |them |it |nobody |one )?(?:in|come)": "admit",
}
"""Turns that are refused, and what to write."""

TURNS = re.compile(rf"(?<![\w\"'`/-])(?:{'|'.join(REFUSED)})(?![\w\"'`-])", re.IGNORECASE)

MADE = {"__pycache__", "schema", "man", "completions"}
"""Folders of files that are made from the models."""


def sources() -> list[Path]:
    """Return every file that this test reads."""
    found = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob(".ci/*"),
        *ROOT.glob("packaging/**/*"),
        *ROOT.glob("examples/**/*"),
        *ROOT.glob("superd/**/*.py"),
        *ROOT.glob("tests/**/*.py"),
    ]
    found += [path for path in ROOT.glob("scripts/**/*") if path.suffix != ".pyc"]
    return sorted(path for path in found if path.is_file() and not {*path.parts} & MADE and path.name != "CHANGELOG.md")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of every piece of English in a file: what people read, and not the names of the code."""
    text = path.read_text(encoding="utf-8")
    if path.is_relative_to(ROOT / "tests"):
        yield from of_test(text)
    elif path.suffix == ".py" or text.startswith('"""'):
        yield from of_python(text)
    elif path.suffix == ".md":
        yield from of_page(text)
    else:
        yield from ((number, line) for number, line in enumerate(text.splitlines(), 1) if "#" in line or '"' in line)


def of_python(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of comments and of strings that have a blank; a line of several is one text."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield from ((node.lineno + number, line) for number, line in enumerate(node.value.splitlines()))


def of_test(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of comments, docstrings and names of tests; other strings are what a client, a file or a log says."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from ((node.lineno + number, line) for number, line in enumerate(node.value.value.splitlines()))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node.lineno, node.name.replace("_", " ")


def of_page(text: str) -> Iterator[tuple[int, str]]:
    """(line, text) of what is in no fenced block, without what is marked as code."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, re.sub(r"`[^`]*`", "``", line)


def turns(path: Path) -> list[str]:
    """Return `line: turn` of every refused turn of a file."""
    found = {(line, match[0]) for line, text in texts(path) for match in TURNS.finditer(text)}
    return [f"{line}: {turn}" for line, turn in sorted(found)]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_has_no_turn_that_is_hard_to_read(path: Path) -> None:
    assert turns(path) == []


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", "# the client behind it\n", ["1: behind"]),
        ("a.py", '"""What is there.\n\nTold of nobody."""\n', ["1: What is there", "3: nobody"]),
        ("a.py", "user = 'nobody'\nlog(f'`{x}` is no number')\n", ["2: is no"]),
        ("a.py", "behind = beside = 1\n", []),
        ("a.md", "It is told.\n```text\nnobody\n```\n", ["1: is told"]),
        ("a.md", "The line `wait nobody /bin/cat`; none is behind it.\n", ["1: behind"]),
        ("a.md", 'The user `nobody`, and "nobody". Besides, there is no room. The other half.\n', []),
        ("run", "echo hello  # mended\n", ["1: mended"]),
    ],
)
def test_such_a_turn_is_found(tmp_path: Path, name: str, text: str, found: list[str]) -> None:
    (tmp_path / name).write_text(text)
    assert turns(tmp_path / name) == found
