"""The policy tables from bytes to something that decides: read, parsed, compiled. Keeps nothing."""

from __future__ import annotations

import dataclasses
import os

from superd.config.hosts.policy import parse_policy
from superd.config.hosts.tables import file_patterns
from superd.errors import ConfigError
from superd.policy.file_patterns import FILE_DEPTH
from superd.policy_snapshot import Look, PolicySnapshot, Signature
from superd.problem import Origin, Problem, error, errors, warning
from superd.rule import Rule
from superd.system.policy_files import read_table, read_tables, signature


class UnusableTables(ConfigError):
    """Tables that cannot be used. ``looked_at`` are the files they name and how each looked before it was read.

    Whoever keeps older tables in force must look at these too: one of them may be mended, and no table change.
    """

    def __init__(self, problems: tuple[Problem, ...], looked_at: dict[str, Look]) -> None:
        super().__init__(problems)
        self.looked_at = looked_at


def load_policy(allow_path: str, deny_path: str, *, keep_going: bool = False) -> tuple[PolicySnapshot, tuple[Problem, ...]]:
    """The files as they are now, with every `/file` they name, and what there is to say about them.

    Raises ``ConfigError`` when a table cannot be read or does not parse: then nothing of it is to be used. With
    ``keep_going`` a hosts.allow that cannot be used grants nothing, and such a hosts.deny refuses all who reach it.
    """
    before: tuple[Problem, ...] = ()
    try:
        files = read_tables(allow_path, deny_path, strict=os.geteuid() == 0)
        policy, problems = parse_policy(files)
    except OSError as problem:
        files, before = _read_what_can_be(allow_path, deny_path)
        if not keep_going:
            raise ConfigError(before or (error(Origin(deny_path), str(problem)),)) from None
        policy, problems = parse_policy(files)
    except ConfigError as wrong:
        if not keep_going:
            raise
        # Only hosts.deny has errors: what is wrong in hosts.allow grants nothing, and is a warning.
        before = wrong.problems
        files = dataclasses.replace(files, closed=str(before[0]))
        policy, problems = parse_policy(files)
    found, seen, more = _read_patterns((*policy.allow, *policy.deny))
    if unread := errors(more):
        # Going on without it would let in whom it was to keep out, as an unreadable hosts.deny would.
        if not keep_going:
            raise UnusableTables(unread, dict(zip(found, seen, strict=True)))
        files = dataclasses.replace(files, closed=files.closed or str(unread[0]))
    return dataclasses.replace(files, files=found, signature=(*files.signature, *seen)), (*before, *problems, *more)


def _read_what_can_be(allow_path: str, deny_path: str) -> tuple[PolicySnapshot, tuple[Problem, ...]]:
    """The tables one by one: each may be unreadable, or no table, by itself."""
    problems: list[Problem] = []
    read: dict[str, bytes | None] = {}
    closed = ""
    # Before they are read: a change meanwhile is seen as one afterwards.
    seen = signature((allow_path, deny_path))
    for path in (allow_path, deny_path):
        try:
            read[path] = read_table(path, strict=os.geteuid() == 0)
        except OSError as problem:
            read[path] = None
            problems.append(error(Origin(path), f"cannot be read: {problem}"))
            closed = closed if path == allow_path else str(problems[-1])
    files = PolicySnapshot(seen, allow_path, deny_path, read[allow_path], read[deny_path], closed=closed)
    if not closed:
        try:
            parse_policy(files)
        except ConfigError as wrong:
            problems += wrong.problems
            files = dataclasses.replace(files, closed=str(wrong.problems[0]))
    return files, tuple(problems)


def _read_patterns(rules: tuple[Rule, ...]) -> tuple[dict[str, bytes], Signature, list[Problem]]:
    """The files that patterns name, and those that they name, each read once; and how they looked before that."""
    found: dict[str, bytes] = {}
    seen: Signature = ()
    problems: list[Problem] = []
    depth: dict[str, int] = {}

    def read(path: str, above: tuple[str, ...]) -> None:
        nonlocal seen
        if path in above:
            problems.append(warning(Origin(above[-1]), f"names `{path}`, which names it again: it is looked at once"))
            return
        if len(above) >= FILE_DEPTH:
            problems.append(warning(Origin(above[-1]), f"`{path}` is named more than {FILE_DEPTH} files deep: nobody matches it"))
            return
        if depth.get(path, FILE_DEPTH) <= len(above):
            return
        depth[path] = len(above)
        if path not in found:
            seen += signature((path,))
            try:
                found[path] = read_table(path, strict=os.geteuid() == 0) or b""
            except OSError as problem:
                problems.append(error(Origin(path), f"cannot be read: {problem}"))
                found[path] = b""
        for word in dict.fromkeys(found[path].split()):
            if word.startswith(b"/"):
                read(word.decode("utf-8", "surrogateescape"), (*above, path))

    for path in file_patterns(rules):
        read(path, ())
    return found, seen, problems
