"""Sockets that are not accepted from: finds the part of the front that a datagram or a `wait` service belongs to.

Runs in: the front. Never: reads a datagram.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.front.datagram.internal_answers import InternalAnswers
    from superd.front.datagram.peer_programs import PeerPrograms
    from superd.front.datagram.wait_programs import WaitPrograms
    from superd.front.gate.compiled_service import CompiledService
    from superd.net.listener import Listener


class DatagramSockets:
    """All such sockets of the front."""

    def __init__(self, internal: InternalAnswers, wait: WaitPrograms, peers: PeerPrograms) -> None:
        self._internal = internal
        self._wait = wait
        self._peers = peers

    def on_ready(self, listener: Listener, service: CompiledService) -> None:
        """Pass on that something waits in the listener's queue."""
        if service.service.hands_over:
            self._wait.on_ready(listener, service)
        elif service.program:
            self._peers.on_ready(listener, service)
        else:
            self._internal.on_ready(listener, service)

    def forget(self, listener: Listener) -> None:
        """Forget a listener that is closed."""
        self._peers.forget(listener)
        self._wait.forget(listener)
