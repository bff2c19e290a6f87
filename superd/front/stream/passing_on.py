"""The clients of a queue go from a front to the next one, at an upgrade and at a restart with a descriptor store.

Who waits is sent into a socket pair, each with what cannot be learned from its connection: the service, until when it waits,
and what a proxy said of it. The kernel keeps them until the next front has begun, whose gate decides anew.

Runs in: the front. Believes no more of an earlier front than the shape of what it says: a client's own address comes from its
socket, and a proxy counts only if the service has it now. Never waits.
"""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from superd.errors import ControlError
from superd.frozen import frozen
from superd.ipc.descriptors import receive_with, send_with
from superd.net import peername
from superd.peer import peer_from_text, unix_peer
from superd.system.closing import let_all_go, let_go
from superd.through import Through

if TYPE_CHECKING:
    from superd.peer import Peer

MOST = 64
"""Clients in one message; the kernel takes 253 descriptors (SCM_MAX_FD)."""
ROOM = 32 << 10
"""Bytes of one message."""


@frozen
class Waited:
    """A client in a queue. ``until`` is when its time there is over (monotonic); ``fd`` is the receiver's."""

    service: str
    fd: int
    peer: Peer
    server: Peer
    through: Through | None
    until: float


def pass_on(channel: socket.socket, clients: Iterable[Waited]) -> list[Waited]:
    """Send these clients; return those that found no room. Their connections stay the caller's."""
    refused: list[Waited] = []
    batch: list[tuple[Waited, str]] = []
    size = 0
    for client in clients:
        text = json.dumps(_written(client))
        if len(text) > ROOM // 2:
            refused.append(client)
            continue
        if len(batch) == MOST or size + len(text) > ROOM - 2 * MOST:
            refused += _sent(channel, batch)
            batch, size = [], 0
        batch.append((client, text))
        size += len(text)
    return refused + _sent(channel, batch)


def _sent(channel: socket.socket, batch: list[tuple[Waited, str]]) -> list[Waited]:
    if not batch:
        return []
    data = f"[{','.join(text for _, text in batch)}]".encode()
    try:
        send_with(channel, data, [client.fd for client, _ in batch], socket.MSG_DONTWAIT)
    except OSError:  # the pair is full, or too many descriptors are on their way
        return [client for client, _ in batch]
    return []


def _written(client: Waited) -> list[Any]:
    if client.through is None:
        return [client.service, client.until]
    ends = [client.peer.address, client.peer.port, client.server.address, client.server.port]
    return [client.service, client.until, ends, client.through.facts]


def passed_on(channel: socket.socket) -> Iterator[Waited]:
    """Take all clients that were sent; what does not look like one is closed."""
    while True:
        try:
            data, fds, _ = receive_with(channel, ROOM, MOST, socket.MSG_DONTWAIT)
        except (ControlError, OSError):
            return
        if not data:
            return
        try:
            rows = json.loads(data)
        except (ValueError, RecursionError):
            rows = None
        if not isinstance(rows, list) or len(rows) != len(fds):
            let_all_go(fds)
            continue
        for row, fd in zip(rows, fds, strict=True):
            waited = _read(row, fd)
            if waited is None:
                let_go(fd)
            else:
                yield waited


def _read(row: Any, fd: int) -> Waited | None:
    """Return the client that a row and a connection are; None for anything else, and for one that is gone."""
    try:
        service, until, *announced = row
        if not isinstance(service, str) or not math.isfinite(until):
            return None
        peer, server = _ends_of(fd)
        if not announced:
            return Waited(service, fd, peer, server, None, until)
        (client, client_port, own, own_port), facts = announced
        through = Through(peer, tuple((str(name), str(value)) for name, value in facts))
        return Waited(service, fd, peer_from_text(client, int(client_port)), peer_from_text(own, int(own_port)), through, until)
    except (TypeError, ValueError, OSError):
        return None


def _ends_of(fd: int) -> tuple[Peer, Peer]:
    """Return the client and our end of a connection. Raises ``OSError`` for what is none, or none any more."""
    sock = socket.socket(fileno=fd)
    try:
        if sock.type != socket.SOCK_STREAM:
            raise OSError
        name = sock.getpeername()
        if sock.family == socket.AF_UNIX:
            return peername.remote_of_unix(fd), unix_peer()
        return peername.remote(name), peername.local_of(fd)
    finally:
        sock.detach()
