"""Values that have a grammar of their own: times of day, redirects, listen addresses. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from superd.address import SocketType, parse_listen
from superd.auth_options import parse_auth_options

if TYPE_CHECKING:
    from superd.service import Service


def check_words(service: Service) -> list[tuple[str, str]]:
    """(key, what is wrong) for each such value of a service."""
    found: list[tuple[str, str]] = []
    if isinstance(service.port, str):
        found.append(("port", f"`{service.port}` is not in /etc/services"))
    elif service.port is not None and not 0 <= service.port <= 65535:
        found.append(("port", f"`{service.port}` is not from 0 to 65535"))
    else:
        try:
            service.addresses()
        except ValueError as problem:
            found.append(("listen", str(problem)))
    if service.redirect.startswith("unix:"):
        try:
            parse_listen(service.redirect, SocketType.STREAM)
        except ValueError as problem:
            found.append(("redirect", str(problem)))
    elif service.redirect:
        host, colon, port = service.redirect.rpartition(":")
        if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
            found.append(("redirect", f"`{service.redirect}` is not host:port, nor unix:/path"))
    if "RPC" in service.type:
        found += _rpc(service)
    if service.internal == "auth":
        try:
            parse_auth_options(service.server_args)
        except ValueError as problem:
            found.append(("server_args", str(problem)))
    return found


def _rpc(service: Service) -> list[tuple[str, str]]:
    match = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", service.rpc_version, re.ASCII)
    if match is None or not 0 <= int(match[2] or match[1]) - int(match[1]) < 100:
        return [("rpc_version", f"`{service.rpc_version}` is not n or n-m")]
    if service.rpc_number is None:
        return [("rpc_number", f"`{service.service}` is not in /etc/rpc: give the number")]
    if not 0 < service.rpc_number < 1 << 32 or service.proto not in ("tcp", "udp"):
        return [("rpc_number", "an RPC service has a number of 32 bits, and tcp or udp")]
    return []
