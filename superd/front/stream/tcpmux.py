"""The internal service `tcpmux`: reads a name, and finds the service of that name (RFC 1078).

Runs in: the front. Only a service with ``type = "TCPMUX"`` or ``"TCPMUXPLUS"`` can be reached so, and then as by a port of its
own: its addresses, wrappers, limits, banners, user and log count, besides tcpmux's own (CVE-2012-0862, CVE-2013-4342).
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import trio

from superd.errors import PeerError
from superd.wire import tcpmux

if TYPE_CHECKING:
    from collections.abc import Mapping

    from superd.front.gate.compiled_service import CompiledService

NAME_SECONDS = 30.0
"""From accept to the whole name: a program sends it at once, a person types it."""


async def read_choice(services: Mapping[str, CompiledService], sock: trio.socket.SocketType) -> CompiledService | None:
    """Return the service that the client names, or None after it got its answer. Reads nothing that follows the name."""
    reader, name = tcpmux.NameReader(), None
    with trio.move_on_after(NAME_SECONDS):
        try:
            while name is None:
                data = await sock.recv(tcpmux.MAX_LINE, socket.MSG_PEEK)
                if not data:
                    return None
                taken, name = reader.take(data)
                await sock.recv(taken)
        except PeerError:
            name = ""
    if name is None:
        return None
    clients = {service.service.service.lower(): service for service in services.values() if service.service.mux_client}
    if name == tcpmux.HELP and name not in clients:
        await sock.send(tcpmux.help_text(sorted(clients)))
        return None
    if name not in clients:
        await sock.send(tcpmux.REFUSED)
    return clients.get(name)
