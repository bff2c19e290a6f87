"""Who is at the two ends of an accepted socket, as Peers. Looks no name up.

Runs in: the front.
"""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from typing import Any

from superd.peer import Peer, peer_from_text, unix_peer

_SO_PEERGROUPS = 59
"""asm-generic/socket.h, Linux 4.13; Python has no name for it."""
_MOST_GROUPS = 256
"""getsockopt(2) of Python gives at most 1,024 bytes."""


@lru_cache(maxsize=1024)
def _peer(address: str) -> Peer:
    # Parsing an address costs 3 µs; floods and health checks come from few.
    return peer_from_text(address)


def remote(sockaddr: Any) -> Peer:
    """The peer of an internet socket, from accept(2)'s sockaddr."""
    known = _peer(sockaddr[0] if len(sockaddr) == 2 or not sockaddr[3] else _scoped(sockaddr))
    return Peer(known.address, known.version, known.number, sockaddr[1])


def remote_of_unix(fd: int) -> Peer:
    """The peer of a unix socket: its user and groups when it connected, or none of them for a peer that is gone."""
    sock = socket.socket(fileno=fd)
    try:
        _, uid, gid = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return unix_peer(int(uid), (int(gid), *_more_groups(sock)))
    except OSError:
        return unix_peer(None)
    finally:
        sock.detach()


def _more_groups(sock: socket.socket) -> tuple[int, ...]:
    """The supplementary groups, none where there are more than fit: a user of so many groups is known by the first alone."""
    try:
        data = sock.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, 4 * _MOST_GROUPS)
    except OSError:
        return ()
    return struct.unpack(f"{len(data) // 4}I", data)


def local(name: tuple[str, int]) -> Peer:
    """Our end, when the listener's own address says it."""
    known = _peer(name[0])
    return Peer(known.address, known.version, known.number, name[1])


def local_of(fd: int) -> Peer:
    """Our end of an internet socket that came in by a wildcard listener."""
    sock = socket.socket(fileno=fd)
    try:
        name = sock.getsockname()
    finally:
        sock.detach()
    return local((name[0], name[1]))


def _scoped(sockaddr: Any) -> str:
    try:
        return f"{sockaddr[0].partition('%')[0]}%{socket.if_indextoname(sockaddr[3])}"
    except OSError:
        return str(sockaddr[0])
