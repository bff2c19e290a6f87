"""The label that a relay keeps of each session, for a later front: what it needs to know of the session.

Pure. A front wrote it, and a relay, which reads strangers' bytes, gives it back: so it is read as if a stranger had written it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from superd.ipc import relay_messages as messages
from superd.peer import peer_from_text, unix_peer

if TYPE_CHECKING:
    from superd.peer import Peer
    from superd.record import SessionRecord


def label_of(record: SessionRecord, mode: int) -> bytes:
    """What a later front needs to know of a session: its relay keeps it."""
    peer = record.peer
    where = [peer.address, peer.port] if peer is not None and peer.version else ["", 0]
    return json.dumps([record.service.name, *where, mode], ensure_ascii=False).encode()


def read_label(label: bytes) -> tuple[str, Peer, int] | None:
    """Service, peer and mode of a label; None for what no front of ours wrote."""
    try:
        match json.loads(label):
            case [str(name), str(address), int(port), int(mode)] if 0 <= port < 65536 and mode in messages.DESCRIPTORS:
                peer = peer_from_text(address, port) if address else unix_peer()
                return name, peer, mode
    except (ValueError, RecursionError):
        pass
    return None
