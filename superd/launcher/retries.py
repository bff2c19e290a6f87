"""Launches that the kernel had no room for: kept with their connections, and tried again with growing pauses.

Runs in: launchers. Standard library only. Never starts a program: ``starts.py`` does, with what is due.
"""

from __future__ import annotations

from collections.abc import Iterator

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from superd.ipc.launch_codec import Launch

FIRST, LAST, TOTAL = 0.05, 1.0, 10.0
"""Seconds between tries, doubling, and how long a connection is kept for them."""
GROUP_TOTAL = 30.0
"""How long a connection waits for a group of processes. The master makes them, and is away while an upgrade loads: on a busy
machine for ten seconds and more."""
MOST = 128
"""Connections that are kept; from here on requests stay in the socket's buffer, which pushes back on accept."""
NEVER = float("inf")


class Retry:
    """A launch that is tried again: at ``due``, then after ``pause``. It was tried first at ``began`` (monotonic seconds).

    It owns ``fd``.
    """

    __slots__ = ("began", "due", "fd", "pause", "request")

    def __init__(self, due: float, pause: float, began: float, request: Launch, fd: int) -> None:
        self.due = due
        self.pause = pause
        self.began = began
        self.request = request
        self.fd = fd


class Retries:
    """All launches that wait, in the order of their first try."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: list[Retry] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Retry]:
        return iter(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no further request may be read."""
        return len(self._waiting) >= MOST

    @property
    def due(self) -> float:
        """When the first is tried again (monotonic)."""
        return min((entry.due for entry in self._waiting), default=NEVER)

    def keep(self, request: Launch, fd: int, pause: float, began: float, now: float, total: float = TOTAL) -> None:
        """Keep a launch that failed just now, ``pause`` seconds after the try before; the last is ``total`` after the first."""
        self._waiting.append(Retry(min(now + pause, began + total), min(pause * 2, LAST), began, request, fd))

    def hurry(self) -> None:
        """Try all of them now: what they waited for may have come."""
        for entry in self._waiting:
            entry.due = 0.0

    def take_due(self, now: float) -> list[Retry]:
        """Return what is to be tried now; its descriptors are the caller's."""
        due = [entry for entry in self._waiting if entry.due <= now]
        if due:
            self._waiting = [entry for entry in self._waiting if entry.due > now]
        return due

    def give_back(self, entries: list[Retry]) -> None:
        """Take entries that were not tried."""
        self._waiting += entries

    def take(self, conn: int) -> Retry | None:
        """Return the launch of a connection, which is the caller's then; None if none of it waits."""
        for entry in self._waiting:
            if entry.request.conn == conn:
                self._waiting.remove(entry)
                return entry
        return None
