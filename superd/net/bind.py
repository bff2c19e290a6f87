"""What: a ``BindAddress`` becomes a bound socket that listens.

Runs in: master. Never: waits, accepts, or touches a path but through ``system/socket_path.py``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from superd.address import BindAddress, SocketType
from superd.errors import BindError
from superd.system import accounts
from superd.system.credentials import is_root
from superd.system.paths import Trust, Untrusted
from superd.system.socket_path import SocketPath

if TYPE_CHECKING:
    from superd.service import Service

_KINDS = {
    SocketType.STREAM: socket.SOCK_STREAM,
    SocketType.DGRAM: socket.SOCK_DGRAM,
    SocketType.SEQPACKET: socket.SOCK_SEQPACKET,
    SocketType.RAW: socket.SOCK_RAW,
}


class PathSocket(socket.socket):
    """A unix socket with a path of its own. ``place`` is what bind(2) made there."""

    place: SocketPath | None = None


def open_address(address: BindAddress, service: Service, *, beside: Sequence[socket.socket] = ()) -> socket.socket:
    """A non-blocking socket bound to ``address`` with the service's options, listening if it can. ``BindError``.

    ``beside`` are open sockets that are about to be closed and whose addresses overlap this one: a wildcard and what it covers.
    """
    share(beside, 1)
    try:
        sock = _open(address, service, shared=bool(beside))
    finally:
        if address.socket_type is not SocketType.DGRAM:
            share(beside, 0)  # a datagram program keeps its socket, and the next one is bound to the same address
    if beside:
        share((sock,), 0)
    return sock


def share(sockets: Sequence[socket.socket], value: int) -> None:
    """Whether sockets of this user may listen on addresses that overlap. Only for as long as a reload opens the new ones next to
    the old: the kernel spreads connections over sockets that share for good. Datagram sockets take SO_REUSEADDR for it: that
    shares the port with every process, so no socket that is listened on keeps it."""
    for sock in sockets:
        dgram = sock.type == socket.SOCK_DGRAM
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR if dgram else socket.SO_REUSEPORT, value)


def _open(address: BindAddress, service: Service, *, shared: bool) -> socket.socket:
    try:
        if address.path:
            sock = _open_unix(address, service)
        elif not address.host:
            sock = _open_wildcard(address, shared)
        else:
            sock = _open_inet(address, socket.AF_INET6 if ":" in address.host else socket.AF_INET, address.host, shared)
    except OSError as problem:
        raise _bind_error(address, problem) from None
    try:
        sock.setblocking(False)
        adjust(sock, service)
    except OSError as problem:
        sock.close()
        remove_path(sock)
        raise _bind_error(address, problem) from None
    return sock


def _bind_error(address: BindAddress, problem: OSError) -> BindError:
    return BindError(address.describe(), problem.errno or 0, str(problem) if isinstance(problem, Untrusted) else "")


def adjust(sock: socket.socket, service: Service) -> None:
    """Apply the options that can change on an open socket: backlog, NODELAY, KEEPALIVE, and owner and mode of its path.

    The path of an inherited socket belongs to the service manager and keeps its own. Raises ``OSError``.
    """
    inet = sock.family in (socket.AF_INET, socket.AF_INET6)
    if sock.type == socket.SOCK_STREAM and inet:
        # On the listener: what it accepts inherits both on Linux.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, "NODELAY" in service.flags)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, "KEEPALIVE" in service.flags)
    if sock.type in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        sock.listen(service.backlog)
    if isinstance(sock, PathSocket) and sock.place is not None:
        _own(sock.place, service)


def remove_path(sock: socket.socket) -> None:
    """Removes the path of a socket that is closed, if it is still the one that was bound there."""
    if isinstance(sock, PathSocket) and sock.place is not None:
        # An operator, or another user in whose folder it is, may have removed or replaced it: then nothing is ours there.
        with contextlib.suppress(OSError):
            sock.place.remove(Trust.own(strict=is_root(), others_folders=True))


def place_of(sock: socket.socket) -> tuple[str, int, int] | None:
    """Return the path that the socket was bound to, with device and inode; None for any other socket."""
    place = sock.place if isinstance(sock, PathSocket) else None
    return (place.path, place.device, place.inode) if place is not None else None


def again(fd: int, place: tuple[str, int, int] | None) -> socket.socket:
    """Return the socket that an earlier program of this process bound, with what ``place_of`` said of it."""
    if place is None:
        return socket.socket(fileno=fd)
    sock = PathSocket(fileno=fd)
    sock.place = SocketPath(*place)
    return sock


def lost_path(sock: socket.socket) -> bool:
    """Whether the path that the socket was bound to was removed or replaced since."""
    return isinstance(sock, PathSocket) and sock.place is not None and not sock.place.is_there()


def _own(place: SocketPath, service: Service) -> None:
    user, group = service.socket_user, service.socket_group
    try:
        # Without a name as the kernel makes it, so that a key taken out counts at the reload as it does after a restart.
        uid = accounts.uid_of(user) if user else os.geteuid()
        gid = accounts.gid_of(group) if group else -1
    except KeyError:
        raise OSError(errno.EINVAL, "unknown owner") from None
    place.own(uid, gid, service.socket_mode, _trust(service))


def _trust(service: Service) -> Trust:
    """Who may change the folder of a service's socket: root, the socket's owner, and the service's own user."""
    uids = []
    for name in (service.socket_user, service.user):
        with contextlib.suppress(KeyError):
            uids += [accounts.uid_of(name)] if name else []
    return Trust.own(strict=is_root()).and_also(*uids)


def _open_wildcard(address: BindAddress, shared: bool) -> socket.socket:
    """Both families on one socket; IPv4 alone on a host without IPv6."""
    try:
        return _open_inet(address, socket.AF_INET6, "::", shared, dual=True)
    except OSError as problem:
        if problem.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
    return _open_inet(address, socket.AF_INET, "0.0.0.0", shared)  # noqa: S104 - what the operator asked for


def _open_inet(
    address: BindAddress, family: socket.AddressFamily, host: str, shared: bool, *, dual: bool = False
) -> socket.socket:
    sock = socket.socket(family, _KINDS[address.socket_type])
    try:
        if address.socket_type is not SocketType.DGRAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections in TIME_WAIT
        if shared:
            share((sock,), 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if dual else 1)
            bare, _, zone = host.partition("%")
            sock.bind((bare, address.port, 0, socket.if_nametoindex(zone) if zone else 0))
        else:
            sock.bind((host, address.port))
    except OSError:
        sock.close()
        raise
    return sock


def _open_unix(address: BindAddress, service: Service) -> socket.socket:
    sock = PathSocket(socket.AF_UNIX, _KINDS[address.socket_type])
    try:
        if address.path.startswith("@"):
            sock.bind("\0" + address.path[1:])
            return sock
        sock.place = SocketPath.bind(sock, address.path, service.socket_mode, _trust(service))
    except OSError:
        sock.close()
        raise
    return sock


def open_plain(address: BindAddress) -> socket.socket:
    """A listening stream socket of superd's own, without a service; a path is open to all of this host. ``BindError``."""
    try:
        if address.path:
            sock: socket.socket = PathSocket(socket.AF_UNIX, socket.SOCK_STREAM)
            assert isinstance(sock, PathSocket)
            try:
                sock.place = SocketPath.bind(sock, address.path, 0o666, Trust.own(strict=is_root()))
            except OSError:
                sock.close()
                raise
        elif not address.host:
            sock = _open_wildcard(address, shared=False)
        else:
            sock = _open_inet(address, socket.AF_INET6 if ":" in address.host else socket.AF_INET, address.host, shared=False)
        sock.setblocking(False)
        sock.listen(64)
    except OSError as problem:
        raise _bind_error(address, problem) from None
    return sock


def address_of(sock: socket.socket) -> BindAddress | None:
    """Where the socket is bound, as the configuration would write it."""
    kind = next((word for word, number in _KINDS.items() if number == sock.type), None)
    if kind is None:
        return None
    if sock.family == socket.AF_UNIX:
        path = sock.getsockname()
        text = path if isinstance(path, str) else "@" + path[1:].decode("utf-8", "replace")
        return BindAddress(kind, path=text)
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    host, port = sock.getsockname()[:2]
    if host == "::" and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        return BindAddress(kind, "", port, dual=True)
    return BindAddress(kind, host, port)
