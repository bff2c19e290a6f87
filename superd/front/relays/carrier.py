"""One relay as the front counts it, and a program whose bytes it carries.

Runs in: the front. Holds values; decides nothing.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from superd.ipc import relay_messages as messages

if TYPE_CHECKING:
    from superd.front.relays.legs import Leg
    from superd.front.relays.relay_link import RelayLink
    from superd.front.sessions.live import Carried, LiveSession, Running


class CarriedProgram:
    """A program with a relay between it and its client, as what runs for a session."""

    def __init__(self, program: Running, link: RelayLink, carried: Carried) -> None:
        self._program = program
        self._link = link
        self._carried = carried

    def signal(self, conn: int, number: int) -> None:
        """Signal the program. When that has ended, or is killed, what is left for the client is not waited for."""
        ended = self._carried.end is not None
        if not ended:
            self._program.signal(conn, number)
        if ended or number == signal.SIGKILL:
            self._link.signal(conn, number)


class Carrier:
    """One relay: its link, its sessions, and whether it still lists those of an earlier front."""

    def __init__(self, link: RelayLink) -> None:
        self.link = link
        self.sessions: dict[int, tuple[LiveSession | None, int]] = {}
        """Each with how many descriptors it has. None: a program's session of an earlier front, which its launcher reports."""
        self.legs: dict[int, Leg] = {}
        self.files = 0
        self.listing = 0
        """The question for the sessions of an earlier front, until it is answered."""
        self.asked = self.answered = 0

    def of_earlier_front(self, conn: int) -> bool:
        """Whether a session may be one that an earlier front had begun."""
        return bool(self.listing) or self.sessions.get(conn, (self, 0))[0] is None

    def enter(self, conn: int, session: LiveSession | None, mode: int) -> None:
        """The relay has a session."""
        self.sessions[conn] = (session, messages.DESCRIPTORS[mode])
        self.files += messages.DESCRIPTORS[mode]

    def leave(self, conn: int) -> LiveSession | None:
        """The relay has this session no more."""
        session, files = self.sessions.pop(conn)
        self.files -= files
        return session
