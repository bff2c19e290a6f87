"""RFC 1078: the one line a client of tcpmux sends, and the one it gets. Opens no connection, knows no service.

Runs in: the front. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from superd.errors import PeerError

MAX_LINE = 256
"""Bytes of the client's line with its end: names are short, and /etc/services has none of more than 32."""
HELP = "help"
ACCEPTED = b"+Go\r\n"
REFUSED = b"-Service not available\r\n"
"""For a name that does not exist and for one that this client may not use: it does not learn which."""


class NameReader:
    """Puts the line together; tells how much of what can be read belongs to it. What follows is the service's."""

    def __init__(self) -> None:
        self._line = b""

    def take(self, data: bytes) -> tuple[int, str | None]:
        """Looks at ``data`` that follows what was taken before: (bytes that are the line's, the name when it is whole).

        The name is in lower case: RFC 1078 ignores case. Raises ``PeerError`` for what is not a name.
        """
        end = data.find(b"\n")
        taken = end + 1 if end >= 0 else len(data)
        self._line += data[:taken]
        if len(self._line) > MAX_LINE:
            raise PeerError("the name is too long")
        if end < 0:
            return taken, None
        # CR LF ends it by the RFC; a person at nc sends LF, and the inetds take that too.
        line = self._line[:-1].removesuffix(b"\r")
        if not line or not all(0x20 < byte < 0x7F for byte in line):
            raise PeerError("the text sent is not a name")
        return taken, line.decode("ascii").lower()


def help_text(names: Iterable[str]) -> bytes:
    """The answer to `help`: one name a line."""
    return b"".join(name.encode("ascii", "replace") + b"\r\n" for name in names)
