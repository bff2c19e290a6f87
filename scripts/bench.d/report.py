"""What a run found, as markdown: a table for each row, and above them each aim with what was reached."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Aim:
    """One thing that was to be reached: ``found`` against ``reach`` and ``stretch``, in the sense of ``less``."""

    row: str
    what: str
    found: float
    reach: float | None
    stretch: float | None = None
    unit: str = "x"
    less: bool = False

    def verdict(self) -> str:
        """``stretch``, ``reached`` or ``missed``; ``-`` where it could not be measured."""
        if math.isnan(self.found):
            return "-"
        if self.stretch is not None and self._meets(self.stretch):
            return "stretch"
        if self.reach is None:
            return "below the stretch"
        return "reached" if self._meets(self.reach) else "**missed**"

    def _meets(self, bound: float) -> bool:
        return self.found <= bound if self.less else self.found >= bound


@dataclass
class Table:
    """One row of the issue, measured."""

    title: str
    head: list[str]
    lines: list[list[str]]
    notes: list[str] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)

    def markdown(self) -> str:
        """The table and what there is to say about it."""
        text = [f"### {self.title}", "", _line(self.head), _line(["---"] * len(self.head)), *map(_line, self.lines)]
        for note in self.notes:
            text += ["", note]
        return "\n".join([*text, ""])


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def number(value: float, digits: int | None = None) -> str:
    """A number as people write it: three digits that count; ``-`` for none."""
    if math.isnan(value):
        return "-"
    if digits is not None:
        return f"{value:,.{digits}f}"
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def summary(tables: list[Table]) -> str:
    """Every aim, what was found, and whether that is it."""
    lines = [_line(["work", "measured as", "reach", "stretch", "found", ""]), _line(["---"] * 6)]
    for table in tables:
        for aim in table.aims:
            sign = "≤ " if aim.less else "≥ "
            bounds = ["" if bound is None else sign + _with_unit(bound, aim.unit) for bound in (aim.reach, aim.stretch)]
            found = _with_unit(aim.found, aim.unit)
            lines.append(_line([aim.row, aim.what, *bounds, found, aim.verdict()]))
    return "\n".join([*lines, ""])


def _with_unit(value: float, unit: str) -> str:
    return number(value) if math.isnan(value) or unit == "" else f"{number(value)} {unit}"
