"""The words of hosts.allow and hosts.deny: rules, their options, and the two tables. Reads nothing, matches nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Literal

from superd.frozen import frozen
from superd.problem import Origin

Table = Literal["allow", "deny"]


@frozen
class Option:
    """One option of a rule (hosts_options(5)): its keyword in lower case, its text before expansion, its place.

    ``number`` counts the options of the rule from 0: the same command written twice runs twice.
    """

    name: str
    value: str
    origin: Origin
    error: str = ""
    number: int = 0

    @property
    def digest(self) -> str:
        """What a launcher knows the option by: a request names it and never carries the text."""
        return hashlib.sha256(f"{self.name}\0{self.value}".encode("utf-8", "surrogateescape")).hexdigest()[:16]


@frozen
class Rule:
    """``daemons : clients : options``; the lists are the tokens as written, EXCEPT among them."""

    table: Table
    daemons: tuple[str, ...]
    clients: tuple[str, ...]
    options: tuple[Option, ...]
    origin: Origin

    @property
    def text(self) -> str:
        """The rule as one line, which reads back as the same rule."""
        parts = [" ".join(self.daemons), " ".join(self.clients)]
        # As a file has it: a colon within a value would begin the next option.
        parts += [f"{option.name} {option.value}".strip().replace(":", "\\:") for option in self.options]
        return " : ".join(parts)


def identity(options: Iterable[Option]) -> tuple[str, str]:
    """(user, group) that a rule's `user` and `group` options ask for together; ``""`` where they ask for none."""
    user = group = ""
    for option in options:
        if option.error:
            break
        if option.name == "user":
            user, _, after = option.value.partition(".")
            group = after or group
        elif option.name == "group":
            group = option.value
    return user, group


@frozen
class Policy:
    """Both tables in file order, and the contents of the `/file` patterns they use."""

    allow: Sequence[Rule] = ()
    deny: Sequence[Rule] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)
