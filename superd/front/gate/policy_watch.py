"""Keeps the policy as fresh as its files: a stat(2) of each at each batch, a new reading only when one changed.

The front looks, the master reads (some tables only root may read), the front parses in a thread. Whoever connects after
a change waits for the new tables; what cannot be read or parsed leaves the last good ones in force, loudly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from superd.config.hosts.policy import parse_policy
from superd.errors import ConfigError
from superd.front.memory import set_aside
from superd.policy.hosts_access import Tables, compile_policy
from superd.policy_snapshot import Look, PolicySnapshot, Signature
from superd.system.policy_files import signature

if TYPE_CHECKING:
    from superd.ipc.front_orders import PolicyReply
    from superd.syslog_priority import LevelWord

SETTLE = 0.02
"""Seconds a changed table must stay as it is before it is read: a rewriting in place truncates first (measured)."""
SETTLE_TRIES = 25
"""A table that never stays still is not waited for longer than this many times SETTLE."""


class PolicyWatch:
    """The tables in force. ``current`` is plain; ``fresh`` waits."""

    def __init__(self, files: PolicySnapshot, ask: Callable[[], None], say: Callable[[LevelWord, str], None]) -> None:
        self._files = files
        self._ask = ask
        self._say = say
        self._tables = _compile(files)
        self._hidden: set[str] = set()
        self._look_at(files.paths, files.signature)
        self._reply: trio.Event | None = None
        self._answer: PolicyReply | None = None
        self._busy = trio.Lock()
        self._taking = False

    def _look_at(self, paths: tuple[str, ...], looks: Signature) -> None:
        """From here on a change is one from how the master read them; it may see into folders that the front does not."""
        self._paths = paths
        mine = signature(paths)
        seen: list[Look] = []
        for path, own, read in zip(paths, mine, looks, strict=True):
            if isinstance(own, str) and own != read:
                if path not in self._hidden:
                    self._say("warning", f"`{path}`: {own.lower()} for the front: changes are seen at a reload only")
                self._hidden.add(path)
                seen.append(own)
            else:
                self._hidden.discard(path)
                seen.append(read)
        self._seen: Signature = tuple(seen)

    def current(self) -> Tables | None:
        """The tables if they are what the files say now, else ``None``: then ``await fresh()``."""
        # The files look as they were read; but until what was read is compiled, the tables here are those before the change.
        if not self._taking and signature(self._paths) == self._seen:
            return self._tables
        return None

    @property
    def reading(self) -> bool:
        """Whether somebody sees to a change already."""
        return self._busy.locked()

    def in_force(self) -> Tables:
        """The last good tables, whatever the files say now."""
        return self._tables

    async def fresh(self) -> Tables:
        """The tables after a change, read and compiled off the loop; the last good ones when that fails."""
        async with self._busy:
            look = signature(self._paths)
            if look == self._seen:
                return self._tables
            for _ in range(SETTLE_TRIES):
                await trio.sleep(SETTLE)
                before, look = look, signature(self._paths)
                if before == look:
                    break
            else:
                return self._tables
            self._reply = trio.Event()
            self._ask()
            await self._reply.wait()
            answer = self._answer
            assert answer is not None
            if answer.unsettled:
                # Not remembered: the files look as they do in the middle of a change, and the next connection asks again.
                return self._tables
            if answer.files is None:
                # Remembered even though it is no good: it is not read again until it changes again, be it in a file
                # that only the new tables name.
                more = {path: seen for path, seen in answer.looked_at.items() if path not in self._paths}
                self._look_at((*self._paths, *more), (*look, *more.values()))
                self._say("error", f"policy unchanged, the new tables cannot be used: {answer.failure}")
            else:
                self._look_at(answer.files.paths, answer.files.signature)
                await self._take(answer.files)
            return self._tables

    async def _take(self, files: PolicySnapshot) -> None:
        self._taking = True
        try:
            self._tables = await trio.to_thread.run_sync(_compile, files)
        except ConfigError as refused:
            self._say("error", f"policy unchanged: {refused.line()}")
        else:
            self._files = files
            self._say("notice", "policy read again")
        finally:
            self._taking = False

    def answered(self, answer: PolicyReply) -> None:
        """The master's reply came."""
        self._answer = answer
        if self._reply is not None:
            self._reply.set()

    async def replace(self, files: PolicySnapshot) -> None:
        """A reload brought tables of its own."""
        async with self._busy:
            self._look_at(files.paths, files.signature)
            if (files.allow, files.deny, files.files) != (self._files.allow, self._files.deny, self._files.files):
                await self._take(files)


def _compile(files: PolicySnapshot) -> Tables:
    """May take a second. Raises ``ConfigError``."""
    with set_aside():
        return compile_policy(parse_policy(files)[0])
