"""Would answering this datagram make superd a weapon? Pure (inetd.c, dg_badinput; CVE-1999-0103, CVE-2024-2169).

Runs in: the front.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from superd.peer import Peer

ECHOERS = frozenset({0, 7, 13, 17, 19, 37, 53, 69, 111, 123, 137, 161, 389, 1900, 5353, 11211})
"""Ports whose owners answer whatever comes: the forged sender of a loop or of an amplification."""


def reflects(sender: Peer, own_ports: frozenset[int]) -> bool:
    """Whether an answer to ``sender`` is refused: a known echoer's port, one of ours, or no single host's address."""
    if not sender.version:
        return False  # a unix socket's sender cannot be forged, and has no port
    if sender.port in ECHOERS or sender.port in own_ports:
        return True
    if sender.version == 4:
        top = sender.number >> 24
        return top in (0, 255) or 224 <= top <= 239
    return sender.version == 6 and (sender.number == 0 or sender.number >> 120 == 0xFF)
