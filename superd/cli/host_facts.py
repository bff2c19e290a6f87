"""What ``superd check`` asks this host about hosts.allow and hosts.deny: files, users, netgroups, names. Starts nothing.

Names are asked for side by side and for five seconds at most: a dead name server must not hold a check up.
"""

from __future__ import annotations

import ctypes
import grp
import os
import pwd
import socket
import stat
import threading
import time
from typing import TYPE_CHECKING

from superd.frozen import frozen
from superd.lint.rules import Host
from superd.net.names import confirmed
from superd.peer import PARANOID
from superd.system.path_facts import program_fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_PATIENCE = 5.0
"""Seconds for all names together; a resolver's own patience is five for each server it asks."""
_ASKERS = 16
NO_SUCH_NAME = (socket.EAI_NONAME, socket.EAI_NODATA)
"""getaddrinfo(3)'s answers that a name does not exist; others mean that the answer is not known now."""


@frozen
class Named:
    """What the resolver says of a name. ``error`` is getaddrinfo(3)'s number, 0 for none."""

    error: int = 0
    official: str = ""
    addresses: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    """The names that these addresses have, where that is another one."""
    confirmed: bool = False


def host_of(daemons: Mapping[str, str], names: dict[str, Named], datagrams: Collection[str] = ()) -> Host:
    """This host, with what was found out about names. ``daemons`` has the daemon name of each service by its id."""

    def name(word: str) -> tuple[str, str]:
        return describe(word, names.get(word))

    def addresses(word: str) -> int:
        found = names.get(word)
        return len(found.addresses) if found is not None else 1

    known = set(daemons.values())
    return Host(program_fault, known, folder, file, identity, netgroup, name, addresses, datagrams, daemons)


def folder(path: str) -> str:
    """What is wrong with a folder of banners."""
    if os.path.isdir(path):
        return ""
    return "is not a folder" if os.path.exists(path) else "does not exist"


def file(path: str) -> str:
    """What is wrong with a `/file` of patterns; the reader of the file reports one that cannot be read."""
    return "" if os.path.exists(path) else "does not exist"


def identity(user: str, group: str) -> str:
    """What is wrong with the user and group of a rule."""
    if user:
        try:
            pwd.getpwnam(user)
        except KeyError:
            return f"user: `{user}` does not exist"
    if group:
        try:
            grp.getgrnam(group)
        except KeyError:
            return f"group: `{group}` does not exist"
    return ""


def netgroup(group: str) -> bool:
    """Whether there is such a netgroup, with a member."""
    if "\0" in group:
        return False
    libc = ctypes.CDLL(None)
    fields = [ctypes.c_char_p() for _ in range(3)]
    try:
        return bool(libc.setnetgrent(os.fsencode(group)) and libc.getnetgrent(*map(ctypes.byref, fields)))
    finally:
        libc.endnetgrent()


def writable(path: str) -> str:
    """The path, or the nearest folder above, that every user can write; nothing where none is (scaffold.c, check_path)."""
    place = os.path.realpath(path)
    while True:
        try:
            mode = os.stat(place).st_mode
        except OSError:
            mode = 0
        # In a sticky folder users can replace only their own files.
        if mode & stat.S_IWOTH and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX):
            return place
        above = os.path.dirname(place)
        if above == place:
            return ""
        place = above


def mode(path: str) -> int:
    """A file's mode, 0 where there is none."""
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0


def describe(word: str, found: Named | None) -> tuple[str, str]:
    """What is wrong with a host's name in a rule, and what it should be."""
    if found is None or found.confirmed:
        return "", ""
    if found.error in (socket.EAI_NONAME, socket.EAI_NODATA):
        return f"host `{word}` not found: it never matches", ""
    if found.error or not found.addresses:
        return "", ""
    if found.official.lower() != word.lower() and found.official:
        return f"`{word}` is an alias: clients are known by their official name", found.official
    better = found.called[0] if len(found.called) == 1 else found.addresses[0] if len(found.addresses) == 1 else ""
    if not found.called:
        return f"the address of `{word}` has no name, so it never matches", better
    return f"the address of `{word}` is called `{found.called[0]}`, so this name never matches", better


def ask_all(words: Iterable[str], patience: float = _PATIENCE) -> tuple[dict[str, Named], int]:
    """What the resolver says of each name, and how many it said nothing of in time."""
    waiting = list(dict.fromkeys(words))[::-1]
    count, found, done = len(waiting), {}, threading.Condition()

    def work() -> None:
        while True:
            with done:
                if not waiting:
                    return
                word = waiting.pop()
            answer = ask(word)
            with done:
                found[word] = answer
                done.notify()

    # Daemons: a thread that still waits for a server must not keep the command from ending.
    for _ in range(min(_ASKERS, count)):
        threading.Thread(target=work, daemon=True).start()
    end = time.monotonic() + patience
    with done:
        done.wait_for(lambda: len(found) == count, max(0.0, end - time.monotonic()))
        silent = sum(answer.error not in (0, socket.EAI_NONAME, socket.EAI_NODATA) for answer in found.values())
        return dict(found), count - len(found) + silent


def ask(word: str) -> Named:
    """One name, its addresses, and what those are called."""
    try:
        entries = socket.getaddrinfo(word, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)
    except socket.gaierror as problem:
        return Named(problem.errno or socket.EAI_FAIL)
    except (OSError, UnicodeError):
        return Named(socket.EAI_NONAME)
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))
    official = str(entries[0][3])
    called: dict[str, None] = {}
    for address in addresses:
        try:
            name = socket.getnameinfo((address, 0), socket.NI_NAMEREQD)[0]
        except (OSError, UnicodeError):
            continue
        if name.lower() == word.lower() and confirmed(name, address, official, addresses) != PARANOID:
            return Named(0, word, addresses, confirmed=True)
        called[name] = None
    return Named(0, official, addresses, tuple(called))
