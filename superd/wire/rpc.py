"""ONC RPC (RFC 5531) as far as rpcbind (RFC 1833) needs it: calls that register a service, and their replies. No sockets.

Version 4 over rpcbind's unix socket, where it sees who asks; version 2, the portmapper's, over loopback for hosts that have
nothing else. Version 2 knows IPv4 alone.

Runs in: the master. Pure.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from superd.errors import PeerError

PROGRAM = 100000
SET, UNSET = 1, 2
MAX_REPLY = 4096
"""Bytes of a reply that are looked at; a yes or no takes 28."""

_CALL, _REPLY, _VERSION = 0, 1, 2
_PROTOCOLS = {"tcp": 6, "udp": 17}
_LAST = 1 << 31


@dataclass(frozen=True, slots=True, order=True)
class Mapping:
    """One line of rpcbind's table. ``netid`` is tcp, udp, tcp6 or udp6; ``host`` is numeric text."""

    program: int
    version: int
    netid: str
    host: str
    port: int


def portmap_call(xid: int, procedure: int, mapping: Mapping) -> bytes:
    """A call of version 2, as a datagram. Raises ``KeyError`` for a netid that version 2 does not have."""
    protocol = _PROTOCOLS[mapping.netid]
    return _call(xid, 2, procedure, b"") + struct.pack(">IIII", mapping.program, mapping.version, protocol, mapping.port)


def rpcbind_call(xid: int, procedure: int, mapping: Mapping, uid: int, gid: int) -> bytes:
    """A call of version 4, as a record of a stream. ``uid`` and ``gid`` are the caller's."""
    # AUTH_SYS: stamp, machine name, uid, gid, no groups. rpcbind goes by the socket's own credentials where it has them.
    credentials = struct.pack(">I", 0) + _string("") + struct.pack(">III", uid, gid, 0)
    address = f"{mapping.host}.{mapping.port >> 8}.{mapping.port & 255}"
    body = _call(xid, 4, procedure, credentials) + struct.pack(">II", mapping.program, mapping.version)
    body += _string(mapping.netid) + _string(address) + _string(str(uid))
    return struct.pack(">I", _LAST | len(body)) + body


def record(data: bytes) -> bytes | None:
    """The record at the beginning of a stream, or ``None`` while it is not whole. Raises ``PeerError`` for a long one."""
    if len(data) < 4:
        return None
    (mark,) = struct.unpack_from(">I", data)
    size = mark & ~_LAST
    if not mark & _LAST or size > MAX_REPLY:
        raise PeerError("the record is not one short fragment")
    return data[4 : 4 + size] if len(data) >= 4 + size else None


def parse_reply(xid: int, data: bytes) -> bool | None:
    """What rpcbind said, or ``None`` for the reply to another call. Raises ``PeerError`` for a refusal or nonsense."""
    try:
        number, kind, state = struct.unpack_from(">III", data)
        if number != xid or kind != _REPLY:
            return None
        if state != 0:
            raise PeerError("the call was denied")
        (length,) = struct.unpack_from(">I", data, 16)
        at = 20 + length + -length % 4
        accepted, value = struct.unpack_from(">II", data + bytes(4), at)
    except struct.error:
        raise PeerError("the reply is cut off") from None
    if accepted != 0:
        raise PeerError(f"the call was not carried out ({_REFUSALS.get(accepted, accepted)})")
    if len(data) < at + 8:
        raise PeerError("the reply is cut off")
    return bool(value)


_REFUSALS = {1: "no such program", 2: "no such version", 3: "no such procedure", 4: "garbage arguments", 5: "system error"}


def _call(xid: int, version: int, procedure: int, credentials: bytes) -> bytes:
    flavor = 1 if credentials else 0
    return (
        struct.pack(">IIIIII", xid, _CALL, _VERSION, PROGRAM, version, procedure)
        + struct.pack(">II", flavor, len(credentials))
        + credentials
        + struct.pack(">II", 0, 0)
    )


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">I", len(data)) + data + bytes(-len(data) % 4)
