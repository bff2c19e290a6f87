"""Registers RPC services with this host's rpcbind, and takes them back. Blocks, but never past its deadline.

The one who asks must be who has the service's ports: the master, which also has the rights.

Runs in: the master. Never: reads what a client sends.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable

from superd.errors import PeerError
from superd.wire import rpc

SOCKETS = ("/run/rpcbind.sock", "/var/run/rpcbind.sock")
PORTMAPPER = ("127.0.0.1", 111)
_TRY = 0.5
"""Seconds until a datagram is sent again."""


def change(procedure: int, mappings: Iterable[rpc.Mapping], deadline: float) -> dict[rpc.Mapping, str]:
    """Sets or unsets each mapping, until ``deadline`` (monotonic). Returns those that it did not, and why not.

    ``""`` is rpcbind's own no. It never raises.
    """
    left = sorted(set(mappings))
    if not left:
        return {}
    path = next((path for path in SOCKETS if os.path.exists(path)), None)
    failed: dict[rpc.Mapping, str] = {}
    try:
        with _Stream(path, deadline) if path is not None else _Datagrams(deadline) as client:
            while left:
                try:
                    if not client.ask(procedure, left[0]):
                        failed[left[0]] = ""
                except PeerError as problem:
                    failed[left[0]] = f"rpcbind: {problem}"
                except KeyError:
                    failed[left[0]] = "the portmapper knows IPv4 alone"
                left.pop(0)
    except TimeoutError:
        return failed | dict.fromkeys(left, "rpcbind does not answer")
    except OSError as problem:
        return failed | dict.fromkeys(left, f"rpcbind cannot be asked: {problem.strerror}")
    return failed


class _Client:
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline
        self._xid = int.from_bytes(os.urandom(4), "big")

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._sock.close()

    def ask(self, procedure: int, mapping: rpc.Mapping) -> bool:
        raise NotImplementedError

    def _wait(self, most: float) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(most, left))


class _Stream(_Client):
    def __init__(self, path: str, deadline: float) -> None:
        super().__init__(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), deadline)
        try:
            self._wait(deadline)
            self._sock.connect(path)
        except OSError:
            self._sock.close()
            raise

    def ask(self, procedure: int, mapping: rpc.Mapping) -> bool:
        self._xid = (self._xid + 1) & 0xFFFFFFFF
        self._wait(self._deadline)
        self._sock.sendall(rpc.rpcbind_call(self._xid, procedure, mapping, os.geteuid(), os.getegid()))
        data = b""
        while True:
            found = rpc.record(data)
            if found is not None:
                answer = rpc.parse_reply(self._xid, found)
                if answer is not None:
                    return answer
                data = data[4 + len(found) :]
                continue
            self._wait(self._deadline)
            piece = self._sock.recv(rpc.MAX_REPLY)
            if not piece:
                raise ConnectionResetError(104, "it closed the connection")
            data += piece


class _Datagrams(_Client):
    def __init__(self, deadline: float) -> None:
        super().__init__(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), deadline)
        try:
            _bind_reserved(self._sock)
            self._sock.connect(PORTMAPPER)
        except OSError:
            self._sock.close()
            raise

    def ask(self, procedure: int, mapping: rpc.Mapping) -> bool:
        self._xid = (self._xid + 1) & 0xFFFFFFFF
        call = rpc.portmap_call(self._xid, procedure, mapping)
        while True:
            self._sock.send(call)
            self._wait(_TRY)
            try:
                while (answer := rpc.parse_reply(self._xid, self._sock.recv(rpc.MAX_REPLY))) is None:
                    self._wait(_TRY)
            except TimeoutError:
                continue  # lost, or not there yet: the deadline ends this
            return answer


def _bind_reserved(sock: socket.socket) -> None:
    # rpcbind believes only who has a port below 1024 (its security.c); without root it may still take it with -i.
    if os.geteuid() != 0:
        return
    for port in range(1023, 599, -1):
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            continue
        return
