"""Colour and width of what commands print: colour only repeats what words say. Decides nothing else.

Runs in: the operator's commands.
"""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

NARROW, WIDE = 80, 120


def coloured(out: TextIO) -> bool:
    """Whether colours go to this stream: a terminal, and the user does not want none (no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR")


def _in(code: str, text: str, out: TextIO | None) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if coloured(out or sys.stdout) else text


def bold(text: str, out: TextIO | None = None) -> str:
    """Return the text in bold."""
    return _in("1", text, out)


def red(text: str, out: TextIO | None = None) -> str:
    """Return the text in red: it fails."""
    return _in("31", text, out)


def yellow(text: str, out: TextIO | None = None) -> str:
    """Return the text in yellow: it needs a look."""
    return _in("33", text, out)


def dim(text: str, out: TextIO | None = None) -> str:
    """Return the text in grey: it is there for those who look for it."""
    return _in("2", text, out)


def width() -> int:
    """Return the columns to use: the terminal's, at least 80 and at most 200; 120 on a pipe."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return WIDE
    return max(NARROW, min(200, shutil.get_terminal_size((WIDE, 24)).columns))
