"""Names of hosts for the commands that try a policy out. Waits for the system's resolver; the daemon never comes here."""

from __future__ import annotations

import ipaddress
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
    """The name of ``address`` if that name has this address, else `paranoid`, or `unknown` (socket.c, sock_hostname).

    An alias is `paranoid` too, and so is a number: as for a connection.
    """
    try:
        name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
    except (OSError, UnicodeError):
        return UNKNOWN
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except (OSError, UnicodeError):
        return PARANOID
    canonical = str(found[0][3]).lower()
    if canonical != name.lower() and name.lower() != "localhost":
        return PARANOID
    return name if any(str(entry[4][0]) == address for entry in found) and not _is_number(name) else PARANOID


def _is_number(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
