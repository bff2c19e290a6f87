"""What a service manager keeps for superd from one start to the next (FDSTORE of sd_notify(3)).

What: puts descriptors and a table into the store at the end, finds them again at the start, and empties the store then.
Runs in: master.
Never: leaves half of it: without the table, which is sent last, the rest means nothing and is closed.
"""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from superd.frozen import frozen
from superd.ipc.descriptors import as_memory
from superd.net.inherited import inherited_fds
from superd.system.successor import FORMAT, MAX_TABLE

NAME = "superd-"
"""The begin of each descriptor's name in the store; its number in the earlier process, or the word of the table, follows."""
TABLE = "table"
WAIT = 5.0
"""Seconds that the manager has to take them all."""


class ManagerStore:
    """The store of the manager at ``path`` (``$NOTIFY_SOCKET``), which takes ``room`` descriptors (``$FDSTORE``)."""

    def __init__(self, path: str, room: str) -> None:
        self._path = "\0" + path[1:] if path.startswith("@") else path
        self._room = int(room) if room.isascii() and room.isdecimal() else 0

    def takes(self, count: int) -> bool:
        """Return whether there is such a store, with room for as many and a table."""
        return bool(self._path) and count < self._room

    def put(self, table: dict[str, Any], fds: Iterable[int]) -> None:
        """Put it all into the store, and wait until the manager has it. Raises ``OSError``."""
        memory = as_memory("superd-table", json.dumps({"format": FORMAT, **table}).encode())
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(WAIT)
            sock.connect(self._path)
            for name, fd in (*((str(fd), fd) for fd in fds), (TABLE, memory)):
                # FDPOLL=0: a pair whose other end is in the store too, or a process that ended, is not to be thrown out.
                socket.send_fds(sock, [f"FDSTORE=1\nFDNAME={NAME}{name}\nFDPOLL=0".encode()], [fd])
            read, write = os.pipe()
            try:
                socket.send_fds(sock, [b"BARRIER=1"], [write])
                os.close(write)
                write = -1
                waiting = select.poll()
                waiting.register(read, select.POLLIN)
                if not waiting.poll(WAIT * 1000):
                    raise TimeoutError("the service manager does not take them")
            finally:
                os.close(read)
                if write >= 0:
                    os.close(write)
                os.close(memory)

    def empty(self, names: Iterable[str]) -> None:
        """Have the manager let go of what was taken over."""
        if not self._path:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(WAIT)
            for name in names:
                try:
                    sock.sendto(f"FDSTOREREMOVE=1\nFDNAME={name}".encode(), self._path)
                except OSError:
                    return  # it keeps them open; nothing else is wrong


@frozen
class Stored:
    """What an earlier superd left: its table with the descriptors' numbers of this process, and all names and descriptors."""

    table: dict[str, Any] | None = None
    names: tuple[str, ...] = ()
    fds: frozenset[int] = frozenset()


def take_stored(environ: Mapping[str, str]) -> Stored:
    """Return what is in the store. Without a table that this superd understands the descriptors are closed."""
    passed = zip(inherited_fds(environ), environ.get("LISTEN_FDNAMES", "").split(":"), strict=False)
    stored = {name: fd for fd, name in passed if name.startswith(NAME)}
    if not stored:
        return Stored()
    everything = frozenset(stored.values())
    for fd in everything:
        os.set_inheritable(fd, False)
    names = tuple(stored)
    table = _read(stored.pop(NAME + TABLE, -1))
    numbers = {int(name[len(NAME) :]): fd for name, fd in stored.items() if name[len(NAME) :].isdecimal()}
    found = _renumbered(table, numbers) if table is not None else None
    if found is None:
        for fd in stored.values():
            os.close(fd)
    return Stored(found, names, everything)


def _read(memory: int) -> dict[str, Any] | None:
    if memory < 0:
        return None
    try:
        table = json.loads(os.pread(memory, min(os.fstat(memory).st_size, MAX_TABLE), 0))
    except (OSError, ValueError):
        return None
    finally:
        os.close(memory)
    return table if isinstance(table, dict) and table.get("format") == FORMAT else None


def _renumbered(table: dict[str, Any], numbers: dict[int, int]) -> dict[str, Any] | None:
    """Return the table with new numbers; None where a descriptor is missing."""
    try:
        for row in table["listeners"]:
            row["fd"] = numbers[row["fd"]]
        for row in (*table["launchers"]["slots"], *table["relays"]):
            for key in ("front", "launcher", "relay"):
                if key in row:
                    row[key] = numbers[row[key]]
            if row.get("process"):
                pid, *own = row["process"]
                row["process"] = [pid, *(numbers[fd] for fd in own)]
        table["words"] = [numbers[fd] for fd in table["words"]]
        table["kept"] = numbers[table["kept"]]
        table["waiting"] = numbers[table["waiting"]] if table.get("waiting", -1) >= 0 else -1
        table["adopted"] = [[pid, numbers[fd]] for pid, fd in table["adopted"]]
    except (KeyError, TypeError):
        return None
    return table
