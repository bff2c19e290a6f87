"""Many findings of one kind as one line with their number: a list of a million lines may have a fault in each of them.

Runs in: the operator's commands. Prints nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from superd.problem import Problem

MOST_ALIKE = 10
"""Findings of one kind in one file that are still shown one by one."""
_VALUE = re.compile(r"`[^`]*`|[0-9]+")


def folded(problems: Iterable[Problem]) -> list[Problem]:
    """The same in their order, of each kind in a file at most ``MOST_ALIKE``; then the first says how many more there are.

    Two findings are of one kind when they differ in their values and numbers alone.
    """
    found = list(problems)
    kinds: dict[tuple[str, str, str], list[int]] = {}
    for index, problem in enumerate(found):
        key = (problem.origin.file, problem.severity.value, _VALUE.sub("`", problem.message))
        kinds.setdefault(key, []).append(index)
    gone: set[int] = set()
    for indexes in kinds.values():
        if len(indexes) > MOST_ALIKE:
            first, last = found[indexes[0]], found[indexes[-1]]
            more = f"{first.message} (and {len(indexes) - 1} more like it, the last in line {last.origin.line})"
            found[indexes[0]] = replace(first, message=more)
            gone.update(indexes[1:])
    return [problem for index, problem in enumerate(found) if index not in gone]
