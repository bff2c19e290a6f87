"""Names of hosts for the commands that try a policy out. Waits for the system's resolver; the daemon never comes here."""

from __future__ import annotations

import socket

from superd.net.names import confirmed
from superd.peer import PARANOID, UNKNOWN


def addresses_of(host: str) -> list[str]:
    """Every address of ``host`` once, in the resolver's order; none when it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def confirmed_name(address: str) -> str:
    """The name of ``address`` by the rule of ``net/names.py``: confirmed, `paranoid`, or `unknown`."""
    try:
        name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    except (OSError, UnicodeError):
        return UNKNOWN
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except (OSError, UnicodeError):
        return PARANOID
    return confirmed(name, address, str(found[0][3]), (str(entry[4][0]) for entry in found))
