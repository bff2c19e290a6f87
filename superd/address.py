"""Where a service listens: the key of every table. Parses, shows and compares; never opens a socket."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import netaddr


class SocketType(StrEnum):
    """socket(2)'s types, by the word that inetd.conf and xinetd.conf use."""

    STREAM = "stream"
    DGRAM = "dgram"
    SEQPACKET = "seqpacket"
    RAW = "raw"


@dataclass(frozen=True, slots=True, order=True)
class BindAddress:
    """One address to listen on: IP and port, or a unix path.

    ``host`` is numeric text, ``""`` for every address of both families (one dual-stack socket), and unused for unix.
    ``port`` is 0 for unix and for "any free port". ``path`` begins with ``/`` or ``@`` (abstract).
    ``dual`` says that an IPv6 socket takes IPv4 too (IPV6_V6ONLY off); it is True for ``host == ""``.
    ``owner`` is the service's id where ``port`` is 0: any free port of one service is not that of another.
    """

    socket_type: SocketType
    host: str = ""
    port: int = 0
    path: str = ""
    dual: bool = False
    owner: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        if not self.host:
            return f"*:{self.port}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def describe(self) -> str:
        """The address with its socket type, as tables and log lines show it: ``*:21/stream``."""
        return f"{self}/{self.socket_type}" + (f" ({self.owner})" if self.owner else "")

    def overlaps(self, other: BindAddress) -> bool:
        """Whether the kernel would refuse to bind both (same type and port, hosts that cover each other)."""
        if self.socket_type is not other.socket_type or self.path != other.path:
            return False
        if self.path:
            return True
        if self.port != other.port or self.port == 0:
            return False
        if self.host == other.host:
            return True
        return _covers(self, other) or _covers(other, self)


def _covers(wide: BindAddress, narrow: BindAddress) -> bool:
    if wide.host == "":
        return True
    if wide.host == "0.0.0.0":  # noqa: S104 - compared, not bound
        return ":" not in narrow.host
    if wide.host == "::":
        return ":" in narrow.host or wide.dual
    return False


@lru_cache(maxsize=8192)  # a reload asks the same of each service several times
def parse_listen(text: str, socket_type: SocketType, default_port: int | None = None) -> BindAddress:
    """``21``, ``*:21``, ``192.0.2.1:21``, ``[::1]:21``, ``192.0.2.1`` (with a default port) or ``unix:/path``.

    ``[::]:21`` is IPv6 alone; ``*:21`` is both families on one socket, which is the explicit way to say dual-stack.
    Raises ``ValueError`` with a message that names the value.
    """
    if text.startswith("unix:"):
        path = text[5:]
        if not path.startswith(("/", "@")) or len(path.encode()) > 107:  # sockaddr_un.sun_path, unix(7)
            raise ValueError(f"`{text}` needs an absolute path (or @name) of at most 107 bytes after unix:")
        return BindAddress(socket_type, path=path)
    host, port = _split_port(text, default_port)
    if host in ("", "*"):
        return BindAddress(socket_type, "", port, dual=True)
    bare, _, zone = host.partition("%")
    try:
        address = netaddr.IPAddress(bare, flags=netaddr.INET_PTON)
    except (netaddr.AddrFormatError, ValueError):
        raise ValueError(f"`{text}`: `{host}` is not a numeric address") from None
    return BindAddress(socket_type, f"{address}%{zone}" if zone else str(address), port)


def _split_port(text: str, default_port: int | None) -> tuple[str, int]:
    host, port = text, ""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"`{text}` is not [address]:port")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    elif text.isdecimal():
        host, port = "", text
    if port == "":
        if default_port is None:
            raise ValueError(f"`{text}` has no port")
        return host, default_port
    if not port.isdecimal() or not port.isascii() or int(port) > 65535:
        raise ValueError(f"`{text}`: port `{port}` is not a number from 0 to 65535")
    return host, int(port)
