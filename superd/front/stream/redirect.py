"""Redirects: connects to the service's target; a relay carries the bytes.

Runs in: the front. Decides nothing: the connection has been admitted.
"""

from __future__ import annotations

import trio

from superd.net.relay import connect, connect_unix
from superd.redirect import Redirect

CONNECT_TIMEOUT = 10.0
"""Seconds a redirect's target may take to answer; TCP's own two minutes would hold the client."""


class NoTarget(Exception):
    """The target cannot be reached; the text says why."""


async def reach(target: Redirect) -> trio.socket.SocketType:
    """Return a connection to the target. Raises ``NoTarget``."""
    try:
        with trio.fail_after(CONNECT_TIMEOUT):
            if target.path:
                return await connect_unix(target.path)
            return await connect(target.host, int(target.port))
    except OSError as problem:
        raise NoTarget(f"cannot connect to `{target}`: {problem}") from None
    except trio.TooSlowError:
        raise NoTarget(f"`{target}` does not answer") from None
