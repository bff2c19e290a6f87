"""The rule of a confirmed host name, for connections and for the commands that foretell them (libwrap: socket.c, sock_hostname).

Pure: who looks names up, and how, is the caller's business. Used by the front's resolver, `explain`, `match` and `check`.

Runs in: the front, the operator's commands.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from superd.peer import PARANOID

ROOT = "."
"""The name of the root: libwrap finds an empty name, which no forward look-up confirms."""


def plain(address: str) -> str:
    """An address without its zone, in the one spelling that two of the same have."""
    return str(ipaddress.ip_address(address.partition("%")[0]))


def is_address(text: str) -> bool:
    """Whether ``text`` is a numeric address."""
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


def can_be_confirmed(name: str) -> bool:
    """Whether a forward look-up of the name is worth asking for: it is neither a number nor the root."""
    return name != ROOT and not is_address(name)


def confirmed(name: str, address: str, canonical: str, addresses: Iterable[str]) -> str:
    """Return ``name`` if it is the official name of a host that has ``address``, else ``paranoid``.

    ``name`` is what the address is called; ``canonical`` and ``addresses`` are what a look-up of that name found. An alias does
    not count, except of localhost.
    """
    official = canonical.lower() == name.lower() or name.lower() == "localhost"
    if official and can_be_confirmed(name) and plain(address) in map(plain, addresses):
        return name
    return PARANOID
