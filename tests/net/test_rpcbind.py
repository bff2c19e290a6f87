"""Registering with an rpcbind: one written from RFC 1833, over both ways there are, and none at all."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from superd.net import rpcbind
from superd.wire.rpc import SET, UNSET, Mapping

UDP = Mapping(100001, 2, "udp", "0.0.0.0", 4000)
TCP6 = Mapping(100001, 3, "tcp6", "::", 4001)


def _reply(xid: int, answer: bool) -> bytes:
    return struct.pack(">IIIIIII", xid, 1, 0, 0, 0, 0, answer)


class Fake:
    """Takes every SET of what it does not have, and every UNSET of what it has."""

    def __init__(self) -> None:
        self.table: set[tuple[object, ...]] = set()

    def answer(self, call: bytes) -> bytes:
        xid, kind, rpcvers, program, version, procedure, _, length = struct.unpack_from(">8I", call)
        assert (kind, rpcvers, program) == (0, 2, 100000)
        at = 32 + length + 8
        if version == 2:
            entry: tuple[object, ...] = struct.unpack_from(">IIII", call, at)
        else:
            number, vers = struct.unpack_from(">II", call, at)
            words, at = [], at + 8
            for _ in range(3):
                (size,) = struct.unpack_from(">I", call, at)
                words.append(call[at + 4 : at + 4 + size].decode())
                at += 4 + size + -size % 4
            entry = (number, vers, words[0], words[1])
        known = entry in self.table
        if procedure == SET:
            self.table.add(entry)
            return _reply(xid, not known)
        assert procedure == UNSET
        self.table.discard(entry)
        return _reply(xid, known)


@contextmanager
def serving(run: object, *sockets: socket.socket) -> Iterator[None]:
    thread = threading.Thread(target=run, daemon=True)  # type: ignore[arg-type]
    thread.start()
    yield
    for sock in sockets:
        sock.shutdown(socket.SHUT_RDWR) if sock.type == socket.SOCK_STREAM else sock.close()
        sock.close()


def soon() -> float:
    return time.monotonic() + 10


def test_the_unix_socket_takes_both_families(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, fake = str(tmp_path / "rpcbind.sock"), Fake()
    monkeypatch.setattr(rpcbind, "SOCKETS", (path,))
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()

    def run() -> None:
        try:
            while True:
                with server.accept()[0] as sock, sock.makefile("rb") as file:
                    while mark := file.read(4):
                        reply = fake.answer(file.read(struct.unpack(">I", mark)[0] & 0x7FFFFFFF))
                        sock.sendall(struct.pack(">I", 1 << 31 | len(reply)) + reply)
        except OSError:
            return

    with serving(run, server):
        assert rpcbind.change(SET, [UDP, TCP6], soon()) == {}
        assert fake.table == {(100001, 2, "udp", "0.0.0.0.15.160"), (100001, 3, "tcp6", "::.15.161")}
        assert rpcbind.change(SET, [UDP], soon()) == {UDP: ""}
        assert rpcbind.change(UNSET, [UDP, TCP6], soon()) == {}
        assert not fake.table


def test_a_portmapper_takes_ipv4_and_a_lost_datagram_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fake, server = Fake(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    monkeypatch.setattr(rpcbind, "SOCKETS", ())
    monkeypatch.setattr(rpcbind, "PORTMAPPER", server.getsockname())
    monkeypatch.setattr(rpcbind, "_TRY", 0.05)

    def run() -> None:
        server.recvfrom(1000)  # the first is lost
        call, sender = server.recvfrom(1000)
        server.sendto(_reply(1, False), sender)  # a reply to nothing that was asked
        server.sendto(fake.answer(call), sender)

    with serving(run):
        failed = rpcbind.change(SET, [UDP, TCP6], soon())
        assert "IPv4" in failed.pop(TCP6)
        assert not failed
        assert fake.table == {(100001, 2, 17, 4000)}
    server.close()


def test_without_any_the_answer_is_an_explanation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpcbind, "SOCKETS", ())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        monkeypatch.setattr(rpcbind, "PORTMAPPER", sock.getsockname())
        assert "does not answer" in rpcbind.change(SET, [UDP], time.monotonic() + 0.05)[UDP]
    assert "refused" in rpcbind.change(SET, [UDP], soon())[UDP]
    assert rpcbind.change(SET, [], soon()) == {}
