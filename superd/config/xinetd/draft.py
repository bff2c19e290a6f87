"""A service on its way from its section to a ``Service``: its own lines, then those of defaults, the keys so far.

Knows what is inherited, and how; what an attribute means is known to ``socket.py``, ``program.py`` and ``service.py``.

Runs in: the reading child, the operator's commands. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from superd.config.xinetd import attributes as attribute
from superd.config.xinetd.address_lines import AddressReader
from superd.config.xinetd.lexer import Line
from superd.config.xinetd.section import Section
from superd.frozen import frozen
from superd.problem import Origin, did_you_mean, error

INHERITED = attribute.DEFAULTS | attribute.CLOSING_DEFAULTS - {"enabled", "disabled"}


@frozen
class Surroundings:
    """What an entry is read with: all defaults of the source, the reader of its addresses, /etc/hosts (name → number)."""

    defaults: Mapping[str, list[Line]]
    addresses: AddressReader
    hosts: Mapping[str, str]
    services: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """/etc/services, (name, protocol) → port; empty where it cannot be read, so that nothing is known."""


class Draft:
    """``keys`` become the service's; ``flags`` and ``family`` (``""``, ``"4"``, ``"6"``) are read from its flags."""

    def __init__(self, name: str, section: Section, origin: Origin, around: Surroundings) -> None:
        self.name = name
        self.section = section
        self.origin = origin
        self.around = around
        self.keys: dict[str, Any] = {
            "name": name, "service": name, "stderr": "socket", "leftovers": "keep", "log_style": "xinetd",
        }  # fmt: skip
        self.flags: set[str] = set()
        self.family = ""

    def own(self, name: str) -> Line | None:
        """The first line of the service itself."""
        lines = self.section.lines.get(name)
        return lines[0] if lines else None

    def get(self, name: str) -> Line | None:
        """The line that counts: its own, else that of defaults."""
        inherited = self.around.defaults.get(name) if name in INHERITED else None
        return self.own(name) or (inherited[0] if inherited else None)

    def all(self, name: str) -> list[Line]:
        """All lines that count, those of defaults first, unless its own begin anew."""
        mine = self.section.lines.get(name, [])
        if name in INHERITED and not (mine and mine[0].operator == "="):
            return [*self.around.defaults.get(name, ()), *mine]
        return mine

    def choose(self, lines: list[Line], known: tuple[str, ...]) -> set[str]:
        """The words after all operators, in upper case; an unknown one is an error."""
        found: set[str] = set()
        for line in lines:
            for word in line.values:
                upper = word.upper()
                if upper not in known:
                    near = did_you_mean(upper, known) or f"one of {' '.join(known)}"
                    hint = "`RECORD` went away with xinetd 2.3" if upper == "RECORD" else near
                    self.section.fail(line, f"`{word[:40]}` in `{line.name}`; xinetd disabled the service", hint)
                elif line.operator == "-=":
                    found.discard(upper)
                else:
                    found.add(upper)
            if not line.values and line.name in ("flags", "type"):
                self.section.fail(line, f"`{line.name}` without a value; xinetd disabled the service")
        return found

    def text(self, *names: str) -> None:
        """Takes these attributes over as they are written."""
        for name in names:
            if line := self.get(name):
                self.keys[name] = line.values[0]

    def missing(self, name: str) -> None:
        """Add the error that an attribute is missing, unless a wrong form of the entry may be the reason."""
        if self.section.torn or name in self.section.meant:
            return
        first = next(iter(self.section.lines.values()), None)
        origin = self.origin if first is None or self.origin.line else first[0].origin
        self.section.problems.append(error(origin, f"service `{self.name}` has no `{name}`; xinetd disabled it"))
        self.section.broken = True
