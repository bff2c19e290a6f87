"""The internal service `tcpmux`: reads a name, and gives the connection to the service of that name (RFC 1078).

Only a service that says ``type = "TCPMUX"`` or ``"TCPMUXPLUS"`` can be reached so, and then as by a port of its own: its
addresses, wrappers, limits, banners, user and log count, besides tcpmux's own (CVE-2012-0862, CVE-2013-4342 were this).
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import trio

from superd.errors import PeerError
from superd.policy.admission import admit
from superd.verdict import Reason, Verdict
from superd.wire import tcpmux

if TYPE_CHECKING:
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.process import Front
    from superd.front.sessions.live import LiveSession
    from superd.peer import Peer
    from superd.verdict import Ask

NAME_SECONDS = 30.0
"""From accept to the whole name: a program sends it at once, a person types it."""


async def read_choice(front: Front, sock: trio.socket.SocketType) -> CompiledService | None:
    """The service the client names, or ``None`` after it got its answer. Takes nothing out of the socket behind the name."""
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
    clients = {state.service.service.lower(): state for state in front.in_force.services.values() if state.service.mux_client}
    if name == tcpmux.HELP and name not in clients:
        await sock.send(tcpmux.help_text(sorted(clients)))
        return None
    if name not in clients:
        await sock.send(tcpmux.REFUSED)
    return clients.get(name)


def enter_choice(front: Front, state: CompiledService, peer: Peer) -> tuple[LiveSession, Verdict | Ask | None]:
    """Admission to the chosen service, and its session: what ``Front._arrive`` does for a connection to a port."""
    now = time.monotonic()
    first = admit(state.access, peer, front.counts, now, front.world)
    if front.arrivals.undecided >= front.in_force.settings.undecided and not isinstance(first, Verdict):
        first = Verdict(False, Reason.OVERLOAD, detail="too many connections wait")
    front.arrivals.undecided += 1
    return front.book.enter(state, peer, now), first
