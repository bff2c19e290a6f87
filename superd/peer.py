"""Who is at the other end: normalised once, here, from what accept(2) gave. Never looks a name up.

The states of a host name are tcpd.h's three, and the name: not asked yet, unknown (there is none), paranoid (there is
one that does not stand up to the forward check), or the confirmed name itself.
"""

from __future__ import annotations

import ipaddress

from superd.frozen import frozen

UNKNOWN = "unknown"
PARANOID = "paranoid"
NOT_ASKED = ""

_MOST_GROUPS = 256
_MAPPED = 0xFFFF << 32


@frozen
class Peer:
    """One end of a connection.

    ``address`` is numeric text with v4-mapped IPv6 folded to IPv4 and the zone kept (``fe80::1%eth0``); for a unix
    socket it is ``localhost`` as libwrap has it. ``number`` is the address as an integer, ``version`` 4, 6, or 0 for
    unix. ``name`` and ``user`` are ``""`` until they are asked for, else a known value, ``unknown``, or ``paranoid``.
    ``uid`` and ``gids`` are the unix peer's: its user, and every group that this user had when it connected.
    ``certificate`` holds the names of the client's certificate; None before a handshake that may bring one.
    """

    address: str
    version: int
    number: int
    port: int = 0
    name: str = NOT_ASKED
    user: str = NOT_ASKED
    uid: int | None = None
    gids: tuple[int, ...] = ()
    certificate: frozenset[str] | None = frozenset()

    def __str__(self) -> str:
        if not self.version and self.uid is not None:
            return f"uid:{self.uid}"
        return f"[{self.address}]:{self.port}" if self.version == 6 else f"{self.address}:{self.port}"


def peer_from_text(address: str, port: int = 0, *, name: str = NOT_ASKED, user: str = NOT_ASKED) -> Peer:
    """A peer from numeric text, v4-mapped folded. Raises ``ValueError`` for what is not an address."""
    bare = address.partition("%")[0]
    parsed = ipaddress.ip_address(bare)
    number = int(parsed)
    if parsed.version == 6 and number >> 32 == 0xFFFF:
        return Peer(str(ipaddress.IPv4Address(number & 0xFFFFFFFF)), 4, number & 0xFFFFFFFF, port, name, user)
    return Peer(address, parsed.version, number, port, name, user)


def local_text(peer: Peer) -> str:
    """A unix socket's client as text: `uid:1000 gid:1000 gid:27`, which ``local_from_text`` reads."""
    return " ".join([f"uid:{peer.uid}", *(f"gid:{gid}" for gid in peer.gids)])


def local_from_text(text: str) -> Peer:
    """A unix socket's client from its text. Raises ``ValueError``."""
    user, *groups = text.split(" ")
    if len(groups) > _MOST_GROUPS or not user.startswith("uid:") or not all(word.startswith("gid:") for word in groups):
        raise ValueError(text[:80])
    uid, *gids = (int(word[4:]) if word[4:].isdecimal() and word.isascii() and len(word) < 15 else -1 for word in (user, *groups))
    if uid < 0 or any(gid < 0 for gid in gids):
        raise ValueError(text[:80])
    return unix_peer(uid, tuple(gids))


def unix_peer(uid: int | None = None, gids: tuple[int, ...] = ()) -> Peer:
    """The peer of a unix socket; libwrap calls its address ``localhost``."""
    return Peer("localhost", 0, 0, uid=uid, gids=gids)
