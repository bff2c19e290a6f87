"""journald's socket, played by the test: datagrams, entries in sealed memory files, away and back."""

from __future__ import annotations

import array
import fcntl
import os
import socket
from pathlib import Path

from superd.log.journal_sink import JournalSink


def journald(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(str(path))
    sock.settimeout(5)
    return sock


def test_each_entry_is_a_datagram(tmp_path: Path) -> None:
    sink = JournalSink(10, str(tmp_path / "socket"))
    with journald(tmp_path / "socket") as journal:
        sink.put(b"MESSAGE=one\n")
        sink.put(b"MESSAGE=two\n")
        assert sink.flush()
        assert [journal.recv(100), journal.recv(100)] == [b"MESSAGE=one\n", b"MESSAGE=two\n"]
    sink.close()


def test_a_large_entry_comes_as_a_sealed_memory_file(tmp_path: Path) -> None:
    sink = JournalSink(10, str(tmp_path / "socket"))
    entry = b"MESSAGE=" + b"x" * (8 << 20) + b"\n"
    with journald(tmp_path / "socket") as journal:
        sink.put(entry)
        assert sink.flush()
        data, ancillary, _, _ = journal.recvmsg(100, socket.CMSG_SPACE(4))
        assert data == b""
        [(_, _, raw)] = ancillary
        [fd] = array.array("i", raw)
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
        assert seals == fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
        assert os.pread(fd, len(entry) + 1, 0) == entry
        os.close(fd)
    sink.close()


def test_a_journald_that_is_away_is_reported_once_and_gets_all_when_it_is_back(tmp_path: Path) -> None:
    told: list[str] = []
    sink = JournalSink(10, str(tmp_path / "socket"), told.append)
    for entry in (b"A=1\n", b"A=2\n"):
        sink.put(entry)
        assert not sink.flush()
    assert told == ["No such file or directory"]
    with journald(tmp_path / "socket") as journal:
        assert sink.flush()
        assert [journal.recv(100), journal.recv(100)] == [b"A=1\n", b"A=2\n"]
    sink.close()


def test_a_journald_that_reads_slowly_loses_nothing_up_to_the_bound(tmp_path: Path) -> None:
    sink = JournalSink(200, str(tmp_path / "socket"))
    with journald(tmp_path / "socket") as journal:
        for number in range(250):
            sink.put(b"A=%d\n" % number)
        assert sink.queue.dropped == 50
        got = []
        while not sink.flush():
            got.append(journal.recv(100))
        journal.setblocking(False)
        while len(got) < 200:
            got.append(journal.recv(100))
    assert got == [b"A=%d\n" % number for number in range(200)]
    sink.close()
