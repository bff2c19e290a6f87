"""Names of hosts for the commands that try a policy out. Waits for the system's resolver; the daemon never comes here."""

from __future__ import annotations

import socket

from superd.peer import PARANOID, UNKNOWN


def addresses_of(host: str) -> list[str]:
    """Every address of ``host`` once, in the resolver's order; none when it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def confirmed_name(address: str) -> str:
    """The name of ``address`` if that name has this address, else `paranoid`, or `unknown` (socket.c, sock_hostname)."""
    try:
        name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    except (OSError, UnicodeError):
        return UNKNOWN
    return name if address in addresses_of(name) else PARANOID
