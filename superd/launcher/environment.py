"""What a program finds in its environment about the connection. Pure; standard library only.

Runs in: launchers. Never looks anything up.

Three dialects at once, each by its own rules: xinetd's REMOTE_HOST (the address), systemd's and CGI's REMOTE_ADDR and
REMOTE_PORT, and UCSPI's PROTO and TCP* (cr.yp.to/ucspi-tcp/environment.html).
"""

from __future__ import annotations

import re
import socket
import struct

from superd.errors import ControlError

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from superd.ipc.launch_codec import Launch

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9_.-])?")
_USER = re.compile(r"[\x21-\x7e]{1,255}")
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._:@-]{1,15})?")
"""With a zone: an interface's name is at most 15 bytes (IFNAMSIZ)."""
_UNSAFE = re.compile(r"[^0-9A-Za-z:,._+\-/=@* ]")
"""What no shell gives a meaning to, and names of certificates consist of, is left."""
_SEEN_MOST = 4096
_seen: set[str] = set()


def connection_environment(launch: Launch) -> list[bytes]:
    """Return ``NAME=value`` for each variable. Raises ``ControlError`` for a field that is not an address.

    A name or user that is not known, or holds anything but printable characters, is left out.
    """
    proto = launch.proto
    if proto == "unix":
        return [b"PROTO=UNIX", b"REMOTE_HOST=localhost", b"REMOTE_ADDR=localhost", *fact_environment(launch)]
    remote = launch.remote_host
    if not remote:
        return [b"PROTO=" + proto.upper().encode()]
    if remote not in _seen:
        _check(remote)
    host = remote.encode()
    port = b"%d" % launch.remote_port
    found = [b"REMOTE_HOST=" + host, b"REMOTE_ADDR=" + host, b"REMOTE_PORT=" + port]
    if proto != "tcp":
        found.append(b"PROTO=" + proto.upper().encode())
        return found
    found += (b"PROTO=TCP", b"TCPREMOTEIP=" + host, b"TCPREMOTEPORT=" + port)
    local = launch.local_host
    if local:
        if local not in _seen:
            _check(local)
        found += (b"TCPLOCALIP=" + local.encode(), b"TCPLOCALPORT=%d" % launch.local_port)
    name, user = launch.name, launch.user
    if name and name not in ("unknown", "paranoid") and _NAME.fullmatch(name):
        found.append(b"TCPREMOTEHOST=" + name.encode())
    if user and user != "unknown" and _USER.fullmatch(user):
        found.append(b"TCPREMOTEINFO=" + user.encode())
    if launch.facts:
        found += fact_environment(launch)
    return found


def fact_environment(launch: Launch) -> list[bytes]:
    """``NAME=value`` for what else is known of the connection. Some of it is the client's own choice, so it is defused."""
    return [f"{name}={_UNSAFE.sub('_', value)}".encode("ascii") for name, value in launch.facts]


def unix_environment(fd: int) -> list[bytes]:
    """``NAME=value`` for what the kernel says of a unix socket's client: its user and group when it connected.

    UCSPI's names for local sockets, and REMOTE_UID. A listening socket has no client.
    """
    sock = socket.socket(fileno=fd)
    try:
        if sock.family != socket.AF_UNIX or sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return []
        pid, uid, gid = struct.unpack("iII", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except OSError:
        return []
    finally:
        sock.detach()
    if pid <= 0:
        return []  # a datagram, which says nothing about its sender
    values = (("REMOTE_UID", uid), ("REMOTE_GID", gid), ("IPCREMOTEEUID", uid), ("IPCREMOTEEGID", gid), ("IPCREMOTEPID", pid))
    return [b"%s=%d" % (name.encode(), value) for name, value in values]


def _check(address: str) -> None:
    # The shape first: a zone may hold anything.
    if _ADDRESS.fullmatch(address) is None:
        raise ControlError("an address is wrong")
    try:
        bare = address.partition("%")[0]
        socket.inet_pton(socket.AF_INET6 if ":" in bare else socket.AF_INET, bare)
    except OSError:
        raise ControlError("an address is wrong") from None
    if len(_seen) >= _SEEN_MOST:
        _seen.clear()
    _seen.add(address)
