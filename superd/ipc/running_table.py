"""The programs a launcher runs, in memory that it shares with the master, which reads it when the launcher has died.

Runs in: launchers (write) and master (read). Standard library only. A launcher runs as a service's user, so the master
believes of the table only what it can check: that the process is its own child, and that the launcher had the service.

One slot a program. A slot is written before the start with process 0, so the master also sees what a launcher that stands
still is about to start. When the program has ended the slot stays without a connection until its launcher has ended what
the program left: that is another launcher's work if this one dies.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_SLOTS = 16384
"""Programs of one launcher that are written down; the memory is used as far as they are many."""
_SLOT = struct.Struct("<dI46sHIQ")
"""Monotonic seconds of the start, number of the service, address and port of the client, process, connection.

The connection comes last, as it is written: without one the slot counts as free.
"""
_CONN_AT = _SLOT.size - 8
_PID_AT = _CONN_AT - 4
_PID = struct.Struct("<I")
_NO_CONN, _FREE = bytes(8), bytes(12)


class Entry:
    """One program: process (0 while it is being started), connection (0 when it has ended), start, number of its service,

    address and port of its client.
    """

    __slots__ = ("conn", "index", "pid", "port", "source", "started")

    def __init__(self, pid: int, conn: int, started: float, index: int, source: str, port: int) -> None:
        self.pid = pid
        self.conn = conn
        self.started = started
        self.index = index
        self.source = source
        self.port = port


def make_table() -> int:
    """Return new memory for a table. Its size is sealed: a launcher cannot make the master read more."""
    fd = os.memfd_create("superd-programs", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, MAX_SLOTS * _SLOT.size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd


def read_table(fd: int) -> Iterator[Entry]:
    """Return every entry that is in use."""
    data = os.pread(fd, MAX_SLOTS * _SLOT.size, 0)
    for started, index, source, port, pid, conn in _SLOT.iter_unpack(data[: len(data) - len(data) % _SLOT.size]):
        if pid or conn:
            yield Entry(pid, conn, started, index, source.rstrip(b"\0").decode("ascii", "replace"), port)


class RunningTable:
    """The launcher's end. Without memory (``-1``) it writes nothing."""

    def __init__(self) -> None:
        self._fd = -1
        self._memory: mmap.mmap | bytearray = bytearray()
        self._free: list[int] = []
        self._next = 0

    def use(self, fd: int) -> None:
        """Write to ``fd``, which is this object's from here."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._free = fd, []
        # Written through it is what a write(2) has given memory before: without any a system call fails, and a store kills.
        try:
            self._memory = mmap.mmap(fd, MAX_SLOTS * _SLOT.size)
        except OSError:  # no memory just now: programs run all the same, and are not written down
            os.close(fd)
            self._fd, self._free, self._next = -1, [], MAX_SLOTS

    def starting(self, conn: int, index: int, source: str, port: int, now: float) -> int:
        """Write that a program is about to be started; returns its slot, -1 when there is none left."""
        if self._free:
            slot = self._free.pop()  # its memory was given by the write below
            _SLOT.pack_into(self._memory, slot * _SLOT.size, now, index, source.encode(), port, 0, conn)
            return slot
        if self._next < MAX_SLOTS and self._fd >= 0:
            slot = self._next
            self._next += 1
        else:
            return -1
        try:
            os.pwrite(self._fd, _SLOT.pack(now, index, source.encode(), port, 0, conn), slot * _SLOT.size)
        except OSError:
            self._next = slot  # no memory just now: the program runs all the same
            return -1
        return slot

    def started(self, slot: int, pid: int) -> None:
        """Write the process of a slot."""
        if slot >= 0:
            _PID.pack_into(self._memory, slot * _SLOT.size + _PID_AT, pid)

    def ended(self, slot: int) -> None:
        """Write that the program of a slot has ended; what it left is still to be looked at."""
        if slot >= 0:
            start = slot * _SLOT.size + _CONN_AT
            self._memory[start : start + 8] = _NO_CONN

    def free(self, slots: Iterable[int]) -> None:
        """Free slots: their programs were not started, or have ended with all that they left."""
        for slot in slots:
            if slot < 0:
                continue
            start = slot * _SLOT.size + _PID_AT
            self._memory[start : start + 12] = _FREE
            self._free.append(slot)
