"""The policy tables from bytes to something that decides: read, parsed, compiled. Keeps nothing."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

from superd.config.hosts_access import file_patterns, parse
from superd.daemon.policy_files import PolicyFiles, read_table, read_tables
from superd.errors import ConfigError
from superd.problem import Origin, Problem, error, errors, warning
from superd.rule import Policy

if TYPE_CHECKING:
    from superd.rule import Rule

FILE_DEPTH = 8
"""How deep `/file` patterns may name one another."""


def load_policy(allow_path: str, deny_path: str) -> tuple[PolicyFiles, tuple[Problem, ...]]:
    """The files as they are now, with every `/file` they name, and what there is to say about them.

    Raises ``ConfigError`` when a table cannot be read or does not parse: then nothing of it is to be used.
    """
    try:
        files = read_tables(allow_path, deny_path, strict=os.geteuid() == 0)
    except OSError as problem:
        raise ConfigError((error(Origin(allow_path or deny_path), f"cannot be read: {problem}"),)) from None
    policy, problems = parse_policy(files)
    found, more = _read_patterns((*policy.allow, *policy.deny))
    return dataclasses.replace(files, files=found), (*problems, *more)


def parse_policy(files: PolicyFiles) -> tuple[Policy, tuple[Problem, ...]]:
    """The tables as rules. Raises ``ConfigError`` when one has an error: half a table is worse than an old one."""
    allow, problems = parse(files.allow or b"", files.allow_path, "allow")
    deny, more = parse(files.deny or b"", files.deny_path, "deny")
    found = (*problems, *more)
    if broken := errors(found):
        raise ConfigError(broken)
    return Policy(allow, deny, files.files), found


def _read_patterns(rules: tuple[Rule, ...]) -> tuple[dict[str, bytes], list[Problem]]:
    found: dict[str, bytes] = {}
    problems: list[Problem] = []
    wanted = list(file_patterns(rules))
    for _ in range(FILE_DEPTH):
        nested: list[str] = []
        for path in wanted:
            if path in found:
                continue
            try:
                data = read_table(path, strict=os.geteuid() == 0)
            except OSError as problem:
                problems.append(warning(Origin(path), f"cannot be read, so nobody matches it: {problem}"))
                data = None
            found[path] = data or b""
            nested += [word for word in (data or b"").decode("utf-8", "surrogateescape").split() if word[0] == "/"]
        wanted = [path for path in nested if path not in found]
        if not wanted:
            return found, problems
    problems.append(warning(Origin(wanted[0]), f"is named more than {FILE_DEPTH} files deep, so nobody matches it"))
    return found, problems
