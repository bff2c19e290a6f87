"""What is wrong with a file that an operator wrote, and where. Only the value: finding problems is ``config/``'s work."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING

from superd.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(StrEnum):
    """``ERROR`` keeps what it names from running; ``WARNING`` and ``NOTE`` do not."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in a file. ``line`` counts from 1; 0 means the file as a whole."""

    file: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@frozen
class Problem:
    """One problem: where, how bad, what and the value (in backquotes), and what to write instead."""

    origin: Origin
    severity: Severity
    message: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.origin}: {self.severity}: {self.message}"
        return f"{text}\n  hint: {self.hint}" if self.hint else text

    def line(self) -> str:
        """The same as one line, for a log."""
        text = f"{self.origin}: {self.severity}: {self.message}"
        return f"{text} ({self.hint})" if self.hint else text


def error(origin: Origin, message: str, hint: str = "") -> Problem:
    """A problem that keeps the entry from running."""
    return Problem(origin, Severity.ERROR, _short(message), hint)


def warning(origin: Origin, message: str, hint: str = "") -> Problem:
    """A problem that an operator should know; the entry runs."""
    return Problem(origin, Severity.WARNING, _short(message), hint)


def note(origin: Origin, message: str, hint: str = "") -> Problem:
    """Something worth knowing that is not a fault."""
    return Problem(origin, Severity.NOTE, _short(message), hint)


_LONG_VALUE = re.compile(r"`([^`]{200})[^`]{2,}`")


def _short(message: str) -> str:
    # A value of 16 KiB is found by its line, and by its beginning.
    return _LONG_VALUE.sub(r"`\1…`", message)


def errors(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Only the errors of ``problems``, in their order."""
    return tuple(problem for problem in problems if problem.severity is Severity.ERROR)


def new_errors(before: Iterable[Problem], now: Iterable[Problem]) -> tuple[Problem, ...]:
    """The errors of ``now`` that ``before`` did not have as often, wherever in their files they stand."""
    known = Counter((problem.origin.file, problem.message) for problem in errors(before))
    fresh: list[Problem] = []
    for problem in errors(now):
        same = problem.origin.file, problem.message
        if known[same]:
            known[same] -= 1
        else:
            fresh.append(problem)
    return tuple(fresh)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint naming the nearest of ``known``, or nothing where none is near."""
    nearest = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"did you mean `{nearest[0]}`?" if nearest else ""
