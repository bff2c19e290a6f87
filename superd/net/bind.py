"""A ``BindAddress`` → a bound socket that listens. Waits for nothing and accepts nothing."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import socket
import stat
from collections.abc import MutableMapping, Sequence
from typing import TYPE_CHECKING

from superd.address import BindAddress, SocketType
from superd.errors import BindError

if TYPE_CHECKING:
    from superd.service import Service

_KINDS = {
    SocketType.STREAM: socket.SOCK_STREAM,
    SocketType.DGRAM: socket.SOCK_DGRAM,
    SocketType.SEQPACKET: socket.SOCK_SEQPACKET,
    SocketType.RAW: socket.SOCK_RAW,
}
_FIRST_FD = 3
"""SD_LISTEN_FDS_START."""


def open_address(address: BindAddress, service: Service, *, beside: Sequence[socket.socket] = ()) -> socket.socket:
    """A non-blocking socket bound to ``address`` with the service's options, listening if it can. ``BindError``.

    ``beside`` are open sockets that are about to be closed and whose addresses overlap this one: a wildcard and what it covers.
    """
    share(beside, 1)
    try:
        sock = _open(address, service, shared=bool(beside))
    finally:
        if address.socket_type is not SocketType.DGRAM:
            share(beside, 0)  # a datagram program keeps its socket, and the next one is bound beside it too
    if beside:
        share((sock,), 0)
    return sock


def share(sockets: Sequence[socket.socket], value: int) -> None:
    """Whether sockets of this user may listen on addresses that overlap. Only for as long as a reload opens the new ones beside
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
        raise BindError(address.describe(), problem.errno or 0) from None
    try:
        sock.setblocking(False)
        adjust(sock, service)
    except OSError as problem:
        sock.close()
        raise BindError(address.describe(), problem.errno or 0) from None
    return sock


def adjust(sock: socket.socket, service: Service, *, path: bool = True) -> None:
    """(Re)applies the options that can change on an open socket: backlog, NODELAY, KEEPALIVE, owner and mode.

    Without ``path`` not the last two: the path is another's, who has given it its owner and mode. Raises ``OSError``.
    """
    inet = sock.family in (socket.AF_INET, socket.AF_INET6)
    if sock.type == socket.SOCK_STREAM and inet:
        # On the listener: what it accepts inherits both on Linux.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, "NODELAY" in service.flags)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, "KEEPALIVE" in service.flags)
    if sock.type in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
        sock.listen(service.backlog)
    if path and sock.family == socket.AF_UNIX:
        name = sock.getsockname()
        if isinstance(name, str) and name.startswith("/"):
            _own(name, service)


def _own(path: str, service: Service) -> None:
    os.chmod(path, service.socket_mode)
    user, group = service.socket_user, service.socket_group
    here, folder = os.stat(path), os.stat(os.path.dirname(path))
    try:
        # Without a name as the kernel makes it, so that a key taken out counts at the reload as it does after a restart.
        uid = (int(user) if user.isdecimal() else pwd.getpwnam(user).pw_uid) if user else os.geteuid()
        made = folder.st_gid if folder.st_mode & stat.S_ISGID else os.getegid()
        gid = (int(group) if group.isdecimal() else grp.getgrnam(group).gr_gid) if group else made
    except KeyError:
        raise OSError(errno.EINVAL, "unknown owner") from None
    if (uid, gid) != (here.st_uid, here.st_gid):
        os.chown(path, uid, gid)


def _open_wildcard(address: BindAddress, shared: bool) -> socket.socket:
    """Both families on one socket; IPv4 alone on a host without IPv6."""
    try:
        return _open_inet(address, socket.AF_INET6, "::", shared, dual=True)
    except OSError as problem:
        if problem.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            raise
    return _open_inet(address, socket.AF_INET, "0.0.0.0", shared)  # noqa: S104 - what the admin asked for


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
    sock = socket.socket(socket.AF_UNIX, _KINDS[address.socket_type])
    try:
        if address.path.startswith("@"):
            sock.bind("\0" + address.path[1:])
            return sock
        _remove_stale(address)
        # Nobody connects between bind and chmod: the mode is tight from the first moment.
        before = os.umask(0o777 & ~service.socket_mode)
        try:
            sock.bind(address.path)
        finally:
            os.umask(before)
    except OSError:
        sock.close()
        raise
    return sock


def _remove_stale(address: BindAddress) -> None:
    """Removes a socket that a dead server left; one that answers, or a file of another kind, stays (EADDRINUSE)."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(address.path).st_mode):
            return
        with socket.socket(socket.AF_UNIX, _KINDS[address.socket_type] | socket.SOCK_NONBLOCK) as probe:
            try:
                probe.connect(address.path)
            except ConnectionRefusedError:
                os.unlink(address.path)
            except OSError:
                return


def inherited(environ: MutableMapping[str, str]) -> dict[BindAddress, socket.socket]:
    """Sockets that a service manager opened for us (sd_listen_fds(3)), by address; clears the variables."""
    pid, count = environ.pop("LISTEN_PID", ""), environ.pop("LISTEN_FDS", "")
    environ.pop("LISTEN_FDNAMES", None)
    if pid != str(os.getpid()) or not count.isdecimal():
        return {}
    found: dict[BindAddress, socket.socket] = {}
    for fd in range(_FIRST_FD, _FIRST_FD + int(count)):
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            continue  # no socket: a file or pipe that was not meant for us
        os.set_inheritable(fd, False)
        sock.setblocking(False)
        address = address_of(sock)
        if address is not None:
            found[address] = sock
    return found


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
