"""The lines of one section, by attribute, and what was found wrong with them. Its readers fill it.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from superd.config.xinetd.lexer import Line
from superd.problem import Problem, error, warning


@dataclass(slots=True)
class Section:
    """The lines of one section by attribute, in their order, and whether an error was found in it.

    ``torn``: its form is wrong, so lines of it may be lost. ``meant`` are attributes that a wrong line was meant to be.
    Neither is missing besides: one cause is one message. ``standing`` is said even where the entry is disabled.
    """

    lines: dict[str, list[Line]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False
    torn: bool = False
    meant: set[str] = field(default_factory=set)
    standing: list[Problem] = field(default_factory=list)

    def fail(self, line: Line, message: str, hint: str = "") -> None:
        self.problems.append(error(line.origin, message, hint))
        self.broken = True

    def warn(self, line: Line, message: str, hint: str = "") -> None:
        self.problems.append(warning(line.origin, message, hint))
