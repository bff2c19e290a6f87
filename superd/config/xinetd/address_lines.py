"""The address words of a source's only_from and no_access: every word as superd reads it, each finding with the whole line.

Pure; ``addresses.py`` reads a single word.

Runs in: the reading child, the operator's commands.
"""

from __future__ import annotations

from collections.abc import Mapping

from superd.config.xinetd.addresses import BadAddress, WordReading, as_xinetd, read_word
from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.problem import Problem, Severity, error, warning

_MOST_WORDS = 20
"""Words of one line that are named one by one."""


class AddressReader:
    """Reads the address words of one source. A line of ``defaults`` is read once, and not again for each heir."""

    def __init__(self, networks: Mapping[str, str]) -> None:
        self._networks = networks
        self._known: dict[tuple[Line, bool], tuple[list[WordReading], list[Problem]]] = {}

    def read(self, lines: list[Line], section: Section) -> list[str] | None:
        """The words of only_from or no_access after all operators; ``None`` where the attribute never stood."""
        if not lines:
            return None
        found: dict[str, None] = {}
        for line in lines:
            removing = line.operator == "-="
            key = line, (line.name == "no_access") != removing
            if key not in self._known:
                self._known[key] = _readings(line, refusing=key[1], networks=self._networks)
            readings, problems = self._known[key]
            section.problems += problems
            section.broken |= any(problem.severity is Severity.ERROR for problem in problems)
            for reading in readings:
                for item in reading.words:
                    if removing:
                        found.pop(item, None)
                    else:
                        found[item] = None
        return list(found)


def _readings(line: Line, *, refusing: bool, networks: Mapping[str, str]) -> tuple[list[WordReading], list[Problem]]:
    """What the words of one line are read as. The hint of each finding is the whole line, with every word as it should be."""
    problems: list[Problem] = []
    comment = next((at for at, word in enumerate(line.values) if word.startswith("#")), len(line.values))
    if comment < len(line.values):
        text = f"`{' '.join(line.values[comment:])[:80]}` is taken for a comment"
        problems.append(warning(line.origin, text, "move the comment up"))
    readings: list[WordReading] = []
    right: list[str] = []
    said: list[tuple[bool, str]] = []
    for word in line.values[:comment]:
        try:
            reading = read_word(word, refusing=refusing, networks=networks)
        except BadAddress as bad:
            said.append((True, f"{line.name}: {bad}"))
            right += bad.instead.split()
            continue
        readings.append(reading)
        right += as_xinetd(reading.evident or reading.words) if reading.xinetd else [word]
        if reading.xinetd:
            taken = f"is read as `{' '.join(reading.words)}`" if reading.words else "never matches"
            sign = ", " if reading.xinetd.startswith("as ") else "; "
            said.append((False, f"{line.name}: `{word[:80]}` {taken}{sign}{reading.xinetd}"))
    text = f"{line.name} {line.operator} {' '.join(right)}"
    hint = f"write `{text}`" if right and len(text) < 1000 else "write a plain address or a.b.c.d/n"
    problems += [(error if wrong else warning)(line.origin, message, hint) for wrong, message in said[:_MOST_WORDS]]
    if len(said) > _MOST_WORDS:
        wrong = any(fatal for fatal, _ in said)
        rest = f"{line.name}: {len(said) - _MOST_WORDS} more words are read otherwise than they look"
        problems.append((error if wrong else warning)(line.origin, rest, hint))
    return readings, problems
