"""The proxy that a connection came through, and what it said of the client.

Runs in: the front. Holds values; believes nothing by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from superd.frozen import frozen

if TYPE_CHECKING:
    from superd.peer import Peer

Facts = tuple[tuple[str, str], ...]
"""(name, value) pairs for a program's environment; the names are those of ``ipc/launch_records.py``."""


@frozen
class Through:
    """``proxy`` is the other end of the socket; ``facts`` are what its header says besides the addresses."""

    proxy: Peer
    facts: Facts = ()
