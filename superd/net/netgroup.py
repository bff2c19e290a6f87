"""Membership in a netgroup, by the C library, in a thread: it may ask NIS or LDAP.

Runs in: the front, the operator's commands. Never: stops the loop.
"""

from __future__ import annotations

import ctypes
from functools import partial

import trio

TIMEOUT = 5.0
"""Seconds; a look-up that takes longer counts as "no", and its thread is left to end by itself."""
_limit: trio.CapacityLimiter | None = None


def innetgr(group: str, host: str) -> bool:
    """innetgr(3) for a host in any domain; False for text that C cannot hold."""
    if "\0" in group + host:
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.innetgr(group.encode("utf-8", "surrogateescape"), host.encode(), None, None))


async def member(group: str, host: str) -> bool:
    """Whether ``host`` is in ``group``."""
    global _limit
    if _limit is None:
        _limit = trio.CapacityLimiter(8)
    with trio.move_on_after(TIMEOUT):
        return await trio.to_thread.run_sync(partial(innetgr, group, host), limiter=_limit, abandon_on_cancel=True)
    return False
