"""What the master and a launcher say to each other: the launcher's identity, services, front and table of programs.

Runs in: master (root) and launchers. Standard library only. The master's words are trusted; of a launcher the master reads
one word at a time, bounded and in ASCII.

| word | sender | descriptor | means |
|---|---|---|---|
| T | master | memory | write the programs that run into this table (``running_table.py``) |
| C | master | memory | these are your services and policy options |
| F | master | socket | take requests from this end, and from no other |
| G | master | three files | the group of a program to come: number of its service, number of the group |
| L | master | memory | end what the programs of a launcher left that died (``Bequest``) |
| O | master | memory | outlive the master; end your programs so many seconds after all ends of this socket are gone |
| O | launcher | – | it will |
| X | launcher | – | the front broke the protocol: kill it |
| D | launcher | – | the pair with the front failed: give both of us another |
| W | launcher | – | groups are wanted for programs of a service: its number |
| E | launcher | – | these groups are not needed any more: their numbers |
"""

from __future__ import annotations

import errno
import json
import os
import socket

from superd.ipc.descriptors import as_memory, from_memory, receive_with, send_with
from superd.system.closing import let_all_go

TYPE_CHECKING = False  # as typing has it, which would cost every launcher 0.6 MiB
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

RETIRED_SECONDS = 60.0
"""A service or option that is no longer configured may still be asked for by connections that were decided before."""
TABLE, CONFIGURATION, FRONT, GROUP, OUTLIVE, BEQUEST = b"T", b"C", b"F", b"G", b"O", b"L"
BROKEN, DROPPED, WANTED, EMPTIED = b"X", b"D", b"W", b"E"
FROM_LAUNCHERS = frozenset({BROKEN, DROPPED, WANTED, EMPTIED, OUTLIVE})
MAX_COMPLAINT = 200
"""Bytes of a complaint's text."""
_MAX_WORD = 64
_MOST = 1 << 30
_DONTWAIT = int(socket.MSG_DONTWAIT)


class Bequeathed:
    """A program whose launcher died: its service and client, since when it runs (monotonic), and whether it has ended.

    Without a process (0) it was just being started, and its session is given up: it is to end, if it has begun.
    """

    __slots__ = ("over", "pid", "port", "service", "source", "started")

    def __init__(self, pid: int, service: str, source: str, port: int, started: float, *, over: bool) -> None:
        self.pid = pid
        self.service = service
        self.source = source
        self.port = port
        self.started = started
        self.over = over


class Bequest:
    """Programs of a launcher that died, and those of the master's children that one of them may have left."""

    __slots__ = ("children", "programs")

    def __init__(self, children: Sequence[int], programs: Sequence[Bequeathed]) -> None:
        self.children = children
        self.programs = programs


# ---------------------------------------------------------------------------------------------------- the master's end


def identity_text(
    uid: int,
    gid: int,
    groups: tuple[int, ...],
    nice: int,
    rlimits: tuple[tuple[int, int], ...],
    open_files: int | None,
    sandbox: str = "",
) -> str:
    """Return the argument that a launcher is started with: what it becomes for good."""
    return json.dumps({
        "uid": uid, "gid": gid, "groups": groups, "nice": nice, "rlimits": rlimits, "open_files": open_files, "sandbox": sandbox,
    })  # fmt: skip


def send_configuration(
    control: socket.socket, services: Mapping[str, Mapping[str, Any]], options: Mapping[str, tuple[str, str]]
) -> None:
    """Send the services by name, and the policy options as digest → (keyword, text). Raises ``OSError``; does not wait."""
    memory = as_memory("superd-services", json.dumps({"services": dict(services), "options": dict(options)}).encode())
    try:
        send_with(control, CONFIGURATION, (memory,), _DONTWAIT)
    finally:
        os.close(memory)


def send_front(control: socket.socket, end: int) -> None:
    """Send the end that requests come from; it stays the caller's. Raises ``OSError``; does not wait."""
    send_with(control, FRONT, (end,), _DONTWAIT)


def send_outlive(control: socket.socket, grace: float) -> None:
    """Have the launcher end its programs once the master is gone. Raises ``OSError``; does not wait."""
    memory = as_memory("superd-grace", repr(float(grace)).encode())
    try:
        send_with(control, OUTLIVE, (memory,), _DONTWAIT)
    finally:
        os.close(memory)


def send_bequest(control: socket.socket, bequest: Bequest) -> None:
    """Have the launcher end what is left of these programs. Raises ``OSError``; does not wait."""
    programs = [[one.pid, one.service, one.source, one.port, one.started, one.over] for one in bequest.programs]
    memory = as_memory("superd-bequest", json.dumps([list(bequest.children), programs]).encode())
    try:
        send_with(control, BEQUEST, (memory,), _DONTWAIT)
    finally:
        os.close(memory)


def send_table(control: socket.socket, memory: int) -> None:
    """Send the memory of the table of programs; it stays the caller's. Raises ``OSError``; does not wait."""
    send_with(control, TABLE, (memory,), _DONTWAIT)


def send_group(control: socket.socket, service: int, number: int, fds: tuple[int, int, int]) -> None:
    """Send a program's group: its files to enter and to kill it by, and its folder; they stay the caller's. Does not wait."""
    send_with(control, GROUP + b"%d %d" % (service, number), fds, _DONTWAIT)


def read_complaint(control: socket.socket) -> tuple[bytes, str] | None:
    """Return a launcher's word and its text; an empty word for none; ``None`` when the launcher is gone.

    A launcher runs as a service's user: a descriptor it sends is not received, and any other word counts for nothing.
    """
    try:
        data = control.recv(MAX_COMPLAINT + 1, _DONTWAIT)
    except BlockingIOError:
        return b"", ""
    except OSError:
        return None
    if not data:
        return None
    word = data[:1]
    return (word, data[1:].decode("ascii", "replace")) if word in FROM_LAUNCHERS else (b"", "")


# ---------------------------------------------------------------------------------------------------- the launcher's end


def parse_identity(text: str) -> dict[str, Any]:
    """Return what ``identity_text`` was given, by name."""
    found: dict[str, Any] = json.loads(text)
    return found


def receive_order(control: socket.socket) -> tuple[bytes, bytes, list[int]] | None:
    """Return the master's next word, its text and descriptors, which are the caller's; ``None`` when the master is gone.

    Raises ``BlockingIOError`` when there is none, another ``OSError`` when this process has no room for its descriptor.
    """
    try:
        data, fds, _ = receive_with(control, _MAX_WORD, 3)
    except ConnectionResetError:
        return None
    if not data:
        let_all_go(fds)
        return None
    word = data[:1]
    if len(fds) != (3 if word == GROUP else 1):
        let_all_go(fds)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))  # the only way to lose them
    return word, data[1:], fds


def read_configuration(memory: int) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """Return services and options as ``send_configuration`` was given them; closes ``memory``."""
    try:
        message = json.loads(from_memory(memory, _MOST))
    finally:
        os.close(memory)
    return message["services"], message["options"]


def read_bequest(memory: int) -> Bequest:
    """Return what ``send_bequest`` was given; closes ``memory``."""
    try:
        children, programs = json.loads(from_memory(memory, _MOST))
    finally:
        os.close(memory)
    return Bequest(children, [Bequeathed(*facts, over=over) for *facts, over in programs])


def read_grace(memory: int) -> float:
    """Return the seconds that ``send_outlive`` was given; closes ``memory``."""
    try:
        return float(from_memory(memory, 64))
    finally:
        os.close(memory)


def send_complaint(control: socket.socket, word: bytes, why: str) -> bool:
    """Tell the master; return whether it had room. One that is gone, or has hundreds of words unread, needs no complaint."""
    try:
        control.send(word + why.encode("ascii", "replace")[:MAX_COMPLAINT], _DONTWAIT)
    except OSError:
        return False
    return True
