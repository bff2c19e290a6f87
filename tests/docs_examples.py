"""The examples of the documentation: fenced blocks with their tags, and console blocks as sessions that can be run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
RECIPES = sorted((ROOT / "examples").glob("**/README.md"))
"""The pages of examples/; tests/examples runs their commands."""
HOST_PAGES = tuple(ROOT / "docs" / name for name in ("start.md", "coming-from.md", "troubleshooting.md"))
"""Pages whose commands change a host; tests/examples runs them."""

_VARIES = (
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:[+-]\d{4})?", "TIME"),
    (r"\b[0-9a-z]{1,5}-([0-9a-z]{1,6}) from=", r"ID-\1 from="),
    (r"\bpid=\d+", "pid=N"),
    (r"\(pid \d+\)", "(pid N)"),
    (r"\bport=\d+", "port=N"),
    (r"\b(duration|cpu|memory)=[\d.]+", r"\1=N"),
    (r"\bsuperd \d+ serves", "superd N serves"),
    (r"(127\.0\.0\.1):[3-6]\d{4}\b", r"\1:N"),
    (r"\bup [\d.]+ s   Linux [\d.]+   \d+ processes, [\d.]+MB   files read [\d.]+ s ago", "up N"),
    (r"\buntil \d\d:\d\d\b", "until TIME"),
    (r"\buntil \d{4}-\d\d-\d\d \d\d:\d\d\b", "until TIME"),
    (r"(\d+/\d+) +\d+ +\d+ ", r"\1 N N "),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"(?<![\d:.])\d\d:\d\d\b(?!:)", "TIME"),
)
"""What no two runs have in common."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its page, the line of its fence, the tag after the fence, the text inside."""

    page: Path
    line: int
    tag: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a console block and the lines that it shows."""

    command: str
    output: str


def blocks(page: Path) -> list[Block]:
    """Every fenced block of a page, in its order."""
    found: list[Block] = []
    start, tag, lines = 0, "", list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif start:
            found.append(Block(page, start, tag, "\n".join(lines) + "\n"))
            start = 0
        else:
            start, tag, lines = number, line[3:].strip(), []
    assert not start, f"{page.name}:{start}: the block has no end"
    return found


def tagged(*tags: str) -> list[Block]:
    """The blocks of all pages with one of these tags."""
    return [block for page in PAGES for block in blocks(page) if block.tag in tags]


def file_name(block: Block) -> str:
    """The file that a block is: the path in its first line's comment."""
    match = re.match(r"# ([\w./@-]+)", block.text)
    assert match is not None, f"{block}: the first line does not name the file"
    return match[1]


def steps(block: Block) -> list[Step]:
    """The commands after `$ ` and what stands below each."""
    found: list[Step] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(Step(line[2:], ""))
        else:
            assert found, f"{block}: output without a command"
            found[-1] = Step(found[-1].command, found[-1].output + line + "\n")
    return found


def plain(text: str, *folders: Path) -> str:
    """``text`` without what no two runs have in common, and with ``folders`` as nothing: paths as a reader sees them."""
    text = text.replace("\r\n", "\n")
    for folder in folders:
        text = text.replace(f"{folder}/", "")
    for pattern, instead in _VARIES:
        text = re.sub(pattern, instead, text)
    return text
