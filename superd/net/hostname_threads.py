"""getaddrinfo(3) for trio, in threads of its own: a name server that hangs holds up redirects by name, and nothing else.

trio has 40 threads for everything that blocks, and each name that does not come takes one of them.

Runs in: the front. Never: connects.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

import trio

AT_ONCE = 16


class HostnameThreads(trio.abc.HostnameResolver):
    """What ``trio.socket.set_custom_hostname_resolver`` takes."""

    def __init__(self, at_once: int = AT_ONCE) -> None:
        self._limiter = trio.CapacityLimiter(at_once)

    async def getaddrinfo(
        self, host: bytes | None, port: bytes | str | int | None, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        """Return the addresses of ``host``."""
        ask = partial(socket.getaddrinfo, host, port, family, type, proto, flags)
        return await trio.to_thread.run_sync(ask, limiter=self._limiter, abandon_on_cancel=True)

    async def getnameinfo(self, sockaddr: Any, flags: int) -> tuple[str, str]:
        """Return the name and the service of an address."""
        ask = partial(socket.getnameinfo, sockaddr, flags)
        return await trio.to_thread.run_sync(ask, limiter=self._limiter, abandon_on_cancel=True)
