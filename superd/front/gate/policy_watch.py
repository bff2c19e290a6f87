"""Keeps the policy as fresh as its files: a stat(2) of each at each batch, a new reading only when one changed.

Runs in: the front, which looks; the master reads (some tables only root may read); the front parses in a thread. A client
that connects after a change waits for the new tables; what cannot be read or parsed leaves the last good ones in force, with
a line in the log.
"""

from __future__ import annotations

import time
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
"""A table that never stays still is not waited for longer than this many times SETTLE, and once: until it is still again the
last good tables are in force. One that only grows needs no stillness: nothing is taken away from it."""


class PolicyWatch:
    """The tables in force. ``current`` is plain; ``fresh`` waits; ``run`` reads, one reading at a time for all who wait."""

    def __init__(self, files: PolicySnapshot, ask: Callable[[], None], say: Callable[[LevelWord, str], None]) -> None:
        """``ask`` sends the master a request, which ``answered`` gets the answer to; ``say`` writes a message."""
        self._files = files
        self._ask = ask
        self._say = say
        began = time.monotonic()
        self._tables = _compile(files)
        self.seconds = time.monotonic() - began
        """How long the tables were compiled the last time."""
        self._hidden: set[str] = set()
        self._look_at(files.paths, files.signature)
        self._answer: PolicyReply | None = None
        self._reply = trio.Event()
        self._replacement: PolicySnapshot | None = None
        self._wanted = trio.Event()
        self._begun = self._done = 0
        """Readings that have begun, and those of them that are over."""
        self._finished = trio.Event()
        self._taking = False
        self._restless = False
        """The files change without a pause, and that was said."""

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
        if not self._taking and self._replacement is None and signature(self._paths) == self._seen:
            return self._tables
        return None

    def in_force(self) -> Tables:
        """Return the last good tables, whatever the files say now."""
        return self._tables

    @property
    def rules(self) -> int:
        """How many rules both tables have."""
        return sum(len(table) if table else 0 for table in (self._tables.allow, self._tables.deny))

    def refresh(self) -> None:
        """Have a change read in the background."""
        self._wanted.set()

    async def fresh(self) -> Tables:
        """Return the tables of a reading that began after this call; the last good ones where that fails.

        Not "until the files look as they were read": of tables that change all the time, that would never come.
        """
        if self._restless and self._replacement is None:
            self._wanted.set()
            return self._tables
        needed = self._begun + 1
        while self._done < needed:
            tables = self.current()
            if tables is not None:
                return tables
            self._wanted.set()
            await self._finished.wait()
        return self._tables

    def replace(self, files: PolicySnapshot) -> None:
        """Take the tables that a reload brought."""
        self._replacement = files
        self._wanted.set()

    def answered(self, answer: PolicyReply) -> None:
        """Take the master's answer."""
        self._answer = answer
        self._reply.set()

    async def run(self) -> None:
        """Read the policy whenever that is wanted, until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = trio.Event()
            if self._replacement is not None:
                files = self._replacement
                self._look_at(files.paths, files.signature)
                if (files.allow, files.deny, files.files) != (self._files.allow, self._files.deny, self._files.files):
                    await self._take(files)
                if self._replacement is files:
                    self._replacement = None
                else:
                    self._wanted.set()
            else:
                await self._read()
                self._done = self._begun
            finished, self._finished = self._finished, trio.Event()
            finished.set()

    async def _read(self) -> None:
        look = signature(self._paths)
        answer = await self._answer_of_master() if self._grew(look) else None
        if answer is None or not self._only_appended(answer):
            still = await self._still()
            if still is None or still == self._seen:
                self._begun += 1
                return
            look, answer = still, await self._answer_of_master()
        if answer.unsettled:
            return  # not remembered: the files look as they do in the middle of a change, and the next connection asks again
        if answer.files is None:
            # Remembered although it cannot be used: it is not read again until it changes again, even in a file that only
            # the new tables name.
            more = {path: seen for path, seen in answer.looked_at.items() if path not in self._paths}
            self._look_at((*self._paths, *more), (*look, *more.values()))
            self._say("error", f"policy unchanged, the new tables cannot be used: {answer.failure}")
        else:
            self._look_at(answer.files.paths, answer.files.signature)
            await self._take(answer.files)

    async def _answer_of_master(self) -> PolicyReply:
        self._begun += 1
        self._reply = trio.Event()
        self._ask()
        await self._reply.wait()
        assert self._answer is not None
        return self._answer

    def _grew(self, looks: Signature) -> bool:
        """Return whether each file that changed is the same one as before, and longer."""
        changed = [(look, seen) for look, seen in zip(looks, self._seen, strict=True) if look != seen]
        return bool(changed) and all(
            not isinstance(look, str) and not isinstance(seen, str) and look[:2] == seen[:2] and look[4] > seen[4] > 0
            for look, seen in changed
        )

    def _only_appended(self, answer: PolicyReply) -> bool:
        """Return whether the master read what was known and whole lines after it: nothing was taken away on the way."""
        files, known = answer.files, self._files
        if files is None or files.files.keys() != known.files.keys():
            return False
        pairs = [(files.allow, known.allow), (files.deny, known.deny)]
        pairs += [(files.files[path], text) for path, text in known.files.items()]
        return all(new == old or _appended(new or b"", old or b"") for new, old in pairs)

    async def _still(self) -> Signature | None:
        """Return how the files look once none of them is being written; None when that does not come."""
        look = signature(self._paths)
        for _ in range(SETTLE_TRIES):
            if look == self._seen or self._settled(look):
                self._restless = False
                return look
            await trio.sleep(SETTLE)
            before, look = look, signature(self._paths)
            if before == look:
                self._restless = False
                return look
        if not self._restless:
            self._restless = True
            self._say("warning", "the policy tables change without a pause: the last good ones stay in force")
        return None

    def _settled(self, looks: Signature) -> bool:
        """Whether each file that changed was last written longer ago than SETTLE, as one that was renamed into place."""
        now = time.time_ns()
        changed = [look for look, seen in zip(looks, self._seen, strict=True) if look != seen]
        return all(not isinstance(look, str) and now - look[2] >= SETTLE * 1e9 for look in changed)

    async def _take(self, files: PolicySnapshot) -> None:
        self._taking = True
        began = time.monotonic()
        try:
            self._tables = await trio.to_thread.run_sync(_compile, files)
        except ConfigError as refused:
            self._say("error", f"policy unchanged: {refused.line()}")
        else:
            self._files = files
            self._say("notice", "policy read again")
        finally:
            self._taking = False
            self.seconds = time.monotonic() - began


def _appended(new: bytes, old: bytes) -> bool:
    return old.endswith(b"\n") and new.endswith(b"\n") and new.startswith(old)


def _compile(files: PolicySnapshot) -> Tables:
    """May take a second. Raises ``ConfigError``."""
    with set_aside():
        return compile_policy(parse_policy(files)[0])
