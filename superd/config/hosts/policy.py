"""What: the bytes of hosts.allow and hosts.deny become rules. Pure.

Runs in: master and front (both parse the same snapshot), cli. Never: reads a file, compiles or decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.config.hosts.edit import edited
from superd.config.hosts.scan import read_rules
from superd.errors import ConfigError
from superd.problem import Origin, Problem, errors
from superd.rule import Option, Policy, Rule, Table

if TYPE_CHECKING:
    from superd.policy_snapshot import PolicySnapshot
    from superd.rule_block import Rules


_kept: dict[tuple[str, Table], tuple[bytes, Rules, tuple[Problem, ...]]] = {}
"""The last text of each table that was read, with what was made of it: of the next one only what differs is read.

A process reads one pair of tables; the commands that try others out read each once.
"""


def _read(text: bytes, file: str, table: Table) -> tuple[Rules, tuple[Problem, ...]]:
    known = _kept.get((file, table))
    if known is not None and known[0] == text:
        return known[1], known[2]
    found = edited(known[1], known[2], known[0], text, file, table) if known is not None else None
    rules, problems = found or read_rules(text, file, table)
    if len(_kept) > 8:
        _kept.clear()
    _kept[file, table] = text, rules, problems
    return rules, problems


def parse_policy(files: PolicySnapshot) -> tuple[Policy, tuple[Problem, ...]]:
    """Return the rules of both tables and what is wrong with them.

    Raises ``ConfigError`` when hosts.deny has an error: half a table is worse than an old one.
    """
    allow, problems = _read(files.allow or b"", files.allow_path, "allow")
    if files.closed:
        why = Option("deny", "", Origin(files.deny_path), f"the file cannot be used: {files.closed}")
        everybody = Rule("deny", ("ALL",), ("ALL",), (why,), Origin(files.deny_path))
        return Policy(allow, (everybody,), files.files), problems
    deny, more = _read(files.deny or b"", files.deny_path, "deny")
    found = (*problems, *more)
    if broken := errors(found):
        raise ConfigError(broken)
    return Policy(allow, deny, files.files), found
