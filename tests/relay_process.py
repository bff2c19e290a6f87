"""A real relay process, with the test in the place of the front; and what its sessions need."""

from __future__ import annotations

import array
import os
import select
import socket
from pathlib import Path
from typing import TypeVar

from superd.ipc import relay_messages as messages
from superd.ipc.message_pair import message_pair
from superd.master.relay_pool import start_relay

WAIT = 10.0
_Report = TypeVar("_Report")


class RelayProcess:
    """One relay; ``front`` is the front's end of its pair."""

    def __init__(self, user: tuple[int, int] | None = None, keys: int = -1) -> None:
        """``keys``: memory of keys, which stays the caller's; the relay speaks TLS."""
        self.front, theirs = message_pair()
        self.pid = start_relay(theirs, user, keys=keys)
        theirs.close()
        self.front.settimeout(WAIT)
        self._seen: list[messages.Report] = []
        self._status: int | None = None

    def carry(self, carry: messages.Carry, *fds: int) -> None:
        """Hands a session over; the descriptors stay the caller's."""
        self.say(messages.encode_request(carry), *fds)

    def ask(self, request: messages.End | messages.List | messages.Ping) -> None:
        """Sends any other request."""
        self.say(messages.encode_request(request))

    def say(self, data: bytes, *fds: int) -> None:
        """Sends a message as it is."""
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.front.sendmsg([data], rights)

    def report(self, kind: type[_Report], number: int | None = None) -> _Report:
        """The next report of this kind (about this session)."""
        while True:
            for index, report in enumerate(self._seen):
                if isinstance(report, kind) and number in (None, getattr(report, "number", None)):
                    del self._seen[index]
                    return report
            data = self.front.recv(messages.MAX_MESSAGE)
            assert data, "the relay ended"
            self._seen += messages.parse_reports(data)

    def settled(self) -> None:
        """Returns when everything that was sent before has been obeyed."""
        self.ask(messages.Ping(4711))
        self.report(messages.Alive)

    def settled_without_reading(self) -> None:
        """Returns when it has reported something, which stays in the pair."""
        assert select.select([self.front], [], [], WAIT)[0]

    def open_files(self) -> int:
        """How many descriptors it has. Root's to see."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    def status(self) -> int:
        """Waits for its end; its exit status, or minus the signal's number."""
        if self._status is None:
            pidfd = os.pidfd_open(self.pid)
            try:
                assert select.select([pidfd], [], [], WAIT)[0], "the relay does not end"
            finally:
                os.close(pidfd)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._status

    def close(self) -> None:
        """Ends it, and its sessions with it."""
        if self._status is None:
            os.kill(self.pid, 9)
            self.status()
        self.front.close()


def carry(number: int, mode: int, *, idle: float = 0.0, session: float = 0.0, label: bytes = b"") -> messages.Carry:
    """A request with what a test names."""
    return messages.Carry(number, mode, idle, session, label)


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = socket.create_connection(server.getsockname(), WAIT)
        theirs = server.accept()[0]
    theirs.settimeout(WAIT)
    return ours, theirs


def read_all(sock: socket.socket) -> bytes:
    """All that comes until the other side ends."""
    found = []
    while piece := sock.recv(1 << 18):
        found.append(piece)
    return b"".join(found)
