"""Measures the steps of a launcher's, relay's or panel's loop: what it does between one wait for work and the next.

``sitecustomize.py`` puts this text before the one that such a process begins with: it takes its code from its master alone, and
has no site. The memory is mapped before the process gives up its rights; no descriptor of it is left.
"""

from __future__ import annotations

import mmap
import os
import select
import selectors  # noqa: F401 - tries what `select` has as it is loaded, which ours is not for
import sys
import time
from typing import Any

FILE, LIMIT, START, LENGTH, SLOT = "{FILE}", float("{LIMIT}"), int("{START}"), int("{LENGTH}"), int("{SLOT}")


def mapped() -> mmap.mmap | None:
    """Return the memory for notes, without the descriptor that mmap keeps."""
    try:
        file = os.open(FILE, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None  # of a user that may not: it is not watched
    copy = os.dup(file)
    os.close(copy)  # the next one gets this number
    memory = mmap.mmap(file, START + LENGTH)
    os.close(file)
    os.close(copy)
    return memory


class Watched:
    """A poll or epoll object that measures what happens between two waits."""

    def __init__(self, own: Any, memory: mmap.mmap) -> None:
        self._own, self._memory, self._began = own, memory, 0.0
        self._ready: list[tuple[int, int]] = []
        self.register, self.modify, self.unregister = own.register, own.modify, own.unregister

    def poll(self, *arguments: Any) -> list[tuple[int, int]]:
        """Wait; what was done since the last wait is a step."""
        # The first step is the start of the process, in which it serves no client yet.
        took = time.thread_time() - self._began if self._began else 0.0
        if took > LIMIT:
            self._note(took)
        self._ready = self._own.poll(*arguments)
        self._began = time.thread_time()
        return self._ready

    def _note(self, seconds: float) -> None:
        who = sys.argv[-1].removeprefix("superd: ").split()[0]
        start = START + os.getpid() * SLOT % LENGTH
        free = self._memory.find(b"\0", start, start + SLOT)
        line = f"{who}: {seconds * 1000:.1f} ms: after {len(self._ready)} events\n".encode()
        if free >= 0 and free + len(line) <= start + SLOT:
            self._memory[free : free + len(line)] = line


def watch() -> None:
    """Have all polls of this process measured."""
    memory = mapped()
    if memory is not None:
        polls: Any = select
        poll, epoll = polls.poll, polls.epoll
        polls.poll = lambda: Watched(poll(), memory)
        polls.epoll = lambda: Watched(epoll(), memory)


watch()
