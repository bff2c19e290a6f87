"""What a program finds in its environment about the connection. Pure, standard library only.

Three dialects at once, each by its own rules: xinetd's REMOTE_HOST (the address), systemd's and CGI's REMOTE_ADDR and
REMOTE_PORT, and UCSPI's PROTO and TCP* (cr.yp.to/ucspi-tcp/environment.html).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from superd.errors import ControlError

if TYPE_CHECKING:
    from superd.wire.launch_message import Launch

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")
_USER = re.compile(r"[\x21-\x7e]{1,255}")


def connection_environment(launch: Launch) -> list[bytes]:
    """``NAME=value`` for each variable. Raises ``ControlError`` for a field that is no address."""
    host = launch.remote_host.encode()
    if launch.proto == "unix":
        return [b"PROTO=UNIX", b"REMOTE_HOST=localhost", b"REMOTE_ADDR=localhost"]
    if not launch.remote_host:
        return [b"PROTO=" + launch.proto.upper().encode()]
    _check(launch.remote_host)
    found = [
        b"REMOTE_HOST=" + host,
        b"REMOTE_ADDR=" + host,
        b"REMOTE_PORT=%d" % launch.remote_port,
    ]
    local = launch.local_host.encode()
    if launch.local_host:
        _check(launch.local_host)
    if launch.proto == "tcp":
        found += [
            b"PROTO=TCP",
            b"TCPREMOTEIP=" + host,
            b"TCPREMOTEPORT=%d" % launch.remote_port,
            b"TCPLOCALIP=" + local,
            b"TCPLOCALPORT=%d" % launch.local_port,
        ]
        if _NAME.fullmatch(launch.name) and launch.name not in ("unknown", "paranoid"):
            found.append(b"TCPREMOTEHOST=" + launch.name.encode())
        if _USER.fullmatch(launch.user) and launch.user != "unknown":
            found.append(b"TCPREMOTEINFO=" + launch.user.encode())
    elif launch.proto.isalnum():
        found.append(b"PROTO=" + launch.proto.upper().encode())
    return found


_seen: set[str] = set()


def _check(address: str) -> None:
    if address in _seen:
        return
    try:
        ipaddress.ip_address(address)
    except ValueError:
        raise ControlError("an address is wrong") from None
    if len(_seen) >= 4096:
        _seen.clear()
    _seen.add(address)
