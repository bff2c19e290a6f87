"""Problems as text for people: one line each with its hint below, colour only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO

from superd.cli.folded import folded
from superd.problem import Problem, Severity
from superd.safe_text import safe

MAX_TEXT = 4000
"""Characters of a message or hint; a rule can have as many as its file."""
_COLOUR = {Severity.ERROR: "31", Severity.WARNING: "33", Severity.NOTE: "36"}


def print_problems(problems: Iterable[Problem], out: TextIO | None = None) -> None:
    """Each problem, then the counts; nothing for none."""
    out = out or sys.stderr
    colour = out.isatty() and "NO_COLOR" not in os.environ
    counts = dict.fromkeys(Severity, 0)
    for problem in folded(problems):
        counts[problem.severity] += 1
        word = f"\x1b[{_COLOUR[problem.severity]}m{problem.severity}\x1b[0m" if colour else str(problem.severity)
        # A table may hold anything, and a terminal obeys what it is shown.
        out.write(f"{problem.origin}: {word}: {safe(problem.message, MAX_TEXT)}\n")
        if problem.hint:
            out.write(f"  hint: {safe(problem.hint, MAX_TEXT)}\n")
    said = [f"{number} {word}{'s' if number > 1 else ''}" for word, number in counts.items() if number]
    if said:
        out.write(", ".join(said) + "\n")
    out.flush()
