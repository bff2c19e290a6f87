"""Redirects: connects to the service's target; a relay carries the bytes.

Runs in: the front. Decides nothing: the connection has been admitted. A PROXY header goes out here, before a relay has the
connection: at most 232 bytes, which an empty send buffer always takes.
"""

from __future__ import annotations

import trio

from superd.net.relay import connect, connect_unix
from superd.redirect import Redirect
from superd.system.closing import let_socket_go

CONNECT_TIMEOUT = 10.0
"""Seconds a redirect's target may take to answer; TCP's own two minutes would hold the client."""


class NoTarget(Exception):
    """The target cannot be reached; the text says why."""


async def reach(target: Redirect, header: bytes = b"") -> trio.socket.SocketType:
    """Return a connection to the target, which got ``header`` as its first bytes. Raises ``NoTarget``."""
    try:
        with trio.fail_after(CONNECT_TIMEOUT):
            sock = await (connect_unix(target.path) if target.path else connect(target.host, int(target.port)))
            try:
                while header:
                    header = header[await sock.send(header) :]
            except BaseException:
                let_socket_go(sock)
                raise
            return sock
    except OSError as problem:
        raise NoTarget(f"cannot connect to `{target}`: {problem}") from None
    except trio.TooSlowError:
        raise NoTarget(f"`{target}` does not answer") from None
