"""What: sockets that a service manager opened for superd (sd_listen_fds(3)), by their address.

Runs in: master. Never: binds; a path among these sockets is the service manager's, to keep and to remove.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from superd.net.bind import address_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, MutableMapping

    from superd.address import BindAddress

FIRST_FD = 3
"""SD_LISTEN_FDS_START."""


def inherited_fds(environ: Mapping[str, str]) -> range:
    """Return the descriptors that were opened for this process: none when the variables are for another one."""
    pid, count = environ.get("LISTEN_PID", ""), environ.get("LISTEN_FDS", "")
    if pid != str(os.getpid()) or not (count.isascii() and count.isdecimal()):
        return range(0)
    return range(FIRST_FD, FIRST_FD + min(int(count), 1 << 16))


def inherited(environ: MutableMapping[str, str], others: Collection[int] = ()) -> dict[BindAddress, socket.socket]:
    """Return these sockets by address, non-blocking and close-on-exec, without ``others``; clears the variables."""
    fds = inherited_fds(environ)
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(name, None)
    result: dict[BindAddress, socket.socket] = {}
    for fd in fds:
        if fd in others:
            continue
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            continue  # a file or a pipe, which was not meant for us
        os.set_inheritable(fd, False)
        sock.setblocking(False)
        address = address_of(sock)
        if address is not None:
            result[address] = sock
    return result
