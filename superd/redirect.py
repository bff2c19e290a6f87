"""The target of a ``redirect`` as a value: a host and a port, or a unix socket's path. Parsed once, in the model.

Runs in any process. Never connects and never looks a name up.
"""

from __future__ import annotations

from superd.frozen import frozen

MOST_PATH_BYTES = 107
"""sockaddr_un.sun_path without its end, unix(7)."""


@frozen
class Redirect:
    """Where a connection is relayed to. ``port`` is a name of /etc/services until the loader has its number.

    ``path`` is set for a unix socket alone; it begins with ``/``, or with ``@`` for an abstract name.
    """

    host: str = ""
    port: int | str = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_redirect(text: str) -> Redirect:
    """``host:port``, ``[::1]:port`` or ``unix:/path``. Raises ``ValueError`` with the value."""
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith(("/", "@")) or len(path.encode()) > MOST_PATH_BYTES:
            raise ValueError(f"`{text}` needs an absolute path (or @name) of at most {MOST_PATH_BYTES} bytes after unix:")
        return Redirect(path=path)
    host, _, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not bare or not port or any(character.isspace() for character in text) or (":" in bare and bare == host):
        raise ValueError(f"`{text}` is not host:port, nor unix:/path")
    if not (port.isascii() and port.isdecimal()):
        return Redirect(bare, port)
    if len(port) > 5 or not 0 < int(port) < 65536:
        raise ValueError(f"`{text}`: port `{port}` is not a number from 1 to 65535")
    return Redirect(bare, int(port))
