"""Whether a pair takes a message now, and the wait until it does. Links to launchers and to relays have one each.

Runs in: the front. Sends nothing, and knows nothing of what is to be sent.
"""

from __future__ import annotations

import socket

import trio

from superd.ipc.descriptors import AGAIN, NO_ROOM


class Sendable:
    """``now`` turns False at a send that found no room, and True when ``again`` returns."""

    __slots__ = ("_full", "_kernel", "_sock", "now")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._full = trio.Event()
        self._kernel = False
        """Whether it is the kernel that has no room, for descriptors; else it is the pair."""
        self.now = True

    def later(self, problem: OSError) -> bool:
        """Take the error of a send; return whether ``again`` is to be waited for. False: the pair is of no use any more."""
        self._kernel = problem.errno in NO_ROOM
        if not self._kernel and not isinstance(problem, BlockingIOError):
            return False
        self.now = False
        self._full.set()
        return True

    async def again(self) -> bool:
        """Wait for a send that failed, and then for room. False: the pair was closed."""
        await self._full.wait()
        self._full = trio.Event()
        if self._sock.fileno() < 0:
            return False  # closed before this task had its turn: there is no descriptor to wait for
        if self._kernel:
            await trio.sleep(AGAIN)
        else:
            try:
                await trio.lowlevel.wait_writable(self._sock)
            except (trio.ClosedResourceError, OSError):
                return False  # the pair was given up meanwhile
        self.now = True
        return True
