"""Who is at the two ends of an accepted socket, as Peers. Looks no name up."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from typing import Any

from superd.peer import Peer, peer_from_text, unix_peer


@lru_cache(maxsize=1024)
def _peer(address: str) -> Peer:
    # Parsing an address costs 3 µs; floods and health checks come from few.
    return peer_from_text(address)


def remote(sockaddr: Any) -> Peer:
    """The peer of an internet socket, from accept(2)'s sockaddr."""
    known = _peer(sockaddr[0] if len(sockaddr) == 2 or not sockaddr[3] else _scoped(sockaddr))
    return Peer(known.address, known.version, known.number, sockaddr[1])


def remote_of_unix(fd: int) -> Peer:
    """The peer of a unix socket: its uid (SO_PEERCRED), or nobody in particular when it is gone."""
    sock = socket.socket(fileno=fd)
    try:
        _, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return unix_peer(int(uid))
    except OSError:
        return unix_peer(None)
    finally:
        sock.detach()


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
