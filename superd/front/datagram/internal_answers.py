"""Internal services of datagrams: one answer for each datagram that is admitted, never to a sender that answers by itself.

Runs in: the front.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from superd.front.datagram.verdicts import peer_of
from superd.internal import DATAGRAM
from superd.net.udp import MAX_DATAGRAM
from superd.policy.reflection import reflects

if TYPE_CHECKING:
    from superd.front.datagram.verdicts import DatagramVerdicts
    from superd.front.gate.compiled_service import CompiledService
    from superd.front.gate.gate import Gate
    from superd.net.listener import Listener

BATCH = 64
"""Datagrams answered in one pass before others are looked at."""


class InternalAnswers:
    """echo, discard, chargen, daytime and time over datagrams; a sensor is one that never answers."""

    def __init__(self, verdicts: DatagramVerdicts, gate: Gate, own_ports: Callable[[], frozenset[int]]) -> None:
        """``own_ports`` returns the ports on which this superd answers datagrams."""
        self._verdicts = verdicts
        self._gate = gate
        self._own_ports = own_ports

    def on_ready(self, listener: Listener, service: CompiledService) -> None:
        """Answer what waits in the listener's queue."""
        handler, own = DATAGRAM.get(service.service.internal, _no_answer), self._gate.own_rules(service)
        for _ in range(BATCH):
            try:
                payload, sender = listener.sock.recvfrom(MAX_DATAGRAM, socket.MSG_DONTWAIT)
            except OSError:
                return
            peer = peer_of(sender)
            if reflects(peer, self._own_ports()):
                continue  # not logged: the sender is forged, and a line for each would be a second weapon
            verdict = self._verdicts.check(service, peer, listener, own)
            if not verdict.admit:
                self._verdicts.refused(service, peer, verdict)
                continue
            self._verdicts.answered(service, peer)
            answer = handler(payload, time.time())  # noqa: TID251 - daytime and time tell the time of day
            if answer is not None and sender:
                try:
                    listener.sock.sendto(answer, socket.MSG_DONTWAIT, sender)
                except OSError:
                    continue  # the sender's network is gone, or its queue is full; UDP promises nothing


def _no_answer(payload: bytes, now: float) -> None:
    """Answer as a sensor does, which bans no sender of a datagram: it may be forged."""
