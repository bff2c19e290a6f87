"""What: the policy tables and the lists that they name, read and parsed together.

Runs in: master, cli. Never: keeps them, compiles or decides.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

from superd.config.hosts.policy import parse_policy
from superd.config.hosts.tables import file_patterns
from superd.errors import ConfigError
from superd.load.settings import hint
from superd.policy.file_patterns import FILE_DEPTH
from superd.policy_snapshot import Look, PolicySnapshot, Signature
from superd.problem import Origin, Problem, error, errors, warning
from superd.system.file_lease import Unsettled
from superd.system.path_facts import hidden_by
from superd.system.policy_files import believe_cut, lost_end, read_table, read_tables, signature

if TYPE_CHECKING:
    from superd.launch_spec import Account
    from superd.rule import Policy

MAX_LISTS = 1000
"""Files that the tables may name, directly or through one another: a program named by mistake names half of the system."""
PATIENCE = 5.0
"""Seconds that a start waits for a process that writes a table."""


class UnusableTables(ConfigError):
    """Tables that cannot be used. ``looked_at`` are the files they name and how each looked before it was read.

    Code that keeps older tables in force must look at these too: one of them may be fixed while no table changes.
    """

    def __init__(self, problems: tuple[Problem, ...], looked_at: dict[str, Look]) -> None:
        super().__init__(problems)
        self.looked_at = looked_at


def load_policy(
    allow_path: str,
    deny_path: str,
    *,
    keep_going: bool = False,
    before: PolicySnapshot | None = None,
    front: Account | None = None,
) -> tuple[PolicySnapshot, tuple[Problem, ...]]:
    """Return the files as they are now, with every `/file` they name, and what is wrong with them.

    ``front`` is the user who looks for changes: a file in a folder that they cannot search is an error.

    Raises ``ConfigError`` when a table cannot be read or does not parse: then nothing of it is to be used. With
    ``keep_going`` a hosts.allow that cannot be used grants nothing, and such a hosts.deny refuses all who reach it. ``before``
    are the tables in force, if there are any: then ``Unsettled`` is raised when a file is being written just now.
    """
    early: tuple[Problem, ...] = ()
    try:
        files = read_tables(allow_path, deny_path, before)
        policy, problems = parse_policy(files)
    except OSError as problem:
        if isinstance(problem, Unsettled) and before is not None:
            raise
        files, early = _read_what_can_be(allow_path, deny_path)
        if not keep_going:
            raise ConfigError(early or (error(Origin(deny_path), str(problem)),)) from None
        policy, problems = parse_policy(files)
    except ConfigError as wrong:
        if not keep_going:
            raise
        # Only hosts.deny has errors: what is wrong in hosts.allow grants nothing, and is a warning.
        early = wrong.problems
        files = dataclasses.replace(files, closed=str(early[0]))
        policy, problems = parse_policy(files)
    lists, seen, more = _read_patterns(policy, before)
    if front is not None:
        more += _hidden((allow_path, deny_path, *lists), front)
    if unread := errors(more):
        # Going on without it would admit clients that it refuses, as an unreadable hosts.deny would.
        if not keep_going:
            raise UnusableTables(unread, dict(zip(lists, seen, strict=True)))
        files = dataclasses.replace(files, closed=files.closed or str(unread[0]))
    return dataclasses.replace(files, files=lists, signature=(*files.signature, *seen)), (*early, *problems, *more)


def load_settled_policy(
    allow_path: str, deny_path: str, *, keep_going: bool = False, front: Account | None = None, patience: float = PATIENCE
) -> tuple[PolicySnapshot, tuple[Problem, ...]]:
    """The same at the start, where no table is in force yet: waits ``patience`` seconds for a writer. Raises ``ConfigError``."""
    end = time.monotonic() + patience
    nothing = PolicySnapshot(("", ""), allow_path, deny_path)
    while time.monotonic() < end:
        try:
            return load_policy(allow_path, deny_path, keep_going=keep_going, before=nothing, front=front)
        except Unsettled:
            time.sleep(0.02)
    return load_policy(allow_path, deny_path, keep_going=keep_going, front=front)


def _hidden(paths: tuple[str, ...], front: Account) -> list[Problem]:
    problems = []
    for path in filter(None, paths):
        if folder := hidden_by(path, front.uid, front.gid):
            message = f"the front, `{front.name}`, cannot search `{folder}`, so it would not see a change of this file"
            problems.append(error(Origin(path), message, f"chmod o+x {folder}"))
    return problems


def _read_what_can_be(allow_path: str, deny_path: str) -> tuple[PolicySnapshot, tuple[Problem, ...]]:
    """The tables one by one: each may be unreadable, or no table, by itself."""
    problems: list[Problem] = []
    read: dict[str, bytes | None] = {}
    closed = ""
    # Before they are read: a change meanwhile is seen as one afterwards.
    seen = signature((allow_path, deny_path))
    for path in (allow_path, deny_path):
        try:
            read[path] = read_table(path)
        except OSError as problem:
            read[path] = None
            problems.append(error(Origin(path), f"cannot be read: {problem}", hint(problem)))
            closed = closed if path == allow_path else str(problems[-1])
    files = PolicySnapshot(seen, allow_path, deny_path, read[allow_path], read[deny_path], closed=closed)
    if not closed:
        try:
            parse_policy(files)
        except ConfigError as wrong:
            problems += wrong.problems
            files = dataclasses.replace(files, closed=str(wrong.problems[0]))
    return files, tuple(problems)


def _read_patterns(policy: Policy, before: PolicySnapshot | None) -> tuple[dict[str, bytes], Signature, list[Problem]]:
    """The files that patterns name, and those that they name, each read once; and how they looked before that."""
    lists = _Lists(before)
    for rules in (policy.deny, policy.allow):
        for path in file_patterns(rules):
            lists.read(path, (), denies=rules is policy.deny)
    return lists.found, lists.seen, lists.problems


class _Lists:
    """What is read so far. ``before``: see ``load_policy``."""

    def __init__(self, before: PolicySnapshot | None) -> None:
        self._before = before
        self._known = before.files if before is not None else {}
        self._depth: dict[str, int] = {}
        self._full = False
        self.found: dict[str, bytes] = {}
        self.seen: Signature = ()
        self.problems: list[Problem] = []

    def read(self, path: str, above: tuple[str, ...], *, denies: bool) -> None:
        """Read a list, and what it names; ``above`` are the lists that lead to it."""
        if path in above:
            self._warn(above[-1], f"names `{path}`, which names it again: it is looked at once")
            return
        if len(above) >= FILE_DEPTH:
            self._warn(above[-1], f"`{path}` is named more than {FILE_DEPTH} files deep: it never matches")
            return
        if self._depth.get(path, FILE_DEPTH) <= len(above):
            return
        self._depth[path] = len(above)
        if path not in self.found:
            if len(self.found) >= MAX_LISTS:
                self._too_many(path)
                return
            self._read_one(path, denies=denies)
        if self.found[path]:
            for word in dict.fromkeys(self.found[path].split()):
                if word.startswith(b"/"):
                    self.read(word.decode("utf-8", "surrogateescape"), (*above, path), denies=denies)

    def _read_one(self, path: str, *, denies: bool) -> None:
        self.seen += signature((path,))
        self.found[path] = data = b""
        try:
            self.found[path] = data = read_table(path, self._known.get(path)) or b""
        except OSError as problem:
            if isinstance(problem, Unsettled) and self._before is not None:
                raise
            self.problems.append(error(Origin(path), f"cannot be read: {problem}", hint(problem)))
        if denies and lost_end(self._known.get(path), data, denies=True) and not errors(self.problems):
            believe_cut(path)
        if (nul := data.find(b"\0")) >= 0:
            # A power cut leaves them at the end of a file; no name and no address has one. A program is full of them, and
            # of the paths of others.
            line = data.count(b"\n", 0, nul) + 1
            self.problems.append(error(Origin(path, line), "contains a NUL byte", "write the list anew"))
            self.found[path] = b""

    def _warn(self, path: str, message: str) -> None:
        self.problems.append(warning(Origin(path), message))

    def _too_many(self, path: str) -> None:
        if not self._full:
            self._full = True
            self.problems.append(error(Origin(path), f"hosts.allow and hosts.deny name more than {MAX_LISTS} files"))
