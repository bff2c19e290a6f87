"""Asks the peer's ident server who owns the connection. Bounded to 512 bytes and a deadline; no fault is an exception.

Runs in: the front. Never: believes an answer; what it is good for is the rules' to say.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import trio

from superd.wire.ident import MAX_REPLY, Identity, parse_reply, question

if TYPE_CHECKING:
    from superd.peer import Peer

PORT = 113


async def ask(client: Peer, server: Peer, timeout: float, *, port: int = PORT) -> Identity:
    """Who owns the client's end, as its own host says, or why that is unknown after ``timeout`` seconds."""
    family = socket.AF_INET6 if client.version == 6 else socket.AF_INET
    reply, failure = b"", "system error"
    with trio.move_on_after(timeout):
        try:
            with trio.socket.socket(family, socket.SOCK_STREAM) as sock:
                # From the address the client connected to: its ident server looks for a connection to that one.
                await sock.bind((server.address, 0))
                failure = "no server"
                await sock.connect((client.address, port))
                failure = "error while receiving response"
                await sock.send(question(client.port, server.port))
                while b"\n" not in reply and len(reply) < MAX_REPLY:
                    data = await sock.recv(MAX_REPLY - len(reply))
                    if not data:
                        break
                    reply += data
        except OSError:
            return Identity(failure=failure)
        return parse_reply(reply, client.port, server.port)
    return Identity(failure="timeout")
