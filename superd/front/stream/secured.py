"""The handshake of a connection with TLS: a relay's, within its time; from then on the session has the plain end.

Runs in: the front. Has no key, and decides nothing: what the client's certificate says becomes part of its ``Peer``.
"""

from __future__ import annotations

import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from superd.front.stream.connection import Connection, Trip

HANDSHAKE_SECONDS = 10.0
"""From accept to the end of the handshake, where `limits.start` is not set: a client on a bad line needs two."""


async def secure(trip: Trip, connection: Connection) -> str:
    """Encrypt the connection: its ``sock`` is the plain end from here on. Returns why the handshake failed, or ``""``."""
    limits, session = connection.service.service.limits, connection.session
    plain, other = socket.socketpair()
    client, connection.sock = connection.sock, trio.socket.from_stdlib_socket(plain)
    plain.setblocking(False)
    fds = (client.detach(), other.detach())
    leg = connection.leg = trip.carriers.encrypt(session, fds, limits.idle or 0.0, limits.first_byte or 0.0)
    seconds = limits.start or HANDSHAKE_SECONDS
    done = False
    try:
        with trio.move_on_after(seconds):
            await leg.settled()
            done = True
    finally:
        if not done:
            leg.end()
    if not done:
        return f"no handshake within {seconds:g} s"
    if leg.failure:
        return f"the handshake failed: {leg.failure}" if leg.link is not None else leg.failure
    session.record.tls = leg.facts
    connection.client = session.record.peer = replace(connection.client, certificate=leg.names)
    return ""
