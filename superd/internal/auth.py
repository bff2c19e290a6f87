"""auth, RFC 1413: tells the other end of a connection which user of this host owns it. Nothing but that connection.

/proc/net/tcp and tcp6 say whose a socket is; every user may read them, so this needs no privilege. Without `-r` no user is
named: an answer is of use to an operator who asked for it, and to a spammer everywhere else.

Runs in: the front.
"""

from __future__ import annotations

import ipaddress
import os
import pwd
import random
import sys
from typing import TYPE_CHECKING

import trio

from superd.wire import ident

if TYPE_CHECKING:
    from superd.auth_options import AuthOptions
    from superd.peer import Peer

MAX_TABLE = 64 << 20
"""Bytes of a table that are read: 400,000 connections. After that no user is found."""
_AT_ONCE = 2
_NOT_OWNED = frozenset({b"03", b"06", b"07", b"0A", b"0C"})
"""SYN_RECV, TIME_WAIT, CLOSE, LISTEN, NEW_SYN_RECV: no process holds such a connection, the uid there is nobody's."""

_limiter: trio.CapacityLimiter | None = None


async def stream(sock: trio.socket.SocketType, client: Peer, server: Peer, options: AuthOptions) -> None:
    """Answers one question of ``client``, asked of the address ``server``; the caller closes."""
    global _limiter
    if _limiter is None:
        # Of its own: long tables must not take the threads that look names up.
        _limiter = trio.CapacityLimiter(_AT_ONCE)
    with trio.move_on_after(options.seconds):
        line = b""
        while b"\n" not in line and len(line) <= ident.MAX_QUESTION:
            data = await sock.recv(ident.MAX_QUESTION + 1 - len(line))
            if not data:
                return
            line += data
        ports = ident.parse_question(line.partition(b"\n")[0])
        if ports is None:
            return
        if not all(0 < port < 65536 for port in ports):
            await sock.send(ident.error_reply(ports, ident.INVALID_PORT))
            return
        reply = await trio.to_thread.run_sync(answer, ports, client, server, options, limiter=_limiter, abandon_on_cancel=True)
        await sock.send(reply)


def answer(ports: tuple[int, int], client: Peer, server: Peer, options: AuthOptions) -> bytes:
    """The reply about the connection from ``server``'s first port to ``client``'s second. May take a moment."""
    if not options.real:
        name = options.fallback
        return ident.user_reply(ports, options.system, name) if name else ident.error_reply(ports, ident.HIDDEN_USER)
    uid = owner((server.address, ports[0]), (client.address, ports[1]))
    if uid is None:
        if options.fallback:
            return ident.user_reply(ports, options.system, options.fallback)
        return ident.error_reply(ports, ident.NO_USER)
    if options.random:
        return ident.user_reply(ports, options.system, f"{random.SystemRandom().randrange(1 << 24):06x}")
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return ident.user_reply(ports, options.system, str(uid))
    if options.hide and _hidden(entry.pw_dir):
        return ident.error_reply(ports, ident.HIDDEN_USER)
    return ident.user_reply(ports, options.system, str(uid) if options.numeric else entry.pw_name)


def _hidden(home: str) -> bool:
    try:
        os.lstat(os.path.join(home, ".noident"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # home folder not readable: treat its owner as hidden
    return True


def owner(here: tuple[str, int], there: tuple[str, int], folder: str = "/proc/net") -> int | None:
    """The uid of who has a connection from ``here`` to ``there``, or ``None``."""
    wanted = [(name, _end(*here, name) + b" " + _end(*there, name)) for name in ("tcp", "tcp6")]
    for name, ends in wanted:
        try:
            with open(os.path.join(folder, name), "rb") as file:
                read = 0
                for line in file:
                    read += len(line)
                    if read > MAX_TABLE:
                        break
                    if ends in line:
                        uid = _uid(line, ends)
                        if uid is not None:
                            return uid
        except OSError:
            continue  # a host without IPv6 has no tcp6
    return None


def _uid(line: bytes, ends: bytes) -> int | None:
    words = line.split()
    # sl local remote st tx:rx tr:tm retransmit uid timeout inode (proc(5)); inode 0 is a socket that no process has
    if len(words) < 10 or b" ".join(words[1:3]) != ends or words[3] in _NOT_OWNED or words[9] == b"0":
        return None
    return int(words[7])


def _end(address: str, port: int, table: str) -> bytes:
    """``0100007F:1F90``: each 32 bits of the address in this machine's order, as the kernel prints them."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    packed = parsed.packed
    if table == "tcp6" and parsed.version == 4:
        packed = bytes(10) + b"\xff\xff" + packed
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    return b"".join(b"%08X" % int.from_bytes(word, sys.byteorder) for word in words) + b":%04X" % port
